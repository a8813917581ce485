//! The ledger in memory as a store.

use std::sync::Arc;

use tollgate_core::BoxFuture;

use super::{Batch, Cursor, LedgerReader, LedgerStore, Position, Prune, RecordPage, RecordQuery};
use crate::column::micros_of;
use crate::database::DatabaseError;
use crate::ledger::MemoryLedger;
use crate::rollup::{Dimensions, hour_of};
use crate::{Query, Summary};

impl LedgerReader for MemoryLedger {
    fn summary<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Summary, DatabaseError>> {
        Box::pin(async { Ok(MemoryLedger::summary(self, query)) })
    }

    fn records<'a>(&'a self, query: &'a RecordQuery) -> BoxFuture<'a, Result<RecordPage, DatabaseError>> {
        Box::pin(async { Ok(self.page(query)) })
    }
}

impl LedgerStore for MemoryLedger {
    fn position<'a>(&'a self, journal: &'a str) -> BoxFuture<'a, Result<Position, DatabaseError>> {
        Box::pin(async { Ok(self.lock().positions.get(journal).copied().unwrap_or_default()) })
    }

    fn append<'a>(&'a self, batch: &'a Arc<Batch>) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(async {
            let mut state = self.lock();
            let position = state.positions.entry(batch.journal.clone()).or_default();
            if *position != batch.from {
                return Err(DatabaseError::moved_on());
            }
            *position = batch.to;
            batch.records.iter().for_each(|record| self.keep(&mut state, record));
            Ok(())
        })
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> BoxFuture<'a, Result<u64, DatabaseError>> {
        Box::pin(async { Ok(self.remove(prune)) })
    }
}

impl MemoryLedger {
    fn page(&self, query: &RecordQuery) -> RecordPage {
        let bounds = (query.from.map_or(0, micros_of), query.until.map_or(u64::MAX, micros_of));
        let after = query.after.map_or((u64::MAX, u64::MAX), |cursor| (cursor.received_us, cursor.id));
        let state = self.lock();
        let mut fitting: Vec<_> = state
            .recent
            .iter()
            .map(|(id, record)| (micros_of(record.received_at), *id, record))
            .filter(|(received, id, _)| (bounds.0..bounds.1).contains(received) && (*received, *id) < after)
            .filter(|(_, _, record)| query.filter.fits(&Dimensions::of(record)))
            .collect();
        fitting.sort_unstable_by_key(|(received, id, _)| std::cmp::Reverse((*received, *id)));
        let has_more = fitting.len() > query.limit;
        fitting.truncate(query.limit);
        let next = fitting.last().map(|&(received_us, id, _)| Cursor { received_us, id }).filter(|_| has_more);
        RecordPage { records: fitting.into_iter().map(|(_, _, record)| record.clone()).collect(), next }
    }

    fn remove(&self, prune: &Prune) -> u64 {
        let mut state = self.lock();
        let limit = prune.limit as usize;
        let mut removed = 0;
        if let Some(before) = prune.records_before {
            let mut left = limit;
            state.recent.retain(|(_, record)| {
                let goes = left > 0 && record.received_at < before;
                left -= usize::from(goes);
                !goes
            });
            removed += limit - left;
        }
        if let Some(before) = prune.sums_before {
            let old: Vec<u64> = state.hours.range(..hour_of(before)).map(|(hour, _)| *hour).take(limit).collect();
            for hour in &old {
                let groups = state.hours.remove(hour).map_or(0, |groups| groups.len());
                state.groups -= groups;
                removed += groups;
            }
        }
        removed as u64
    }
}
