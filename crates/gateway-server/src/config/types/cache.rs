//! Which answers are kept and reused.

use serde::Deserialize;

use super::{ByteSize, SecretText, Span};

/// Which answers are kept and reused.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// What is done for requests that do not say so themselves with `x-tollgate-cache`. `exact` reuses an answer for the
    /// very same request only, `semantic` also for rephrased ones. Absent means `exact` while nothing but the built-in demo
    /// answers, and `off` else, because whoever repeats a request may want another answer.
    pub mode: Option<CacheModeName>,
    /// Who shares answers: requests with the same `key`; those whose keys are of one `team` or `tenant`, the first two or
    /// the first part of a key's path such as `acme/search/alice`; or all of the `deployment`. The default is the narrowest,
    /// because an answer may hold what only one client may know.
    pub scope: CacheScope,
    /// For how long an answer is fresh, unless the request says so with `x-tollgate-cache-ttl`.
    pub ttl: Span,
    /// The longest that a request may ask for.
    pub max_ttl: Span,
    /// For how long after that an answer is still served while a new one is fetched in the background.
    pub stale_while_revalidate: Span,
    /// For how long after that an answer is served if its provider cannot be reached or fails.
    pub stale_if_error: Span,
    /// The largest answer that is kept.
    pub max_entry: ByteSize,
    /// Whether answers to requests with a temperature above zero, or none, are reused: `reuse` or `bypass`. The default is
    /// to reuse them, since most clients never set a temperature.
    pub sampled: SampledAnswers,
    /// Lets equal requests in flight share one answer of the provider.
    pub coalesce: bool,
    /// How much memory answers may take. It is only taken as answers come. An eighth of it is for requests that come again
    /// byte for byte, which are then answered without being read.
    pub memory: ByteSize,
    /// A secret that goes into every key, so that keys in a shared store tell nothing about requests. All processes that
    /// share a store need the same.
    pub key_secret: Option<SecretText>,
}

/// What caches do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum CacheModeName {
    Off,
    Exact,
    Semantic,
}

/// Who shares answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum CacheScope {
    #[default]
    Key,
    Team,
    Tenant,
    Deployment,
}

/// What is done with answers that the provider chose by chance.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum SampledAnswers {
    #[default]
    Reuse,
    Bypass,
}

// === impl Cache ===

impl Default for Cache {
    fn default() -> Self {
        Self {
            mode: None,
            scope: CacheScope::Key,
            ttl: Span::from_mins(60),
            max_ttl: Span::from_mins(30 * 24 * 60),
            stale_while_revalidate: Span::from_secs(0),
            stale_if_error: Span::from_secs(0),
            max_entry: ByteSize::mib(1),
            sampled: SampledAnswers::Reuse,
            coalesce: true,
            memory: ByteSize::mib(64),
            key_secret: None,
        }
    }
}
