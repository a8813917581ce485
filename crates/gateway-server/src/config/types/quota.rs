//! How much of what may be used, by whom, in which time.

use serde::Deserialize;

use super::words::{EachName, PerSpan};
use super::{Dollars, Entries, RedisServer, SecretText, Span};

/// A rate limit: requests, tokens or places for the requests that it is about. What is said of these narrows it down; a
/// limit that says nothing is about every request.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// About requests with the key of this name.
    pub key: Option<String>,
    /// About requests with keys of this path and everything below it, such as `acme/search`.
    pub path: Option<String>,
    /// About requests with all of these tags.
    pub tags: Entries<String>,
    /// About requests that go to this model, by its full name `provider/model`.
    pub model: Option<String>,
    /// About requests that go to this provider.
    pub provider: Option<String>,
    /// Counts apart for each `key`, or for each beginning of the path with so many parts: `path:2`. Absent means that all
    /// share one limit.
    pub each: Option<EachName>,
    /// How many requests, such as `60/minute`, `1000/hour` or `5000/day`, in any span of that length.
    pub requests: Option<PerSpan>,
    /// How many tokens of input and output together, such as `100000/minute`. A request is counted by estimate until its
    /// answer tells.
    pub tokens: Option<PerSpan>,
    /// How many requests at the same time, streams until they end.
    pub concurrent: Option<u64>,
    /// Whether requests that a cache answers `count` or are `free`. They are free by default, because no provider does
    /// anything for them.
    pub cache_hits: CacheHitsName,
    /// What becomes of requests while counters that are shared cannot be reached: `open` lets them pass, as far as this
    /// process alone would, `closed` refuses them. The default is to go on serving.
    pub on_error: Option<OnErrorName>,
}

/// A budget: so much money in each period for the requests that it is about. What is said of these narrows it down; a budget
/// that says nothing is about every request.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct BudgetEntry {
    /// About requests with the key of this name.
    pub key: Option<String>,
    /// About requests with keys of this path and everything below it, such as `acme/search`.
    pub path: Option<String>,
    /// About requests with all of these tags.
    pub tags: Entries<String>,
    /// About requests that go to this model, by its full name `provider/model`.
    pub model: Option<String>,
    /// About requests that go to this provider.
    pub provider: Option<String>,
    /// A budget apart for each `key`, or for each beginning of the path with so many parts: `path:2`. Absent means that all
    /// share one.
    pub each: Option<EachName>,
    /// How much, in US dollars: `500` or `12.50`. Must be given.
    pub limit: Option<Dollars>,
    /// For which period, by the calendar in UTC: `hour`, `day`, `week` (from Monday), `month`, or `total` for ever.
    pub per: PeriodName,
    /// Whether requests that may cost more than is left are refused (`hard`), or only warned about (`soft`).
    pub mode: BudgetMode,
    /// At which parts of the limit, in percent, the webhook is called and answers carry `x-tollgate-budget-warning`.
    pub warn_at: Vec<u8>,
    /// Whether requests whose price is not known are refused (`refuse`) or pass and cost the budget nothing (`allow`).
    /// Only a hard budget refuses; the default is that what nobody can count is not spent.
    pub unpriced: UnpricedName,
    /// What becomes of requests while counters that are shared cannot be reached: `open` lets them pass, as far as this
    /// process alone would, `closed` refuses them. Absent means `closed` for a hard budget and `open` for a soft one.
    pub on_error: Option<OnErrorName>,
}

/// How limits and budgets are counted.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct QuotaSettings {
    /// A Redis or Valkey server that counts for all processes that use it. Absent means that each process counts for itself.
    pub redis: Option<RedisServer>,
    /// After what time what a process holds in `redis` is given back if nothing is heard of it. Long enough for a pause, short
    /// enough that a budget is not blocked for long by a process that died.
    pub lease: Span,
    /// How long a request waits if what is left of a budget is only held for other requests, before it is told to try again.
    pub wait: Span,
    /// How many tokens an answer is believed to have at most, if neither the request nor the price says so.
    pub assumed_output: u64,
    /// The status of requests that a budget refuses: 402, which clients do not try again, or 429.
    pub budget_status: u16,
    /// Where budgets that reach a part of their limit are told, if anywhere.
    pub webhook: Option<Webhook>,
}

/// Where something is told by HTTP.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Webhook {
    /// The address that gets a POST with a JSON object. A secret as a whole, because such addresses often hold one.
    pub url: Option<SecretText>,
    /// Sent as `authorization: Bearer …`, if it is given.
    pub token: Option<SecretText>,
}

/// Whether requests that a cache answers count.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum CacheHitsName {
    #[default]
    Free,
    Count,
}

/// What becomes of requests while nobody can count.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum OnErrorName {
    Open,
    Closed,
}

/// The period of a budget.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum PeriodName {
    Hour,
    Day,
    Week,
    #[default]
    Month,
    Total,
}

/// Whether a budget refuses.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum BudgetMode {
    #[default]
    Hard,
    Soft,
}

/// What becomes of requests whose price is not known.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum UnpricedName {
    #[default]
    Refuse,
    Allow,
}

// === impl BudgetEntry ===

impl Default for BudgetEntry {
    fn default() -> Self {
        Self {
            key: None,
            path: None,
            tags: Entries::default(),
            model: None,
            provider: None,
            each: None,
            limit: None,
            per: PeriodName::Month,
            mode: BudgetMode::Hard,
            warn_at: vec![80, 100],
            unpriced: UnpricedName::Refuse,
            on_error: None,
        }
    }
}

// === impl QuotaSettings ===

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            redis: None,
            lease: Span::from_secs(60),
            wait: Span::from_secs(1),
            assumed_output: 4096,
            budget_status: 402,
            webhook: None,
        }
    }
}
