//! Usage accounting: one [`UsageRecord`] per request, and where it is kept.
//!
//! A [`Ledger`] takes records. [`MemoryLedger`] keeps the latest and sums all of them; [`LineLedger`] writes each as one
//! line of JSON; two ledgers make one as a tuple. [`price`] says what requests cost, [`quota`] has limits and budgets.
//!
//! ```
//! use tollgate_core::{Context, Operation, Usage};
//! use tollgate_usage::{GroupBy, Ledger, MemoryLedger, Query, UsageRecord};
//!
//! let ledger = MemoryLedger::new(100, 1000);
//! let context = Context::builder("request-1").build();
//! context.observe(|observed| observed.usage = Some(Usage { input: Some(3), output: Some(4), ..Usage::default() }));
//! ledger.record(&UsageRecord::new(Operation::ChatCompletions, None, false, 200, &context));
//!
//! let summary = ledger.summary(&Query { group_by: vec![GroupBy::Provider], ..Query::default() });
//! assert_eq!(summary.total.input_tokens, 3);
//! ```

#[cfg(feature = "durable")]
mod codec;
mod column;
#[cfg(feature = "durable")]
pub mod database;
#[cfg(feature = "directory")]
pub mod directory;
mod filter;
mod json;
mod ledger;
pub mod price;
pub mod quota;
mod record;
mod rollup;
mod sketch;
mod summary;
#[cfg(test)]
mod test_helpers;
mod varint;
mod words;

pub use column::{COLUMNS, Column, Kind, Value};
pub use filter::Filter;
#[cfg(feature = "postgres")]
pub use ledger::PostgresLedger;
#[cfg(feature = "sqlite")]
pub use ledger::SqliteLedger;
#[cfg(feature = "durable")]
pub use ledger::{
    Batch, Cursor, DurableLedger, DurableLedgerBuilder, LedgerReader, LedgerState, LedgerStore, ParseCursorError,
    Position, Prune, RecordPage, RecordQuery, WhenFull, export,
};
pub use ledger::{Ledger, LineLedger, MemoryLedger};
pub use record::UsageRecord;
pub use rollup::{Dimensions, Sums};
pub use sketch::{Quantiles, Sketch};
pub use summary::{Group, GroupBy, Query, Summary, Times, Totals};
