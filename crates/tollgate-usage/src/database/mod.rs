//! The databases in which accounts are kept, and how their tables come to be.
//!
//! [`Sqlite`] is one file beside the process, [`Postgres`] a server that many replicas share. Each is shared by whoever
//! keeps something in it, under names of their own: migrations say what tables a component has and how they came
//! to be. No driver's type shows in the public API.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(all(test, feature = "sqlite"))]
mod tests;

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use tollgate_core::BoxError;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
/// The tables of one component. A step, once released, is never changed; later steps change what it made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migrations {
    /// Who owns the tables.
    pub(crate) component: &'static str,
    /// The scripts, oldest first. A database remembers how many of them it has seen.
    pub(crate) steps: &'static [&'static str],
}

/// Why a database did not do what was asked. Its text names no address and no credential.
#[derive(Clone, Debug)]
pub struct DatabaseError {
    kind: Kind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unavailable,
    Configuration,
    Conflict,
    Refused,
}

// === impl DatabaseError ===

impl DatabaseError {
    /// Whether it could not be reached or did not answer in time; asking again later may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// Whether it will be the same until the configuration, or the database, is another one.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind == Kind::Configuration
    }

    /// Whether something of the same name or id is there already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    /// Whether it would not take this very thing, and may well take another.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// It could not be reached; see [`DatabaseError::is_unavailable`].
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// It will stay so; see [`DatabaseError::is_configuration`].
    #[must_use]
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// What is stored is not what this version writes.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// It is there already; see [`DatabaseError::is_conflict`].
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn newer_schema(component: &str) -> Self {
        Self::configuration(format!("the database's tables of {component} were written by a newer version"))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
