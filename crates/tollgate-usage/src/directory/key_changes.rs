//! Making and changing keys.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_core::Secret;
use tollgate_core::ir::Protocol;

use super::key::StoredSecret;
use super::token::{self, Digest};
use super::{DirectoryError, KeyPath, VirtualKey, time};

/// A key to be made. Everything but the name has a default, which is no limit.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// The name under which its use is accounted: 1 to 128 letters, digits, `-`, `_`, `.`, `@`, `:` or `/`.
    pub name: String,
    /// Where it belongs.
    pub path: Option<KeyPath>,
    /// Tags of requests that do not give a value of their own; at most 16.
    pub tags: BTreeMap<String, String>,
    /// The models that it may be used for; `*` at the end stands for anything.
    pub models: Vec<String>,
    /// The providers that it may be used for.
    pub providers: Vec<String>,
    /// The protocols of the front doors that it may be used at: `openai_chat`, `openai_responses`, `anthropic_messages`,
    /// `gemini_generate` or `ollama_chat`.
    pub protocols: Vec<String>,
    /// Whether it may be used for what a provider offers besides, also where models or protocols are limited. Then models
    /// are not limited there, because only the provider can tell which are asked for.
    pub passthrough: bool,
    /// Limits on its use.
    pub limits: Vec<Value>,
    /// Budgets for its use.
    pub budgets: Vec<Value>,
    /// Until when it is valid.
    #[serde(with = "time::optional")]
    pub expires_at: Option<SystemTime>,
    /// Whether it is refused for now.
    pub disabled: bool,
}

/// What is to change of a key; what is `None`, or absent in JSON, stays.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyUpdate {
    /// Where it belongs; null removes it.
    #[serde(deserialize_with = "present")]
    pub path: Option<Option<KeyPath>>,
    /// Its default tags, all of them.
    pub tags: Option<BTreeMap<String, String>>,
    /// The models that it may be used for.
    pub models: Option<Vec<String>>,
    /// The providers that it may be used for.
    pub providers: Option<Vec<String>>,
    /// The protocols that it may be used at.
    pub protocols: Option<Vec<String>>,
    /// Whether it may be used for what a provider offers besides.
    pub passthrough: Option<bool>,
    /// Limits on its use, all of them.
    pub limits: Option<Vec<Value>>,
    /// Budgets for its use, all of them.
    pub budgets: Option<Vec<Value>>,
    /// Until when it is valid; null removes the end.
    #[serde(deserialize_with = "time::changed::deserialize")]
    pub expires_at: Option<Option<SystemTime>>,
    /// Whether it is refused.
    pub disabled: Option<bool>,
    /// The version that is to be changed; by default whichever there is.
    pub version: Option<u64>,
}

/// A key with its secret, which nobody can see a second time.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// The key.
    pub key: VirtualKey,
    /// The text that its holder sends.
    pub secret: Secret,
}

/// The name under which the use of the configuration's own client key is accounted.
const RESERVED: &str = "default";
const MAX_NAME: usize = 128;
const MAX_TAGS: usize = 16;
const MAX_LIST: usize = 256;
/// How many secrets are taken for a key at most: more than one rotation may be under way.
const MAX_SECRETS: usize = 5;

/// The protocols that there are front doors for.
const DOORS: [Protocol; 5] = [
    Protocol::OpenAiChat,
    Protocol::OpenAiResponses,
    Protocol::AnthropicMessages,
    Protocol::GeminiGenerate,
    Protocol::OllamaChat,
];

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<KeyPath>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

// === impl NewKey ===

impl NewKey {
    /// Makes the key.
    pub(crate) fn issue(self) -> Result<IssuedKey, DirectoryError> {
        check_name(&self.name)?;
        let id = token::new_id()?;
        let secret = token::new_token(&id)?;
        let now = time::now();
        let key = VirtualKey {
            prefix: token::visible_part(&id),
            id,
            name: self.name,
            path: self.path,
            tags: self.tags,
            models: self.models,
            providers: self.providers,
            protocols: self.protocols,
            passthrough: self.passthrough,
            limits: self.limits,
            budgets: self.budgets,
            expires_at: self.expires_at,
            disabled: self.disabled,
            previous_secret_until: None,
            version: 0,
            created_at: now,
            changed_at: now,
            last_used_at: None,
            secrets: vec![StoredSecret { digest: Digest::of(secret.expose()), until: None }],
        };
        check_key(&key)?;
        Ok(IssuedKey { key, secret })
    }
}

// === impl KeyUpdate ===

