//! A secret as it is written in the file.

use serde::de::{Deserialize, Deserializer};
use tollgate_core::Secret;

use crate::config::document::SECRET_NEWTYPE;

/// Text that no message may repeat. A type of its own because [`Secret`] leaves it to each format how it is read; this
/// one tells the reader to keep the value out of its errors.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretText(pub Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecretVisitor;

        impl<'de> serde::de::Visitor<'de> for SecretVisitor {
            type Value = SecretText;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<SecretText, D::Error> {
                Ok(SecretText(Secret::new(String::deserialize(inner)?)))
            }
        }

        deserializer.deserialize_newtype_struct(SECRET_NEWTYPE, SecretVisitor)
    }
}

#[cfg(feature = "schema")]
impl serde::Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for SecretText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "secret" })
    }
}
