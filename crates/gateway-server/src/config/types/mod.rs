//! The configuration file as types: what may be written, what it means and what holds when it is absent.
//!
//! The reference in `docs/configuration.md` is generated from these types, so the comment on a field is its
//! documentation: meaning first, then the unit or form, then the reason for the default. Every struct has defaults for
//! all fields and refuses unknown keys. What a file says is resolved against the environment and checked by
//! [`load`](super::load()); the server only sees the [`Config`](super::Config) that results.

mod cache;
mod capture;
mod entries;
mod keys;
mod ledger;
mod observe;
mod prices;
mod provider;
mod quota;
mod secret;
mod service;
mod size;
mod span;
mod traffic;
mod words;

use serde::Deserialize;

pub use cache::{
    Cache, CacheModeName, CacheScope, QdrantServer, RedisServer, SampledAnswers, Semantic, SemanticPolicy,
    SemanticStart, VectorStore,
};
pub use capture::{Capture, Redact};
pub use entries::Entries;
pub use keys::Keys;
pub use ledger::{Ledger, LedgerStoreName, WhenFullName};
pub use observe::{Log, LogFormat, LogLevel, Models, Usage};
pub use prices::{Dollars, PriceEntry};
pub use provider::{ProviderEntry, TimeoutOverrides};
pub use quota::{
    BudgetEntry, BudgetMode, CacheHitsName, OnErrorName, PeriodName, QuotaSettings, RateLimit, UnpricedName, Webhook,
};
pub use secret::SecretText;
pub use service::{Cors, Shutdown};
pub use size::{ByteSize, SizeError};
pub use span::{Span, SpanError};
pub use traffic::{Limits, Retry, Timeouts};
pub use words::{EachName, PerSpan, SpanUnit};

/// The configuration of a Tollgate server.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    /// The address to listen on, as `host:port`. `--listen` and `TOLLGATE_LISTEN` win. The default is loopback, so that
    /// a first start exposes nothing.
    pub listen: String,
    /// A path under which everything is served, such as `/llm`, for a proxy that does not strip its prefix. Begins with
    /// `/` and does not end with it.
    pub base_path: String,
    /// Allows listening beyond loopback without a client key, as `--open` does. Otherwise such a start is refused,
    /// because whoever reaches the port would spend on your provider keys.
    pub open: bool,
    /// The key that clients must send. Without it `TOLLGATE_API_KEY` is used, and without that clients need none.
    pub client_key: Option<SecretText>,
    /// The key of the admin API. Without it `TOLLGATE_ADMIN_KEY` is used, and without that the admin API answers only on
    /// loopback.
    pub admin_key: Option<SecretText>,
    /// Registers a provider for each `<PROVIDER>[_SUFFIX]_API_KEY` in the environment, besides those of `providers`. By
    /// default only when `providers` is absent, so that a file that lists providers is the whole truth.
    pub discover_providers: Option<bool>,
    /// The providers by name. A name has lower-case letters, digits and `-`, and is the first part of a model's full
    /// name `provider/model`.
    pub providers: Option<Entries<ProviderEntry>>,
    /// Other names for models: `fast: openai/gpt-4o-mini`. A target may be a full name, a bare model id or another
    /// alias.
    pub aliases: Entries<String>,
    /// What deployments cost, by `provider/model`, or `provider/*` for all models of a provider. Without an entry the price
    /// book that ships with the gateway decides, by the provider's kind and the exact name of the model.
    pub prices: Entries<PriceEntry>,
    /// How long to wait for providers.
    pub timeouts: Timeouts,
    /// When and how often a failed request is tried again.
    pub retry: Retry,
    /// What a single request, and all requests together, may take.
    pub limits: Limits,
    /// Limits on requests and tokens by name. The name is what clients are told and what is counted under, so what has been
    /// counted stays when a limit changes and is gone when it is renamed.
    pub rate_limits: Entries<RateLimit>,
    /// Budgets by name. The name is what clients are told and what is counted under, so what has been spent stays when a
    /// budget changes and is gone when it is renamed.
    pub budgets: Entries<BudgetEntry>,
    /// How limits and budgets are counted.
    pub quota: QuotaSettings,
    /// Which answers are kept and reused.
    pub cache: Cache,
    /// The folder for what outlives the process, made if it is not there. `TOLLGATE_DATA` is used where the file does not
    /// say.
    pub data: Option<String>,
    /// Virtual keys, and the log of who changed what.
    pub keys: Keys,
    /// Which requests and answers are kept. Absent means none.
    pub capture: Option<Capture>,
    /// How the server stops.
    pub shutdown: Shutdown,
    /// Lets web pages of other origins call the API from a browser. Absent means off.
    pub cors: Option<Cors>,
    /// How the providers' lists of models are fetched.
    pub models: Models,
    /// What is logged, and how.
    pub log: Log,
    /// What is kept in memory about past requests.
    pub usage: Usage,
    /// Where the record of every request is kept.
    pub ledger: Ledger,
}

impl Default for ConfigFile {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            base_path: String::new(),
            open: false,
            client_key: None,
            admin_key: None,
            discover_providers: None,
            providers: None,
            aliases: Entries::default(),
            prices: Entries::default(),
            timeouts: Timeouts::default(),
            retry: Retry::default(),
            limits: Limits::default(),
            rate_limits: Entries::default(),
            budgets: Entries::default(),
            quota: QuotaSettings::default(),
            cache: Cache::default(),
            data: None,
            keys: Keys::default(),
            capture: None,
            shutdown: Shutdown::default(),
            cors: None,
            models: Models::default(),
            log: Log::default(),
            usage: Usage::default(),
            ledger: Ledger::default(),
        }
    }
}