impl KeyUpdate {
    /// Only changes whether it is refused.
    #[must_use]
    pub fn disabled(disabled: bool) -> Self {
        Self { disabled: Some(disabled), ..Self::default() }
    }

    /// Only changes until when it is valid.
    #[must_use]
    pub fn expires_at(end: Option<SystemTime>) -> Self {
        Self { expires_at: Some(end), ..Self::default() }
    }

    /// The word for the audit log: what somebody looks for there is who has disabled a key.
    pub(crate) fn action(&self) -> &'static str {
        let others = Self { disabled: None, expires_at: None, version: None, ..self.clone() };
        match (self.disabled, self.expires_at, others == Self::default()) {
            (Some(true), None, true) => "disable",
            (Some(false), None, true) => "enable",
            (None, Some(_), true) => "expire",
            _ => "update",
        }
    }

    pub(crate) fn apply(self, key: &mut VirtualKey) -> Result<(), DirectoryError> {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut key.path, self.path);
        set(&mut key.tags, self.tags);
        set(&mut key.models, self.models);
        set(&mut key.providers, self.providers);
        set(&mut key.protocols, self.protocols);
        set(&mut key.passthrough, self.passthrough);
        set(&mut key.limits, self.limits);
        set(&mut key.budgets, self.budgets);
        set(&mut key.expires_at, self.expires_at);
        set(&mut key.disabled, self.disabled);
        check_key(key)
    }
}

impl VirtualKey {
    /// Gives it a new secret. Those it had are taken until `grace` has passed, but no longer than they were to be before.
    pub(crate) fn rotate(&mut self, grace: Duration) -> Result<Secret, DirectoryError> {
        let now = time::now();
        let secret = token::new_token(&self.id)?;
        let end = now.checked_add(grace).ok_or_else(|| DirectoryError::invalid("a grace period without end"))?;
        for held in &mut self.secrets {
            held.until = Some(held.until.map_or(end, |until| until.min(end)));
        }
        self.secrets.retain(|held| held.until > Some(now));
        self.secrets.insert(0, StoredSecret { digest: Digest::of(secret.expose()), until: None });
        self.secrets.truncate(MAX_SECRETS);
        self.previous_secret_until = self.secrets.iter().filter_map(|held| held.until).max();
        Ok(secret)
    }
}

impl Serialize for IssuedKey {
    /// The key with its secret as a further member `secret`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Whole<'a> {
            secret: &'a str,
            #[serde(flatten)]
            key: &'a VirtualKey,
        }
        Whole { secret: self.secret.expose(), key: &self.key }.serialize(serializer)
    }
}

fn check_name(name: &str) -> Result<(), DirectoryError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@:/".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_allowed) {
        let message = "a key's name has 1 to 128 letters, digits, -, _, ., @, : or /";
        return Err(DirectoryError::invalid(message));
    }
    if name == RESERVED {
        return Err(DirectoryError::invalid("`default` is the name of the key in the configuration; choose another"));
    }
    Ok(())
}

fn check_key(key: &VirtualKey) -> Result<(), DirectoryError> {
    let doors = DOORS.map(Protocol::as_str);
    if let Some(unknown) = key.protocols.iter().find(|word| !doors.contains(&word.as_str())) {
        let message = format!("`{unknown}` is no protocol of a front door; there are {}", doors.join(", "));
        return Err(DirectoryError::invalid(message));
    }
    let lists = [&key.models, &key.providers];
    if lists.iter().any(|list| list.len() > MAX_LIST || list.iter().any(|name| name.is_empty() || name.len() > 256)) {
        return Err(DirectoryError::invalid("at most 256 models and providers, with names of 1 to 256 bytes"));
    }
    if let Some(name) = key.models.iter().find(|name| name.trim_end_matches('*').contains('*') || name.ends_with("**"))
    {
        return Err(DirectoryError::invalid(format!("`{name}`: `*` may stand at the end of a model's name only")));
    }
    let is_tag =
        |text: &str| !text.is_empty() && text.len() <= 128 && !text.contains([',', '=']) && text.trim() == text;
    if key.tags.len() > MAX_TAGS || key.tags.iter().any(|(name, value)| !is_tag(name) || !is_tag(value)) {
        return Err(DirectoryError::invalid("at most 16 tags, each of at most 128 bytes without , and ="));
    }
    if key.limits.len() + key.budgets.len() > MAX_LIST {
        return Err(DirectoryError::invalid("at most 256 limits and budgets for a key"));
    }
    Ok(())
}
