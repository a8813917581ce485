//! Where records are kept.

mod line;
mod memory;

use std::sync::Arc;

pub use line::LineLedger;
pub use memory::MemoryLedger;

use crate::UsageRecord;

/// Takes the record of every request.
///
/// It is called when an answer ends, also from a destructor, so it must neither block nor panic; whoever writes to
/// something slow hands the record to a thread or task of its own.
pub trait Ledger: Send + Sync {
    /// Takes a record.
    fn record(&self, record: &UsageRecord);
}

impl<L: Ledger + ?Sized> Ledger for Arc<L> {
    fn record(&self, record: &UsageRecord) {
        (**self).record(record);
    }
}

/// Both take every record.
impl<A: Ledger, B: Ledger> Ledger for (A, B) {
    fn record(&self, record: &UsageRecord) {
        self.0.record(record);
        self.1.record(record);
    }
}

/// Takes records if it is there.
impl<L: Ledger> Ledger for Option<L> {
    fn record(&self, record: &UsageRecord) {
        if let Some(ledger) = self {
            ledger.record(record);
        }
    }
}
