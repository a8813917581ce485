//! Texts and numbers of a certain form, as the admin API and managed documents have them. The OpenAPI document gives each form as a regular expression, and a test holds the two together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Something that JSON says with an object. Derived readers also take a list of the values in order, which nobody means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Object<T>(pub(crate) T);

/// At most so many tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Tags(BTreeMap<TagText, TagText>);

const MAX_TAGS: usize = 16;

/// What [`is_tag`] accepts.
#[cfg(feature = "schema")]
pub(crate) const TAG_PATTERN: &str = "[!-+.-<>-~-]([ -+.-<>-~-]{0,126}[!-+.-<>-~-])?";

/// A schema that stands where it is used; one that needs the generator says by which name.
#[cfg(feature = "schema")]
macro_rules! inline_schema {
    ($name:ident, $generator:ident, $schema:tt) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
    ($($name:ident $schema:tt;)*) => {$($crate::texts::inline_schema!($name, _generator, $schema);)*};
}
#[cfg(feature = "schema")]
pub(crate) use inline_schema;

/// Declares a text that a function accepts.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident, $accepts:ident, $pattern:expr, $expected:literal;)*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                if $accepts(&text) { Ok(Self(text.into_owned())) } else { Err(D::Error::custom($expected)) }
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )*};
}

texts! {
    /// What a filter compares with: anything that can be printed.
    Word, is_word, "^[ -~\u{a0}-\u{d7ff}]{1,256}$", "must have 1 to 256 characters that can be printed";

    /// The name of a key, or the id of a rule.
    Name, is_name, "^[A-Za-z0-9_.@:/-]{1,128}$", "must have 1 to 128 letters, digits, -, _, ., @, : or /";

    /// A path such as `acme/search/alice`: at most eight parts.
    PathText, is_path, "^[A-Za-z0-9_.@-]{1,64}(/[A-Za-z0-9_.@-]{1,64}){0,7}$",
        "must be a path such as acme/search/alice: at most 8 parts of at most 64 letters, digits, -, _, . or @";

    /// The name or the value of a tag.
    TagText, is_tag, format!("^{TAG_PATTERN}$"),
        "must have 1 to 128 ASCII characters, without , and = and without blanks at the ends";

    /// A model as `provider/model`.
    DeploymentText, is_deployment, "^[!-.0-~]{1,128}/[!-~]{1,256}$", "must be a model written as provider/model";

    /// The name of a provider, where it stands alone.
    ProviderText, is_provider, "^[A-Za-z0-9_.@:-]{1,32}$", "must have 1 to 32 letters, digits, -, _, ., @ or :";

    /// The name of a model that has a price of its own, or `*` for all of a provider's.
    PricedText, is_priced, "^([A-Za-z0-9_.@:/-]{1,95}|[*])$", "must have 1 to 95 letters, digits, -, _, ., @, : or /, or be *";

    /// A name of a model or a provider, with `*` at its end for whatever begins like it.
    Pattern, is_pattern, "^([!-)+-~]{1,255}[*]?|[*])$", "must have 1 to 255 visible ASCII characters; * stands at the end";
}

/// A whole number within bounds. JSON has one kind of numbers, so `5.0` is as good as `5`.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D, min: u64, max: u64) -> Result<u64, D::Error> {
    let number = deserializer.deserialize_u64(Whole)?;
    if !(min..=max).contains(&number) {
        return Err(D::Error::custom(format_args!("must be from {min} to {max}")));
    }
    Ok(number)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that is not negative")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<u64, E> {
        // Beyond 2^53 a number with a point is not exact.
        let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was looked at")]
        if is_whole { Ok(number as u64) } else { Err(E::invalid_type(Unexpected::Float(number), &self)) }
    }
}

// === impl Object ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

// === impl Tags ===

impl Tags {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tags = BTreeMap::deserialize(deserializer)?;
        if tags.len() > MAX_TAGS {
            return Err(D::Error::custom(format_args!("there may be at most {MAX_TAGS} tags")));
        }
        Ok(Self(tags))
    }
}

impl From<Tags> for BTreeMap<String, String> {
    fn from(tags: Tags) -> Self {
        tags.0.into_iter().map(|(name, value)| (name.0, value.0)).collect()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Tags {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Tags".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let text = TagText::json_schema(generator);
        schemars::json_schema!({
            "type": "object", "propertyNames": text, "additionalProperties": text, "maxProperties": MAX_TAGS,
        })
    }
}

fn is_word(text: &str) -> bool {
    (1..=256).contains(&text.chars().count()) && text.chars().all(|c| matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}'))
}

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@:/-".contains(&byte))
}

fn is_path(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte);
    let is_part = |part: &str| (1..=64).contains(&part.len()) && part.bytes().all(is_allowed);
    text.split('/').count() <= 8 && text.split('/').all(is_part)
}

pub(crate) fn is_tag(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=128).contains(&text.len()) && text.bytes().all(is_allowed) && text.trim_matches(' ') == text
}

fn is_deployment(text: &str) -> bool {
    let is_visible =
        |part: &str, max: usize| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_graphic());
    text.split_once('/').is_some_and(|(provider, model)| is_visible(provider, 128) && is_visible(model, 256))
}

fn is_provider(text: &str) -> bool {
    is_name(text) && text.len() <= 32 && !text.contains('/')
}

fn is_priced(text: &str) -> bool {
    text == "*" || (is_name(text) && text.len() <= 95)
}

fn is_pattern(text: &str) -> bool {
    let stem = text.strip_suffix('*').unwrap_or(text);
    let is_stem = stem.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*') && stem.len() <= 255;
    is_stem && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accepts: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(accepts(text), "{text:?} is one");
        }
        for text in bad {
            assert!(!accepts(text), "{text:?} is none");
        }
    }

    #[test]
    fn an_object_is_no_list() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Pair {
            a: u32,
            b: u32,
        }
        let read = |text: &str| serde_json::from_str::<Object<Pair>>(text).map(|object| object.0);
        assert_eq!(read(r#"{"a":1,"b":2}"#).expect("an object"), Pair { a: 1, b: 2 });
        assert!(serde_json::from_str::<Pair>("[1,2]").is_ok() && read("[1,2]").is_err());
    }

    #[test]
    fn forms() {
        check(is_word, &["a b", "ä", "="], &["", "a\nb", "\u{7f}", "\u{10000}"]);
        check(is_name, &["a", "acme/x:y@z"], &["", "a b", "ä", &"x".repeat(129)]);
        check(is_path, &["a", "a/b/c/d/e/f/g/h", "a.b-c_d@e"], &["", "/a", "a/", "a//b", "a/b/c/d/e/f/g/h/i", "a:b"]);
        check(is_tag, &["team", "a b", "x-y", "-"], &["", " a", "a ", "a=b", "a,b", "ä"]);
        check(is_pattern, &["*", "gpt-5", "gpt-*", "openai/gpt-*"], &["", "**", "a*b", "a b"]);
    }
}
