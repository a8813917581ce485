//! Where records are kept.

#[cfg(feature = "durable")]
mod durable;
#[cfg(feature = "durable")]
pub mod export;
#[cfg(feature = "durable")]
mod journal;
mod line;
mod memory;
#[cfg(feature = "durable")]
mod store;

use std::sync::Arc;

#[cfg(feature = "durable")]
pub use durable::{DurableLedger, DurableLedgerBuilder, LedgerState, WhenFull};
pub use line::LineLedger;
pub use memory::MemoryLedger;
#[cfg(feature = "postgres")]
pub use store::PostgresLedger;
#[cfg(feature = "sqlite")]
pub use store::SqliteLedger;
#[cfg(feature = "durable")]
pub use store::{Batch, Cursor, LedgerReader, LedgerStore, ParseCursorError, Position, Prune, RecordPage, RecordQuery};

use crate::UsageRecord;

/// Takes the record of every request.
///
/// It is called when an answer ends, also from a destructor, so it must neither block for long nor panic; whoever writes to
/// something slow hands the record to a thread or task of its own.
pub trait Ledger: Send + Sync {
    /// Takes a record.
    fn record(&self, record: &UsageRecord);

    /// Whether it can take the records of further requests. One that cannot wants none to be let in.
    fn has_room(&self) -> bool {
        true
    }
}

impl<L: Ledger + ?Sized> Ledger for Arc<L> {
    fn record(&self, record: &UsageRecord) {
        (**self).record(record);
    }

    fn has_room(&self) -> bool {
        (**self).has_room()
    }
}

/// Both take every record, and both must have room.
impl<A: Ledger, B: Ledger> Ledger for (A, B) {
    fn record(&self, record: &UsageRecord) {
        self.0.record(record);
        self.1.record(record);
    }

    fn has_room(&self) -> bool {
        self.0.has_room() && self.1.has_room()
    }
}

/// Takes records if it is there.
impl<L: Ledger> Ledger for Option<L> {
    fn record(&self, record: &UsageRecord) {
        if let Some(ledger) = self {
            ledger.record(record);
        }
    }

    fn has_room(&self) -> bool {
        self.as_ref().is_none_or(Ledger::has_room)
    }
}
