//! Types that many endpoints share.

use std::time::SystemTime;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::admin) struct Time(pub(in crate::admin) SystemTime);

/// How many items to answer with, from 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Limit(pub(in crate::admin) usize);

/// Several values, separated by commas where they stand in a query.
pub(in crate::admin) type List<T> = Vec<T>;

// === impl Time ===

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A time beyond year 9999 cannot come from a clock; null says that there is none to tell.
        match jiff::Timestamp::try_from(self.0) {
            Ok(time) => serializer.collect_str(&time),
            Err(_) => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let time = text.parse::<jiff::Timestamp>();
        time.map(|time| Self(time.into()))
            .map_err(|_| D::Error::custom("must be a time of RFC 3339 such as 2026-01-31T12:00:00Z"))
    }
}

// === impl Limit ===

impl Limit {
    const DEFAULT: u32 = 100;
    const MAX: u32 = 1000;
}

impl Default for Limit {
    fn default() -> Self {
        Self(Self::DEFAULT as usize)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = u32::deserialize(deserializer)?;
        if !(1..=Self::MAX).contains(&limit) {
            return Err(D::Error::custom(format_args!("must be from 1 to {}", Self::MAX)));
        }
        Ok(Self(limit as usize))
    }
}

#[cfg(feature = "schema")]
mod schemas {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::*;

    impl JsonSchema for Time {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Time".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "format": "date-time" })
        }
    }

    impl JsonSchema for Limit {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Limit".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "integer", "minimum": 1, "maximum": Self::MAX, "default": Self::DEFAULT })
        }
    }
}
