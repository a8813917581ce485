//! One provider in the file.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Entries, SecretText, Span, Timeouts};

/// A provider: who answers, where, and how to sign in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct ProviderEntry {
    /// What kind of provider it is, such as `openai` or `anthropic`. By default the entry's own name.
    pub kind: Option<String>,
    /// Where its API is, as an `http` or `https` URL without credentials. By default the kind's own address; kinds that
    /// have none, such as one's own deployment, need it.
    pub base_url: Option<String>,
    /// The key to sign in with. Without any key, the variable that belongs to the entry's name is used:
    /// `OPENAI_EAST_API_KEY` for `openai-east`.
    pub api_key: Option<SecretText>,
    /// Several keys that take turns, instead of `api_key`.
    pub api_keys: Vec<SecretText>,
    /// A file that holds the key, instead of `api_key`. Read when the configuration is loaded; a newline at the end is
    /// dropped. A relative path starts at the folder of the configuration file.
    pub api_key_file: Option<PathBuf>,
    /// The region, for AWS: `us-east-1`. By default that of the environment.
    pub region: Option<String>,
    /// The id of an access key of AWS, which signs requests instead of `api_key`. Needs `secret_access_key`.
    pub access_key_id: Option<SecretText>,
    /// The secret part of the access key.
    pub secret_access_key: Option<SecretText>,
    /// The session token of a temporary access key.
    pub session_token: Option<SecretText>,
    /// A file with the key of a Google service account or user, as JSON, instead of `api_key`. Read like `api_key_file`.
    pub credentials_file: Option<PathBuf>,
    /// The project in Google's cloud. By default the one that the credentials name, or that of the environment.
    pub project: Option<String>,
    /// The location in Google's cloud, such as `europe-west4`. By default that of the environment, or `global`.
    pub location: Option<String>,
    /// The version of the API, for kinds that have one (Azure), as `YYYY-MM-DD`.
    pub api_version: Option<String>,
    /// The models it has. If empty, the provider is asked for its list.
    pub models: Vec<String>,
    /// Headers to send with each request. Their values are treated as secrets, since they often are.
    pub headers: Entries<SecretText>,
    /// The most requests to this provider at the same time; 0 means no limit.
    pub max_concurrency: usize,
    /// Whether a stream may be asked to end with its usage (`stream_options.include_usage`). By default as the kind has
    /// it; `false` helps with servers that refuse the field.
    pub stream_usage: Option<bool>,
    /// Times that differ from the general `timeouts` for this provider.
    pub timeouts: TimeoutOverrides,
}

/// Times that differ from the general ones; what is absent stays as it is there.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutOverrides {
    /// For a connection, including TLS.
    pub connect: Option<Span>,
    /// From the request's last byte to the beginning of the response, for each attempt.
    pub first_byte: Option<Span>,
    /// Between two pieces of a response.
    pub idle: Option<Span>,
    /// Between two pieces of a response that are more than comments and white space.
    pub progress: Option<Span>,
    /// For the whole request, all attempts included.
    pub total: Option<Span>,
}

impl TimeoutOverrides {
    /// The times that hold, given the general ones.
    #[must_use]
    pub fn over(self, general: Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(general.connect),
            first_byte: self.first_byte.unwrap_or(general.first_byte),
            idle: self.idle.unwrap_or(general.idle),
            progress: self.progress.unwrap_or(general.progress),
            total: self.total.unwrap_or(general.total),
        }
    }
}
