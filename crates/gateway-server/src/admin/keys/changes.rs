//! Keys that are made, and what is changed of them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tollgate_usage::directory::{self, KeyPath};

use crate::admin::rest::{Bounded, Failure, Kind, Name, PathText, Pattern, Seconds, Tags, Time, Version};
use crate::rules::{Budget, KeyScope, Limit};
use crate::texts::Object;

const MAX_NAMES: usize = 256;
const MAX_RULES: usize = 64;

/// A key to be made. Everything but the name has a default, which is no limit.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewKey {
    /// The name under which its use is accounted; it never changes.
    name: KeyName,
    /// Where it belongs, such as `acme/search/alice`.
    path: Option<PathText>,
    /// Tags of requests that do not give a value of their own.
    #[serde(default)]
    tags: Tags,
    /// The models that it may be used for.
    #[serde(default)]
    models: Bounded<Pattern, MAX_NAMES>,
    /// The providers that it may be used for.
    #[serde(default)]
    providers: Bounded<Name, MAX_NAMES>,
    /// The protocols of the front doors that it may be used at.
    #[serde(default)]
    protocols: Bounded<Door, MAX_NAMES>,
    /// Whether it may be used for what a provider offers besides, also where models or protocols are limited.
    #[serde(default)]
    passthrough: bool,
    /// Limits on its use.
    #[serde(default)]
    limits: Bounded<Object<Limit<KeyScope>>, MAX_RULES>,
    /// Budgets for its use.
    #[serde(default)]
    budgets: Bounded<Object<Budget<KeyScope>>, MAX_RULES>,
    /// Until when it is valid.
    expires_at: Option<Time>,
    /// Whether it is refused for now.
    #[serde(default)]
    disabled: bool,
}

/// What is to change of a key; what is left out stays.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct KeyUpdate {
    /// Where it belongs; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<PathText>"))]
    path: Option<Option<PathText>>,
    /// Its default tags, all of them.
    tags: Option<Tags>,
    /// The models that it may be used for, all of them.
    models: Option<Bounded<Pattern, MAX_NAMES>>,
    /// The providers that it may be used for, all of them.
    providers: Option<Bounded<Name, MAX_NAMES>>,
    /// The protocols that it may be used at, all of them.
    protocols: Option<Bounded<Door, MAX_NAMES>>,
    /// Whether it may be used for what a provider offers besides.
    passthrough: Option<bool>,
    /// Limits on its use, all of them.
    limits: Option<Bounded<Object<Limit<KeyScope>>, MAX_RULES>>,
    /// Budgets for its use, all of them.
    budgets: Option<Bounded<Object<Budget<KeyScope>>, MAX_RULES>>,
    /// Until when it is valid; null removes the end.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    expires_at: Option<Option<Time>>,
    /// Whether it is refused.
    disabled: Option<bool>,
    /// The version that is to be changed; without it, whichever there is.
    version: Option<Version>,
}

/// How a key gets another secret.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Rotation {
    /// For how long the old secret is taken as well.
    #[serde(default)]
    pub(super) grace_seconds: Seconds,
}

/// The name of a key to be made.
struct KeyName(String);

/// The protocol of a front door.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
enum Door {
    #[serde(rename = "openai_chat")]
    OpenAiChat,
    #[serde(rename = "openai_responses")]
    OpenAiResponses,
    AnthropicMessages,
    GeminiGenerate,
    OllamaChat,
}

/// Whatever is given, null included.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The path that a text is.
pub(super) fn path(text: &PathText) -> Result<KeyPath, Failure> {
    text.0.parse().map_err(|error: directory::ParsePathError| Failure::new(Kind::Invalid, error.to_string()))
}

fn texts<T: Into<String>, const MAX: usize>(list: Bounded<T, MAX>) -> Vec<String> {
    list.0.into_iter().map(Into::into).collect()
}

/// Rules as the directory keeps them.
fn bodies<T: Serialize, const MAX: usize>(rules: &Bounded<T, MAX>) -> Result<Vec<Value>, Failure> {
    let written = rules.0.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    written.map_err(|error| Failure::new(Kind::Invalid, format!("A rule cannot be written: {error}.")))
}

// === impl NewKey ===

impl TryFrom<NewKey> for directory::NewKey {
    type Error = Failure;

    fn try_from(new: NewKey) -> Result<Self, Failure> {
        Ok(Self {
            name: new.name.0,
            path: new.path.as_ref().map(path).transpose()?,
            tags: new.tags.into(),
            models: texts(new.models),
            providers: texts(new.providers),
            protocols: texts(new.protocols),
            passthrough: new.passthrough,
            limits: bodies(&new.limits)?,
            budgets: bodies(&new.budgets)?,
            expires_at: new.expires_at.map(|time| time.0),
            disabled: new.disabled,
        })
    }
}

// === impl KeyUpdate ===

impl TryFrom<KeyUpdate> for directory::KeyUpdate {
    type Error = Failure;

    fn try_from(update: KeyUpdate) -> Result<Self, Failure> {
        Ok(Self {
            path: update.path.map(|given| given.as_ref().map(path).transpose()).transpose()?,
            tags: update.tags.map(Into::into),
            models: update.models.map(texts),
            providers: update.providers.map(texts),
            protocols: update.protocols.map(texts),
            passthrough: update.passthrough,
            limits: update.limits.as_ref().map(bodies).transpose()?,
            budgets: update.budgets.as_ref().map(bodies).transpose()?,
            expires_at: update.expires_at.map(|given| given.map(|time| time.0)),
            disabled: update.disabled,
            version: update.version.map(|version| version.0),
        })
    }
}

// === impl KeyName ===

impl<'de> Deserialize<'de> for KeyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Name::deserialize(deserializer)?.0;
        if name == "default" {
            return Err(D::Error::custom("`default` is the name of the configuration's key"));
        }
        Ok(Self(name))
    }
}

// === impl Door ===

impl From<Door> for String {
    fn from(door: Door) -> Self {
        match door {
            Door::OpenAiChat => "openai_chat",
            Door::OpenAiResponses => "openai_responses",
            Door::AnthropicMessages => "anthropic_messages",
            Door::GeminiGenerate => "gemini_generate",
            Door::OllamaChat => "ollama_chat",
        }
        .to_owned()
    }
}

#[cfg(feature = "schema")]
mod schemas {
    use schemars::{JsonSchema, Schema, SchemaGenerator};
    use serde_json::json;

    use super::*;

    impl JsonSchema for KeyName {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> std::borrow::Cow<'static, str> {
            "KeyName".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let mut schema = Name::json_schema(generator);
            schema.insert("not".to_owned(), json!({ "const": "default" }));
            schema
        }
    }
}
