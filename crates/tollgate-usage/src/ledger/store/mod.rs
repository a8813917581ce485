//! Where records are kept for good.
//!
//! A [`LedgerReader`] answers questions, a [`LedgerStore`] also takes records. Both are the same whatever is behind them:
//! [`MemoryLedger`](crate::MemoryLedger) for tests and for gateways without a disk, [`SqliteLedger`] and
//! [`PostgresLedger`] for everybody else.

mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use tollgate_core::BoxFuture;

#[cfg(feature = "postgres")]
pub use self::postgres::PostgresLedger;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteLedger;
use crate::database::DatabaseError;
use crate::{Filter, Query, Summary, UsageRecord};

/// Answers questions about what was recorded.
pub trait LedgerReader: Send + Sync + fmt::Debug {
    /// The sums that a query asks for.
    fn summary<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Summary, DatabaseError>>;

    /// A page of records, those received last first.
    fn records<'a>(&'a self, query: &'a RecordQuery) -> BoxFuture<'a, Result<RecordPage, DatabaseError>>;
}

/// Keeps records that come from journals, each exactly once.
pub trait LedgerStore: LedgerReader {
    /// Up to where the records of a journal are kept; its beginning if none are.
    fn position<'a>(&'a self, journal: &'a str) -> BoxFuture<'a, Result<Position, DatabaseError>>;

    /// Keeps a batch and the position after it, both or neither.
    ///
    /// # Errors
    /// With one for which [`DatabaseError::is_conflict`] holds, nothing was kept because the journal is not at the position
    /// that the batch begins at. With any other it may have been kept nevertheless; only [`LedgerStore::position`] tells.
    fn append<'a>(&'a self, batch: &'a Arc<Batch>) -> BoxFuture<'a, Result<(), DatabaseError>>;

    /// Deletes some of what is too old, at most `limit` of each kind, and tells how much of both kinds that was.
    fn prune<'a>(&'a self, prune: &'a Prune) -> BoxFuture<'a, Result<u64, DatabaseError>>;
}

/// A place in a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The number of the segment.
    pub segment: u64,
    /// The byte in it.
    pub offset: u64,
}

/// Records of a journal that are kept together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The name of the journal.
    pub journal: String,
    /// Where in the journal the records begin.
    pub from: Position,
    /// Where the next ones begin.
    pub to: Position,
    /// The records.
    pub records: Vec<UsageRecord>,
}

/// What is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Records received before this; `None` keeps all.
    pub records_before: Option<SystemTime>,
    /// Sums of hours that ended before this; `None` keeps all.
    pub sums_before: Option<SystemTime>,
    /// The most of each kind to delete at once, because others wait for the database meanwhile.
    pub limit: u32,
}

/// Which records to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordQuery {
    /// Only those received from this time on.
    pub from: Option<SystemTime>,
    /// Only those received before this time.
    pub until: Option<SystemTime>,
    /// Only those that fit this.
    pub filter: Filter,
    /// Only those after this place in the list.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

/// A page of a list of records.
#[derive(Clone, Debug, Default)]
pub struct RecordPage {
    /// The records, those received last first.
    pub records: Vec<UsageRecord>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<Cursor>,
}

/// A place in a list of records. Its text means nothing to anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the last record before it was received, in microseconds since 1970.
    pub(crate) received_us: u64,
    /// The number of that record.
    pub(crate) id: u64,
}

/// A text that is no [`Cursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseCursorError;

// === impl RecordQuery ===

impl RecordQuery {
    /// The first page of all records.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { from: None, until: None, filter: Filter::default(), after: None, limit }
    }
}

// === impl Cursor ===

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.received_us, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text| u64::from_str_radix(text, 16).map_err(|_| ParseCursorError);
        let (received_us, id) = text.split_once('-').ok_or(ParseCursorError)?;
        Ok(Self { received_us: number(received_us)?, id: number(id)? })
    }
}

// === impl ParseCursorError ===

impl fmt::Display for ParseCursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a cursor that a list of records has given")
    }
}

impl std::error::Error for ParseCursorError {}

// === impl DatabaseError ===

impl DatabaseError {
    /// A journal is not where a batch begins.
    pub(crate) fn moved_on() -> Self {
        Self::conflict("the journal is at another position in the ledger")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_text() {
        let cursor = Cursor { received_us: 1_700_000_000_000_000, id: u64::MAX };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "-", "1", "1-", "x-1", "1-1-1"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(ParseCursorError), "{wrong}");
        }
    }
}
