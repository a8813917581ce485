//! What the server knows and tells: models, logs, usage.

use std::fmt;

use serde::Deserialize;

use super::Span;

/// How the providers' lists of models are fetched.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// How long a list is kept before the provider is asked again; 0 asks each time.
    pub cache_ttl: Span,
    /// How long to wait for a provider's list. Short, because one provider that hangs would delay the list of all.
    pub timeout: Span,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least severe messages that are logged.
    pub level: LogLevel,
    /// Lines for people, or JSON for machines.
    pub format: LogFormat,
    /// Logs a line for each request with its provider, model, tokens and times to standard output.
    pub usage: bool,
}

/// The severity of a message.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// What is kept in memory about past requests, where no database keeps it (see `ledger.store`).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// How many of the last requests the admin API can show; 0 keeps none.
    pub recent: usize,
    /// The most combinations of model, provider, key and tags that are counted apart. A bound is needed
    /// because tags come from clients and could grow without end.
    pub max_groups: usize,
}

// === impl Models ===

impl Default for Models {
    fn default() -> Self {
        Self { cache_ttl: Span::from_mins(5), timeout: Span::from_secs(5) }
    }
}

// === impl Log ===

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::default(), format: LogFormat::default(), usage: true }
    }
}

impl LogLevel {
    /// The name in lower case, as it is written in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Usage ===

impl Default for Usage {
    fn default() -> Self {
        Self { recent: 1_000, max_groups: 10_000 }
    }
}
