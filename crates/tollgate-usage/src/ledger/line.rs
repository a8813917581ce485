//! One line of JSON for each record.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::Ledger;
use crate::UsageRecord;

/// Writes records as JSON lines. The writer should be one that does not block, such as a channel to a writing thread.
pub struct LineLedger<W> {
    writer: Mutex<W>,
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<W: Write + Send> LineLedger<W> {
    /// A ledger that writes to `writer`, each record with a single call.
    pub fn new(writer: W) -> Self {
        Self { writer: Mutex::new(writer) }
    }
}

impl<W: Write + Send> Ledger for LineLedger<W> {
    fn record(&self, record: &UsageRecord) {
        // Outside of the lock, into memory that is used again.
        LINE.with_borrow_mut(|line| {
            line.clear();
            record.write_json(line);
            line.push(b'\n');
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody can be told that the log is gone; the other ledgers still have the record.
            let _ = writer.write_all(line);
        });
    }
}

impl<W> fmt::Debug for LineLedger<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineLedger")
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::{Context, Operation};

    use super::*;

    #[test]
    fn every_line_is_a_json_object() {
        let ledger = LineLedger::new(Vec::new());
        let record =
            UsageRecord::new(Operation::Embeddings, Some("a\"b\n".into()), false, 200, &Context::builder("r").build());
        ledger.record(&record);
        ledger.record(&record);
        let written = ledger.writer.into_inner().expect("not poisoned");
        let lines: Vec<serde_json::Value> = written
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("valid JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["event"], &lines[1]["model_asked"]), (&"usage".into(), &"a\"b\n".into()));
    }
}
