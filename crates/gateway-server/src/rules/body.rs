//! The body of a limit or a budget.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_usage::quota;

use crate::texts::{Object, Word, whole};

/// A limit on requests or tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "LimitFor{S}"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit<S: Default> {
    /// What clients are told it is called; its id if it has no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Word>,
    /// Which requests it is about: those to which all of its parts apply.
    #[serde(default)]
    pub(super) scope: Object<S>,
    /// Whether there is one counter for all of them (`together`), one for each key, or one for each beginning of so many
    /// parts of the path (`path:2`).
    #[serde(default)]
    pub(super) each: Each,
    /// How much.
    pub(super) limit: Amount,
    /// Of what.
    pub(super) unit: Unit,
    /// Whether requests that a cache answers count.
    #[serde(default)]
    pub(super) cache_hits: CacheHits,
    /// What becomes of requests while nobody can count: they pass (`open`), or they are refused (`closed`).
    #[serde(default = "OnError::open")]
    pub(super) on_error: OnError,
}

/// So much money in each calendar period (UTC).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BudgetFor{S}"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget<S: Default> {
    /// What clients are told it is called; its id if it has no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Word>,
    /// Which requests it is about: those to which all of its parts apply.
    #[serde(default)]
    pub(super) scope: Object<S>,
    /// Whether there is one counter for all of them (`together`), one for each key, or one for each beginning of so many
    /// parts of the path (`path:2`).
    #[serde(default)]
    pub(super) each: Each,
    /// How much, in nano-dollars.
    pub(super) limit_nano_usd: Amount,
    /// In which period.
    pub(super) per: Period,
    /// Whether requests beyond it are refused, or only warned about.
    #[serde(default = "yes")]
    pub(super) hard: bool,
    /// The parts of the limit, in percent, at which somebody is told. Left out: 80, and 100 of a budget that is not hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warn_at: Option<Vec<Percent>>,
    /// What becomes of requests whose price is not known, if the budget is hard.
    #[serde(default)]
    pub(super) unpriced: Unpriced,
    /// Whether requests that a cache answers count.
    #[serde(default)]
    pub(super) cache_hits: CacheHits,
    /// What becomes of requests while nobody can count: they pass (`open`), or they are refused (`closed`). Left out:
    /// refused if the budget is hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_error: Option<OnError>,
}

/// A number of requests, tokens or nano-dollars. Databases and Redis count no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Amount(pub(super) u64);

/// A part in percent, from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Percent(pub(super) u8);

/// Whether there is one counter or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Each(pub(super) quota::Each);

/// What a limit counts, and in which span. Spans slide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "LimitUnit"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    RequestsPerMinute,
    RequestsPerHour,
    RequestsPerDay,
    /// Of input and output.
    TokensPerMinute,
    /// Of input and output.
    TokensPerHour,
    /// Of input and output.
    TokensPerDay,
    /// At the same time.
    ConcurrentRequests,
}

/// The period of a budget, by the calendar (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BudgetPeriod"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Period {
    Hour,
    Day,
    /// From Monday.
    Week,
    Month,
    /// For ever.
    Total,
}

/// Whether requests that a cache answers count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub(crate) enum CacheHits {
    Count,
    #[default]
    Free,
}

/// What becomes of requests while nobody can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    Open,
    Closed,
}

/// What becomes of requests whose price is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unpriced {
    #[default]
    Refuse,
    Allow,
}

fn yes() -> bool {
    true
}

// === impl OnError ===

impl OnError {
    fn open() -> Self {
        Self::Open
    }
}

// === impl Amount ===

impl Amount {
    const MAX: u64 = i64::MAX as u64;
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 0, Self::MAX).map(Self)
    }
}

// === impl Percent ===

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 1, 100).map(|percent| Self(u8::try_from(percent).unwrap_or(100)))
    }
}

// === impl Each ===

impl Serialize for Each {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            quota::Each::Together => serializer.serialize_str("together"),
            quota::Each::Key => serializer.serialize_str("key"),
            quota::Each::PathDepth(parts) => serializer.collect_str(&format_args!("path:{parts}")),
        }
    }
}

impl<'de> Deserialize<'de> for Each {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (text.as_str(), text.strip_prefix("path:").map(str::as_bytes)) {
            ("together", _) => Ok(Self(quota::Each::Together)),
            ("key", _) => Ok(Self(quota::Each::Key)),
            (_, Some([digit @ b'1'..=b'8'])) => Ok(Self(quota::Each::PathDepth(digit - b'0'))),
            _ => Err(D::Error::custom("`each` is together, key, or path:1 to path:8")),
        }
    }
}

#[cfg(feature = "schema")]
mod schemas {
    use super::*;
    use crate::texts::inline_schema;

    inline_schema! {
        Amount { "type": "integer", "minimum": 0, "maximum": Self::MAX };
        Percent { "type": "integer", "minimum": 1, "maximum": 100 };
        Each { "type": "string", "pattern": "^(together|key|path:[1-8])$", "default": "together" };
    }
}
