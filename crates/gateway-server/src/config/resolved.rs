//! The configuration as the server uses it: complete, checked, without a trace of where each value came from.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use http::HeaderName;
use tollgate_core::Secret;
use tollgate_usage::price::Override;

use super::types::{
    BudgetEntry, Cache, Capture, Cors, Entries, Keys, Ledger, Limits, Log, Models, QuotaSettings, RateLimit, Retry,
    Shutdown, Timeouts, Usage,
};

/// A checked configuration. Its `Debug` form masks every secret; two are equal if nothing needs to change on a reload.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Empty, or a path such as `/llm` under which everything is served.
    pub base_path: String,
    /// Whether listening beyond loopback without a client key was allowed.
    pub open: bool,
    /// The key that clients must send.
    pub client_key: Option<Secret>,
    /// The key of the admin API.
    pub admin_key: Option<Secret>,
    /// The providers: those of the file in its order, then those of the environment. Empty if there are none, and then
    /// the caller registers the `demo` provider.
    pub providers: Vec<ProviderConfig>,
    /// Aliases and their targets in the order of the file. A target may be another alias; there are no cycles.
    pub aliases: Vec<(String, String)>,
    /// What deployments cost, in place of the price book.
    pub prices: Vec<Override>,
    /// How long to wait for providers; each provider has its own copy with its overrides.
    pub timeouts: Timeouts,
    /// When and how often a failed request is tried again.
    pub retry: Retry,
    /// What requests may take.
    pub limits: Limits,
    /// Limits on requests and tokens.
    pub rate_limits: Entries<RateLimit>,
    /// Budgets; each has a limit.
    pub budgets: Entries<BudgetEntry>,
    /// How both are counted.
    pub quota: QuotaSettings,
    /// Which answers are kept and reused.
    pub cache: Cache,
    /// The folder for what outlives the process.
    pub data: DataFolder,
    /// Virtual keys, and the log of who changed what.
    pub keys: Keys,
    /// Which requests and answers are kept; `None` for none.
    pub capture: Option<Capture>,
    /// How the server stops.
    pub shutdown: Shutdown,
    /// Which web pages may call; `None` turns CORS off.
    pub cors: Option<Cors>,
    /// How lists of models are fetched.
    pub models: Models,
    /// What is logged, and how.
    pub log: Log,
    /// What is kept about past requests.
    pub usage: Usage,
    /// Where the record of every request is kept.
    pub ledger: Ledger,
    /// The files that keys were read from, for whoever watches for changes.
    pub key_files: Vec<PathBuf>,
}

/// The folder of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder {
    /// The folder.
    pub path: PathBuf,
    /// Whether somebody named it; if it cannot be used then, the server must not go on without it.
    pub is_given: bool,
}

/// A checked provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// Its name, the first part of `provider/model`.
    pub name: String,
    /// One of the known kinds.
    pub kind: String,
    /// Where its API is, without a `/` at the end; `None` for the kind's own address.
    pub base_url: Option<String>,
    /// Its keys, which take turns; empty only if the kind needs none.
    pub keys: Vec<Secret>,
    /// The access key that signs requests, for AWS.
    pub aws: Option<AwsKey>,
    /// The region, for AWS.
    pub region: Option<String>,
    /// The project, for Google's cloud; `None` for the one that the key names.
    pub project: Option<String>,
    /// The location, for Google's cloud.
    pub location: Option<String>,
    /// The version of the API.
    pub api_version: Option<String>,
    /// The models it has; if empty, it is asked.
    pub models: Vec<String>,
    /// Headers for each request; the values are valid header values.
    pub headers: Vec<(HeaderName, Secret)>,
    /// The most requests at the same time.
    pub max_concurrency: Option<NonZeroUsize>,
    /// Whether usage may be asked for at the end of a stream, if it differs from the kind's own answer.
    pub stream_usage: Option<bool>,
    /// How long to wait for it.
    pub timeouts: Timeouts,
}

/// An access key of AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsKey {
    /// Its id. Not secret as such, but nobody else's business.
    pub access_key_id: Secret,
    /// Its secret part.
    pub secret_access_key: Secret,
    /// The token of a temporary one.
    pub session_token: Option<Secret>,
}

/// A kind of provider, as far as the configuration needs to know it. The caller lists those it can build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindInfo<'a> {
    /// The name that `kind` gives, such as `openai`.
    pub name: &'a str,
    /// The beginnings of its variables, such as `OPENAI`; the first is the one recommended in hints.
    pub env_prefixes: &'a [&'a str],
    /// Whether it cannot be used without a key.
    pub needs_key: bool,
    /// Whether it has no address of its own.
    pub needs_base_url: bool,
    /// The cloud that it is a part of, whose settings it has.
    pub cloud: Option<Cloud>,
}

/// A cloud with an own way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon's: a region, and an access key or an API key.
    Aws,
    /// Google's: a project, a location, and an account's key or an access token.
    Google,
}

impl DataFolder {
    /// The folder if none is named.
    pub const DEFAULT: &str = "tollgate-data";
}

/// What the command line says; it wins over the environment and the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<String>,
    /// `--open`.
    pub open: bool,
    /// Whether there are virtual keys, without which nobody comes in. They protect as a client key does.
    pub has_keys: bool,
}
