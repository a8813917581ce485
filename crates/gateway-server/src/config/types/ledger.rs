//! The ledger: where the record of every request is kept.

use serde::Deserialize;

use super::{ByteSize, SecretText, Span};

/// Where the record of every request is kept for good: first in files, from there in a database.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// The database: `sqlite`, a file in the folder `data`; `postgres`, a server that replicas share; or `memory`, none, so
    /// that everything is forgotten when the server stops. Absent means `sqlite`, or, where the folder cannot be written to,
    /// `memory` with a warning.
    pub store: Option<LedgerStoreName>,
    /// The address of PostgreSQL, `postgres://user:password@host:port/database`. A secret as a whole, because it may hold a
    /// password.
    pub url: Option<SecretText>,
    /// How long the record of an answer may be in memory alone before it is written to a file. If the server is killed, at
    /// most the records of this time are lost; `0` writes each before its answer ends, so that none is.
    pub window: Span,
    /// Whether records must have reached the disk itself, and not only the system, so that they survive the loss of power.
    /// Costs a flush of the disk in each `window`, or, if that is `0`, for each answer.
    pub sync: bool,
    /// How many bytes of records may wait in files while the database is away, for each running server.
    pub max_spool: ByteSize,
    /// What becomes of requests when that is used up, or the disk is full: `refuse` answers them with
    /// `accounts_unavailable`, `drop` lets them through without a record.
    pub when_full: WhenFullName,
    /// How long records are kept; `0` keeps them for ever.
    pub keep_records: Span,
    /// How long the sums of hours are kept, which are much smaller; `0`, the default, keeps them for ever.
    pub keep_sums: Span,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum LedgerStoreName {
    Sqlite,
    Postgres,
    Memory,
}

/// What becomes of requests that cannot be recorded.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "a doc comment on a variant would turn the list of values in the schema into a union")]
pub enum WhenFullName {
    #[default]
    Refuse,
    Drop,
}

// === impl Ledger ===

impl Default for Ledger {
    fn default() -> Self {
        Self {
            store: None,
            url: None,
            window: Span::from_millis(100),
            sync: false,
            max_spool: ByteSize::mib(1024),
            when_full: WhenFullName::Refuse,
            keep_records: Span::from_mins(90 * 24 * 60),
            keep_sums: Span::ZERO,
        }
    }
}
