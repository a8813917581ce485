//! Records in memory: the latest of them, and the sums of all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_core::{Operation, Tag};

use super::Ledger;
use crate::{Group, GroupBy, Query, Summary, Totals, UsageRecord};

const HOUR: u64 = 3600;

/// Keeps a bounded number of records and sums by hour, provider, model, key, operation and tags. Sums are bounded too:
/// beyond the limit the oldest hour's groups are folded into one, so that totals stay right while details fade.
#[derive(Debug)]
pub struct MemoryLedger {
    state: Mutex<State>,
    max_recent: usize,
    max_groups: usize,
}

#[derive(Debug, Default)]
struct State {
    recent: VecDeque<UsageRecord>,
    hours: BTreeMap<u64, HashMap<Key, Totals>>,
    groups: usize,
}

/// What sums are kept by. Names come from clients in part, which is why their number is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Key {
    provider: Option<Arc<str>>,
    model: Option<Arc<str>>,
    key: Option<Arc<str>>,
    operation: Option<Operation>,
    tags: Vec<Tag>,
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
        self.lock().recent.iter().rev().take(limit).cloned().collect()
    }

    /// The sums that a query asks for.
    #[must_use]
    pub fn summary(&self, query: &Query) -> Summary {
        let from = query.from.map_or(0, hour_of);
        let until = query.until.map_or(u64::MAX, hour_of);
        let mut total = Totals::default();
        let mut groups: HashMap<Vec<Option<String>>, Totals> = HashMap::new();
        let state = self.lock();
        for (hour, sums) in state.hours.range(from..).take_while(|(hour, _)| **hour < until || query.until.is_none()) {
            for (key, totals) in sums {
                total.add(totals);
                if !query.group_by.is_empty() {
                    let by = query.group_by.iter().map(|by| key.value(by, *hour)).collect();
                    groups.entry(by).or_default().add(totals);
                }
            }
        }
        drop(state);
        let names: Vec<String> = query.group_by.iter().map(GroupBy::name).collect();
        let mut groups: Vec<Group> = groups
            .into_iter()
            .map(|(by, totals)| Group { by: names.iter().cloned().zip(by).collect(), totals })
            .collect();
        groups.sort_by(|a, b| b.totals.total_tokens.cmp(&a.totals.total_tokens).then_with(|| a.by.cmp(&b.by)));
        Summary { total, groups }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn record(&self, record: &UsageRecord) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let sums = state.hours.entry(hour_of(record.received_at)).or_default();
        let before = sums.len();
        sums.entry(Key::of(record)).or_default().add(&Totals::of(record));
        state.groups += sums.len() - before;
        while state.groups > self.max_groups && state.fold_oldest() {}
        if self.max_recent > 0 {
            if state.recent.len() == self.max_recent {
                state.recent.pop_front();
            }
            state.recent.push_back(record.clone());
        }
    }
}

impl State {
    /// Folds the oldest hour that has several groups into one group. Whether there was one.
    fn fold_oldest(&mut self) -> bool {
        let Some(sums) = self.hours.values_mut().find(|sums| sums.len() > 1) else {
            return self.merge_oldest_hours();
        };
        let mut all = Totals::default();
        for (_, totals) in sums.drain() {
            all.add(&totals);
            self.groups -= 1;
        }
        sums.insert(Key::default(), all);
        self.groups += 1;
        true
    }

    fn merge_oldest_hours(&mut self) -> bool {
        if self.hours.len() < 2 {
            return false;
        }
        let Some((_, oldest)) = self.hours.pop_first() else { return false };
        let Some(mut next) = self.hours.first_entry() else { return false };
        for totals in oldest.values() {
            next.get_mut().entry(Key::default()).or_default().add(totals);
        }
        self.groups = self.hours.values().map(HashMap::len).sum();
        true
    }
}

impl Key {
    fn of(record: &UsageRecord) -> Self {
        let mut tags = record.tags.clone();
        tags.sort();
        Self {
            provider: record.provider.clone(),
            model: record.model.clone(),
            key: record.key.clone(),
            operation: Some(record.operation),
            tags,
        }
    }

    fn value(&self, by: &GroupBy, hour: u64) -> Option<String> {
        match by {
            GroupBy::Provider => self.provider.as_deref().map(str::to_owned),
            GroupBy::Model => self.model.as_deref().map(str::to_owned),
            GroupBy::Key => self.key.as_deref().map(str::to_owned),
            GroupBy::Operation => self.operation.map(|operation| operation.to_string()),
            GroupBy::Tag(name) => self.tags.iter().find(|tag| *tag.name == **name).map(|tag| tag.value.to_string()),
            GroupBy::Hour => {
                let time = UNIX_EPOCH + Duration::from_secs(hour * HOUR);
                jiff::Timestamp::try_from(time).ok().map(|time| time.to_string())
            }
        }
    }
}

fn hour_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / HOUR)
}

#[cfg(test)]
mod tests {
    use tollgate_core::{Context, Target, Usage};

    use super::*;

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
