//! Records in memory: the latest of them, and the sums of all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::Ledger;
use crate::rollup::{Dimensions, Sums, hour_of};
use crate::summary::Summarizer;
use crate::{Query, Summary, UsageRecord};

/// Keeps a bounded number of records and sums by hour and [`Dimensions`]. Sums are bounded too: beyond the limit the
/// oldest hour's groups are folded into one, so that totals stay right while details fade.
#[derive(Debug)]
pub struct MemoryLedger {
    pub(super) state: Mutex<State>,
    max_recent: usize,
    max_groups: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The latest records with their numbers.
    pub(super) recent: VecDeque<(u64, UsageRecord)>,
    pub(super) hours: BTreeMap<u64, HashMap<Dimensions, Sums>>,
    pub(super) groups: usize,
    /// The number of the next record.
    next: u64,
    #[cfg(feature = "durable")]
    pub(super) positions: HashMap<String, super::Position>,
}

impl MemoryLedger {
    /// A ledger of at most `max_recent` records and `max_groups` sums.
    #[must_use]
    pub fn new(max_recent: usize, max_groups: usize) -> Self {
        Self { state: Mutex::default(), max_recent, max_groups: max_groups.max(1) }
    }

    /// The latest records, the newest first.
    #[must_use]
    pub fn recent(&self, limit: usize) -> Vec<UsageRecord> {
        self.lock().recent.iter().rev().take(limit).map(|(_, record)| record.clone()).collect()
    }

    /// The sums that a query asks for.
    #[must_use]
    pub fn summary(&self, query: &Query) -> Summary {
        let mut summarizer = Summarizer::new(query);
        let state = self.lock();
        let hours = summarizer.hours();
        for (hour, sums) in state.hours.iter().filter(|(hour, _)| hours.contains(hour)) {
            sums.iter().for_each(|(of, sums)| summarizer.add(*hour, of, sums));
        }
        drop(state);
        summarizer.finish()
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, state: &mut State, record: &UsageRecord) {
        let sums = state.hours.entry(hour_of(record.received_at)).or_default();
        let before = sums.len();
        sums.entry(Dimensions::of(record)).or_default().count(record);
        state.groups += sums.len() - before;
        while state.groups > self.max_groups && state.fold_oldest() {}
        if self.max_recent > 0 {
            if state.recent.len() == self.max_recent {
                state.recent.pop_front();
            }
            state.recent.push_back((state.next, record.clone()));
            state.next += 1;
        }
    }
}

impl Ledger for MemoryLedger {
    fn record(&self, record: &UsageRecord) {
        self.keep(&mut self.lock(), record);
    }
}

impl State {
    /// Folds the oldest hour that has several groups into one group. Whether there was one.
    fn fold_oldest(&mut self) -> bool {
        let Some(sums) = self.hours.values_mut().find(|sums| sums.len() > 1) else {
            return self.merge_oldest_hours();
        };
        let mut all = Sums::default();
        for (_, more) in sums.drain() {
            all.add(&more);
            self.groups -= 1;
        }
        sums.insert(Dimensions::default(), all);
        self.groups += 1;
        true
    }

    fn merge_oldest_hours(&mut self) -> bool {
        if self.hours.len() < 2 {
            return false;
        }
        let Some((_, oldest)) = self.hours.pop_first() else { return false };
        let Some(mut next) = self.hours.first_entry() else { return false };
        for sums in oldest.values() {
            next.get_mut().entry(Dimensions::default()).or_default().add(sums);
        }
        self.groups = self.hours.values().map(HashMap::len).sum();
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use tollgate_core::{Context, Operation, Tag, Target, Usage};

    use super::*;
    use crate::GroupBy;

    const HOUR: u64 = 3600;

    fn record(provider: &str, tag: &str, output: u64, hours_ago: u64) -> UsageRecord {
        let context = Context::builder("r").tags(vec![Tag { name: "team".into(), value: tag.into() }]).build();
        context.observe(|observed| {
            observed.target = Some(Target::new(provider, "m"));
            observed.usage = Some(Usage { input: Some(1), output: Some(output), ..Usage::default() });
        });
        let mut record = UsageRecord::new(Operation::ChatCompletions, None, false, 200, &context);
        record.received_at -= Duration::from_secs(hours_ago * HOUR);
        record
    }

    #[test]
    fn sums_by_group_and_time() {
        let ledger = MemoryLedger::new(10, 100);
        ledger.record(&record("a", "x", 10, 0));
        ledger.record(&record("a", "y", 20, 0));
        ledger.record(&record("b", "x", 40, 2));
        let summary = ledger.summary(&Query { group_by: vec![GroupBy::Tag("team".into())], ..Query::default() });
        assert_eq!((summary.total.requests, summary.total.output_tokens), (3, 70));
        let teams: Vec<_> =
            summary.groups.iter().map(|group| (group.by["tag:team"].as_deref(), group.totals.output_tokens)).collect();
        assert_eq!(teams, [(Some("x"), 50), (Some("y"), 20)]);
        let lately = Query { from: Some(SystemTime::now() - Duration::from_secs(HOUR)), ..Query::default() };
        assert_eq!(ledger.summary(&lately).total.output_tokens, 30);
        let before = Query { until: Some(SystemTime::now() - Duration::from_secs(HOUR)), ..Query::default() };
        assert_eq!(ledger.summary(&before).total.output_tokens, 40);
    }

    #[test]
    fn memory_is_bounded_and_totals_stay_right() {
        let ledger = MemoryLedger::new(5, 7);
        for i in 0..1000 {
            ledger.record(&record(&format!("p{i}"), "t", 1, i % 30));
        }
        assert_eq!(ledger.recent(100).len(), 5);
        assert!(ledger.lock().groups <= 7);
        assert_eq!(ledger.summary(&Query::default()).total.requests, 1000);
    }

    #[test]
    fn the_newest_record_comes_first() {
        let ledger = MemoryLedger::new(2, 7);
        for provider in ["a", "b", "c"] {
            ledger.record(&record(provider, "t", 1, 0));
        }
        let recent: Vec<_> = ledger.recent(9).into_iter().filter_map(|record| record.provider).collect();
        assert_eq!(recent, [Arc::<str>::from("c"), "b".into()]);
    }
}
