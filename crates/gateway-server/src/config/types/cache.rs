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
    /// Lets answers that soon go stale, such as those about today, be fresh for a shorter time than `ttl`, by what the prompt
    /// asks.
    pub volatility: bool,
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
    /// How many different answers are kept for each such request; one of them is served at random. From 1 to 10: each of them
    /// has to be asked for once.
    pub variants: u8,
    /// Lets equal requests in flight share one answer of the provider.
    pub coalesce: bool,
    /// Keeps clients that share answers, which they do with any `scope` but `key`, from telling what others have asked. Stored
    /// answers come as slowly as they came the first time, no header says that they were stored, new ones are written in the
    /// same way, only requests of one key share an answer in flight, and none may ask for a stored answer only. Without
    /// it, hits are fast, and whoever shares them can find out what was asked before.
    pub conceal: bool,
    /// How much memory answers may take. It is only taken as answers come. An eighth of it is for requests that come again
    /// byte for byte, which are then answered without being read.
    pub memory: ByteSize,
    /// A secret that goes into every key, so that keys in a shared store tell nothing about requests. All processes that
    /// share a store need the same.
    pub key_secret: Option<SecretText>,
    /// A folder in which what is in memory is written down when the server stops, and read from when it starts. Answers in it
    /// are as they were given, so it must be as well guarded as they.
    pub snapshot: Option<String>,
    /// A Redis or Valkey server in which answers are kept as well, for all processes that use it. If it does not answer, a
    /// request is a miss and nothing worse.
    pub redis: Option<RedisServer>,
    /// Reuse of answers for rephrased requests, for those with the mode `semantic`. Absent means that there is none of it,
    /// and nothing for it is loaded.
    pub semantic: Option<Semantic>,
}

/// A server of Redis or Valkey.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct RedisServer {
    /// Its address, `redis://user:password@host:port/database`. A secret as a whole, because it may hold a password.
    pub url: Option<SecretText>,
    /// What all keys begin with, so that several may share the server.
    pub key_prefix: String,
    /// How long reading may take while a request waits. Short, because asking the provider is the alternative.
    pub read_timeout: Span,
    /// How long writing may take; no request waits for that.
    pub write_timeout: Span,
}

/// Reuse of answers for rephrased requests.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Semantic {
    /// How it is decided whether an answer may be reused: `calibrated` learns from every fresh answer and keeps wrong ones
    /// within `max_error_rate`; `threshold` reuses whatever is at least as similar as `threshold`, and promises nothing.
    pub policy: SemanticPolicy,
    /// The greatest acceptable share of wrongly reused answers in all requests, for the policy `calibrated`; 0.0005 to 0.2.
    pub max_error_rate: f64,
    /// The share of requests that the policy `calibrated` also asks the provider although it answered them, to see whether it was
    /// right; on average, at most, and never more than three times that share of its hits; 0 to 0.3. The gateway's own key
    /// `tollgate` is charged for it. With 0 it learns from misses only, and an answer that was right once and no longer is goes
    /// unnoticed.
    pub shadow_rate: f64,
    /// The least cosine similarity of two prompts, for the policy `threshold`.
    pub threshold: f64,
    /// What the policy `calibrated` does before it has learned enough: `observe` reuses nothing until there is evidence for it,
    /// `warm` trusts what it was shipped with.
    pub start: SemanticStart,
    /// The folder of the local model that turns prompts into vectors. `gateway-server model fetch` puts it there.
    pub model: String,
    /// A model of a provider that turns prompts into vectors instead, such as `openai/text-embedding-3-small`. What that takes
    /// is recorded under the key `tollgate`.
    pub provider_model: Option<String>,
    /// How long a vector may take while a request waits.
    pub embed_timeout: Span,
    /// Where vectors are kept: in `memory`, in the `redis` of this section's parent (version 8, or with RediSearch), or in
    /// `qdrant`.
    pub vectors: VectorStore,
    /// How much memory vectors may take, if they are kept in memory.
    pub memory: ByteSize,
    /// The server of Qdrant.
    pub qdrant: Option<QdrantServer>,
    /// How long a search for vectors elsewhere may take while a request waits.
    pub search_timeout: Span,
}

/// A server of Qdrant.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct QdrantServer {
    /// Its address, such as `http://localhost:6333`.
    pub url: String,
    /// Its API key, if it wants one.
    pub api_key: Option<SecretText>,
    /// The collection, which is made if it is not there.
    pub collection: String,
}

/// How it is decided whether an answer may be reused.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum SemanticPolicy {
    #[default]
    Calibrated,
    Threshold,
}

/// What is done before there is evidence.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum SemanticStart {
    #[default]
    Observe,
    Warm,
}

/// Where vectors are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum VectorStore {
    #[default]
    Memory,
    Redis,
    Qdrant,
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
            volatility: true,
            max_ttl: Span::from_mins(30 * 24 * 60),
            stale_while_revalidate: Span::from_secs(0),
            stale_if_error: Span::from_secs(0),
            max_entry: ByteSize::mib(1),
            sampled: SampledAnswers::Reuse,
            variants: 1,
            coalesce: true,
            conceal: true,
            memory: ByteSize::mib(64),
            key_secret: None,
            snapshot: None,
            redis: None,
            semantic: None,
        }
    }
}

// === impl RedisServer ===

impl Default for RedisServer {
    fn default() -> Self {
        Self {
            url: None,
            key_prefix: "tollgate:".to_owned(),
            read_timeout: Span::from_millis(50),
            write_timeout: Span::from_secs(1),
        }
    }
}

// === impl Semantic ===

impl Default for Semantic {
    fn default() -> Self {
        Self {
            policy: SemanticPolicy::Calibrated,
            max_error_rate: 0.01,
            shadow_rate: 0.01,
            threshold: 0.95,
            start: SemanticStart::Observe,
            model: "models/all-MiniLM-L6-v2".to_owned(),
            provider_model: None,
            embed_timeout: Span::from_secs(1),
            vectors: VectorStore::Memory,
            memory: ByteSize::mib(64),
            qdrant: None,
            search_timeout: Span::from_millis(50),
        }
    }
}

// === impl QdrantServer ===

impl Default for QdrantServer {
    fn default() -> Self {
        Self { url: "http://localhost:6333".to_owned(), api_key: None, collection: "tollgate".to_owned() }
    }
}
