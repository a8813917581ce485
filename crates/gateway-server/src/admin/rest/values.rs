//! Types that many endpoints share: times, numbers and lists.

use std::time::SystemTime;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_usage::directory::Listed;

use crate::texts::whole;

/// A point in time, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::admin) struct Time(pub(in crate::admin) SystemTime);

/// How many items to answer with, from 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Limit(pub(in crate::admin) usize);

/// A span of whole seconds, up to a year of 366 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::admin) struct Seconds(pub(in crate::admin) u64);

/// The revision that something has been as it is since. Never more than databases can count to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Version(pub(in crate::admin) u64);

/// Where a page begins: what the page before it gave as `next_cursor`. Its text means nothing to anybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Cursor(pub(in crate::admin) String);

/// Where a page of usage records begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct RecordCursor(pub(in crate::admin) tollgate_usage::Cursor);

/// Several values, separated by commas where they stand in a query.
pub(in crate::admin) type List<T> = Vec<T>;

/// At most `MAX` values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Bounded<T, const MAX: usize>(pub(in crate::admin) Vec<T>);

/// A part of a list.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PageOf{T}"))]
pub(in crate::admin) struct Page<T> {
    /// The items.
    items: Vec<T>,
    /// The `cursor` of the next page; null if this is the last.
    next_cursor: Option<String>,
}

// === impl Page ===

impl<T> Page<T> {
    pub(in crate::admin) fn new(items: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { items, next_cursor }
    }

    /// A piece of a list of the directory.
    pub(in crate::admin) fn of<S>(listed: Listed<S>) -> Self
    where
        S: Into<T>,
    {
        Self::new(listed.items.into_iter().map(Into::into).collect(), listed.next)
    }
}

/// What the directory is asked for.
pub(in crate::admin) fn page(limit: Limit, cursor: Option<Cursor>) -> tollgate_usage::directory::Page {
    tollgate_usage::directory::Page { limit: limit.0, after: cursor.map(|cursor| cursor.0) }
}

// === impl Time ===

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What no calendar holds is no time that a clock shows.
        serializer.collect_str(&jiff::Timestamp::try_from(self.0).unwrap_or(jiff::Timestamp::MAX))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
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
        whole(deserializer, 1, Self::MAX.into()).map(|limit| Self(usize::try_from(limit).unwrap_or(usize::MAX)))
    }
}

// === impl Seconds ===

impl Seconds {
    const MAX: u64 = 366 * 24 * 3600;
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 0, Self::MAX).map(Self)
    }
}

// === impl Version ===

impl Version {
    const MAX: u64 = i64::MAX as u64;
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 0, Self::MAX).map(Self)
    }
}

// === impl Cursor ===

impl Cursor {
    const MAX: usize = 512;
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_one = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_one { Ok(Self(text)) } else { Err(D::Error::custom("must be the next_cursor of a page")) }
    }
}

// === impl RecordCursor ===

impl<'de> Deserialize<'de> for RecordCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
        let cursor = text.parse().ok().filter(|_| is_plain && text.len() <= 33);
        cursor.map(Self).ok_or_else(|| D::Error::custom("must be the next_cursor of a page"))
    }
}

// === impl Bounded ===

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::deserialize(deserializer)?;
        if values.len() > MAX {
            return Err(D::Error::custom(format_args!("there may be at most {MAX}")));
        }
        Ok(Self(values))
    }
}

#[cfg(feature = "schema")]
mod schemas {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::*;
    use crate::texts::inline_schema;

    inline_schema! {
        Time { "type": "string", "format": "date-time" };
        Limit { "type": "integer", "minimum": 1, "maximum": Self::MAX, "default": Self::DEFAULT };
        Seconds { "type": "integer", "minimum": 0, "maximum": Self::MAX };
        Version { "type": "integer", "minimum": 0, "maximum": Self::MAX };
        RecordCursor { "type": "string", "pattern": "^[0-9a-f]{1,16}-[0-9a-f]{1,16}$" };
        Cursor { "type": "string", "minLength": 1, "maxLength": Self::MAX, "pattern": "^[!-~]+$" };
    }

    impl<T: JsonSchema, const MAX: usize> JsonSchema for Bounded<T, MAX> {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> std::borrow::Cow<'static, str> {
            format!("ListOf{}", T::schema_name()).into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "array", "items": generator.subschema_for::<T>(), "maxItems": MAX })
        }
    }
}
