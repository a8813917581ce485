//! Sums of an hour, by everything that one may ask for later.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_core::{CacheStatus, Operation, Tag};

use crate::sketch::Sketch;
use crate::{GroupBy, Totals, UsageRecord};

/// What sums are kept by. Names come from clients in part, so there may be many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dimensions {
    /// The client's key.
    pub key: Option<Arc<str>>,
    /// Where the key belongs.
    pub path: Option<Arc<str>>,
    /// The provider.
    pub provider: Option<Arc<str>>,
    /// The model as the provider was asked for it.
    pub model: Option<Arc<str>>,
    /// What was asked for; `None` where several have been put together.
    pub operation: Option<Operation>,
    /// The client's tags in the order of their names.
    pub tags: Vec<Tag>,
    /// What caches did.
    pub cache: Option<CacheStatus>,
    /// What went wrong.
    pub error: Option<&'static str>,
}

/// Sums, and how long it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// The sums.
    pub totals: Totals,
    /// From receiving the requests to the end of their answers.
    pub latency: Sketch,
    /// From receiving the requests to the first token of streamed answers.
    pub time_to_first_token: Sketch,
}

const HOUR: u64 = 3600;

/// The hour of a time, counted from 1970.
pub(crate) fn hour_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / HOUR)
}

/// When an hour began.
pub(crate) fn start_of(hour: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(hour.saturating_mul(HOUR))).unwrap_or(UNIX_EPOCH)
}

/// The sums of records, by hour and dimensions.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[must_use]
pub(crate) fn roll_up<'a>(records: impl IntoIterator<Item = &'a UsageRecord>) -> HashMap<(u64, Dimensions), Sums> {
    let mut all: HashMap<(u64, Dimensions), Sums> = HashMap::new();
    let mut run: Option<(u64, Dimensions, Sums)> = None;
    for record in records {
        let hour = hour_of(record.received_at);
        match &mut run {
            // Most records are of the same client and model as the one before, and to see that is less than to look it up.
            Some((known, of, sums)) if *known == hour && of.are_of(record) => sums.count(record),
            _ => {
                let mut sums = Sums::default();
                sums.count(record);
                add_run(&mut all, run.replace((hour, Dimensions::of(record), sums)));
            }
        }
    }
    add_run(&mut all, run);
    all
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn add_run(all: &mut HashMap<(u64, Dimensions), Sums>, run: Option<(u64, Dimensions, Sums)>) {
    if let Some((hour, of, sums)) = run {
        all.entry((hour, of)).or_default().add(&sums);
    }
}

// === impl Dimensions ===

impl Dimensions {
    /// Those of a record.
    #[must_use]
    pub fn of(record: &UsageRecord) -> Self {
        let mut tags = record.tags.clone();
        tags.sort();
        Self {
            key: record.key.clone(),
            path: record.path.clone(),
            provider: record.provider.clone(),
            model: record.model.clone(),
            operation: Some(record.operation),
            tags,
            cache: record.cache.as_ref().map(|cache| cache.status),
            error: record.error,
        }
    }

    /// Whether they are those of a record, as far as that is quickly seen: never of one that has several tags.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn are_of(&self, record: &UsageRecord) -> bool {
        self.key == record.key
            && self.path == record.path
            && self.provider == record.provider
            && self.model == record.model
            && self.operation == Some(record.operation)
            && record.tags.len() < 2
            && self.tags == record.tags
            && self.cache == record.cache.as_ref().map(|cache| cache.status)
            && self.error == record.error
    }

    /// The value that a property groups by.
    pub(crate) fn value(&self, by: &GroupBy, hour: u64) -> Option<String> {
        let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        match by {
            GroupBy::Provider => owned(&self.provider),
            GroupBy::Model => owned(&self.model),
            GroupBy::Key => owned(&self.key),
            GroupBy::Path(None) => owned(&self.path),
            GroupBy::Path(Some(parts)) => self.path.as_deref().map(|path| first_parts(path, parts.get()).to_owned()),
            GroupBy::Operation => self.operation.map(|operation| operation.to_string()),
            GroupBy::Cache => self.cache.map(|cache| cache.as_str().to_owned()),
            GroupBy::Error => self.error.map(str::to_owned),
            GroupBy::Tag(name) => self.tags.iter().find(|tag| *tag.name == **name).map(|tag| tag.value.to_string()),
            GroupBy::Hour => time_text(hour),
            GroupBy::Day => time_text(hour / 24 * 24),
        }
    }
}

fn first_parts(path: &str, parts: usize) -> &str {
    path.match_indices('/').nth(parts - 1).map_or(path, |(at, _)| &path[..at])
}

fn time_text(hour: u64) -> Option<String> {
    jiff::Timestamp::try_from(start_of(hour)).ok().map(|time| time.to_string())
}

// === impl Sums ===

impl Sums {
    /// Adds a record.
    pub fn count(&mut self, record: &UsageRecord) {
        self.totals.add(&Totals::of(record));
        self.latency.add(record.latency);
        if let Some(time) = record.time_to_first_token {
            self.time_to_first_token.add(time);
        }
    }

    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        self.totals.add(&other.totals);
        self.latency.merge(&other.latency);
        self.time_to_first_token.merge(&other.time_to_first_token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_parts_of_a_path() {
        for (parts, expect) in [(1, "acme"), (2, "acme/search"), (3, "acme/search/alice"), (9, "acme/search/alice")] {
            assert_eq!(first_parts("acme/search/alice", parts), expect);
        }
    }
}
