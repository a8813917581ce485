//! A tag in a query.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

#[cfg(feature = "schema")]
use crate::texts::TAG_PATTERN;
use crate::texts::is_tag;

/// A tag and its value, written `team=search`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct TagPair {
    pub(in crate::admin) name: String,
    pub(in crate::admin) value: String,
}

impl<'de> Deserialize<'de> for TagPair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pair = text.split_once('=').filter(|(name, value)| is_tag(name) && is_tag(value));
        let (name, value) = pair.ok_or_else(|| D::Error::custom("must be a tag such as team=search"))?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for TagPair {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tag".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": format!("^{TAG_PATTERN}={TAG_PATTERN}$") })
    }
}
