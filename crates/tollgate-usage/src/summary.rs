//! Sums over records.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::SystemTime;

use serde::Serialize;

use crate::rollup::{Dimensions, Sums, hour_of};
use crate::sketch::Quantiles;
use crate::{Filter, UsageRecord};

/// What to sum, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only records from this time on, rounded down to the ledger's grain, which is an hour.
    pub from: Option<SystemTime>,
    /// Only records from before this time, rounded down to the ledger's grain, which is an hour.
    pub until: Option<SystemTime>,
    /// Only records that fit this.
    pub filter: Filter,
    /// One group for each combination of these.
    pub group_by: Vec<GroupBy>,
    /// Whether to tell how long it took as well.
    pub quantiles: bool,
}

/// A property to group by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The provider.
    Provider,
    /// The model as the provider was asked for it.
    Model,
    /// The client's key.
    Key,
    /// Where the key belongs, or so many parts of it from the front.
    Path(Option<NonZeroUsize>),
    /// The operation.
    Operation,
    /// What caches did.
    Cache,
    /// What went wrong.
    Error,
    /// The value of the tag of this name.
    Tag(String),
    /// The hour of receipt, UTC.
    Hour,
    /// The day of receipt, UTC.
    Day,
}

impl GroupBy {
    /// What can be parsed, for messages.
    pub const FORMS: &str = "provider, model, key, path, path:N, operation, cache, error, hour, day or tag:NAME";

    /// Parses one of [`GroupBy::FORMS`]; `path:2` means the first two parts of the path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "provider" => Some(Self::Provider),
            "model" => Some(Self::Model),
            "key" => Some(Self::Key),
            "path" => Some(Self::Path(None)),
            "operation" => Some(Self::Operation),
            "cache" => Some(Self::Cache),
            "error" => Some(Self::Error),
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            _ => match text.split_once(':')? {
                ("tag", name) if !name.is_empty() => Some(Self::Tag(name.to_owned())),
                ("path", parts) => parts.parse().ok().map(|parts| Self::Path(Some(parts))),
                _ => None,
            },
        }
    }

    /// The text that parses to it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Provider => "provider".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Key => "key".to_owned(),
            Self::Path(None) => "path".to_owned(),
            Self::Path(Some(parts)) => format!("path:{parts}"),
            Self::Operation => "operation".to_owned(),
            Self::Cache => "cache".to_owned(),
            Self::Error => "error".to_owned(),
            Self::Hour => "hour".to_owned(),
            Self::Day => "day".to_owned(),
            Self::Tag(name) => format!("tag:{name}"),
        }
    }
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Everything together.
    pub total: Totals,
    /// How long everything took.
    #[serde(flatten)]
    pub times: Times,
    /// One for each group, the largest number of tokens first.
    pub groups: Vec<Group>,
}

/// The sums of one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The values grouped by, in the order of the query; `None` where a record has none.
    pub by: BTreeMap<String, Option<String>>,
    /// The sums.
    #[serde(flatten)]
    pub totals: Totals,
    /// How long it took.
    #[serde(flatten)]
    pub times: Times,
}

/// How long requests took, if that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// From receiving the requests to the end of their answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Quantiles>,
    /// From receiving the requests to the first token of streamed answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_first_token: Option<Quantiles>,
}

/// Makes the answer to a query from the sums of hours, in any order. All ledgers use it, so that they all answer alike.
#[derive(Debug)]
pub(crate) struct Summarizer<'a> {
    query: &'a Query,
    total: Sums,
    groups: HashMap<Vec<Option<String>>, Sums>,
}

impl<'a> Summarizer<'a> {
    pub(crate) fn new(query: &'a Query) -> Self {
        Self { query, total: Sums::default(), groups: HashMap::new() }
    }

    /// The hours to look at: from the first, up to and without the last.
    pub(crate) fn hours(&self) -> Range<u64> {
        self.query.from.map_or(0, hour_of)..self.query.until.map_or(u64::MAX, hour_of)
    }

    /// Adds the sums of an hour that is to be looked at, if they fit.
    pub(crate) fn add(&mut self, hour: u64, of: &Dimensions, sums: &Sums) {
        if !self.query.filter.fits(of) {
            return;
        }
        self.total.add_as_asked(sums, self.query);
        if !self.query.group_by.is_empty() {
            let by = self.query.group_by.iter().map(|by| of.value(by, hour)).collect();
            self.groups.entry(by).or_default().add_as_asked(sums, self.query);
        }
    }

    pub(crate) fn finish(self) -> Summary {
        let names: Vec<String> = self.query.group_by.iter().map(GroupBy::name).collect();
        let group = |(by, sums): (Vec<_>, Sums)| {
            let by = names.iter().cloned().zip(by).collect();
            Group { by, totals: sums.totals, times: Times::of(&sums) }
        };
        let mut groups: Vec<Group> = self.groups.into_iter().map(group).collect();
        groups.sort_by(|a, b| b.totals.total_tokens.cmp(&a.totals.total_tokens).then_with(|| a.by.cmp(&b.by)));
        Summary { total: self.total.totals, times: Times::of(&self.total), groups }
    }
}

impl Sums {
    /// Without what was not asked for, since adding sketches takes most of the time.
    fn add_as_asked(&mut self, other: &Self, query: &Query) {
        if query.quantiles { self.add(other) } else { self.totals.add(&other.totals) }
    }
}

impl Times {
    fn of(sums: &Sums) -> Self {
        Self { latency: sums.latency.quantiles(), time_to_first_token: sums.time_to_first_token.quantiles() }
    }
}

/// Sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Requests.
    pub requests: u64,
    /// Requests that failed, including those whose answer broke off.
    pub errors: u64,
    /// Requests whose client went away.
    pub client_closed: u64,
    /// Requests with estimated tokens.
    pub estimated: u64,
    /// Requests of which a translation dropped or changed something.
    pub reduced: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Input tokens read from providers' caches.
    pub cache_read_tokens: u64,
    /// Input tokens written to providers' caches.
    pub cache_creation_tokens: u64,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: u64,
    /// Input and output.
    pub total_tokens: u64,
    /// Requests that were answered by a cache, or by another request's answer.
    pub cached: u64,
    /// Tokens of input that were not spent because of it.
    pub saved_input_tokens: u64,
    /// Tokens of output that were not spent because of it.
    pub saved_output_tokens: u64,
    /// The cost of those requests whose cost is known, in nano-dollars.
    pub cost_nano_usd: u64,
    /// What was not spent because a cache answered, in nano-dollars.
    pub saved_nano_usd: u64,
    /// Requests that a provider was asked for and whose cost is not known.
    pub unpriced: u64,
}

impl Totals {
    /// The sums of one record.
    #[must_use]
    pub fn of(record: &UsageRecord) -> Self {
        let client_closed = record.status == UsageRecord::CLIENT_CLOSED;
        let failed = record.error.is_some() || (record.status >= 400 && !client_closed);
        let usage = &record.usage;
        let is_cached = record.cache.as_ref().is_some_and(|cache| cache.status.is_served());
        let saved = record.cache.as_ref().and_then(|cache| cache.saved).unwrap_or_default();
        Self {
            requests: 1,
            errors: u64::from(failed),
            client_closed: u64::from(client_closed),
            estimated: u64::from(usage.estimated),
            reduced: u64::from(!record.dropped.is_empty()),
            input_tokens: usage.input.unwrap_or(0),
            output_tokens: usage.output.unwrap_or(0),
            cache_read_tokens: usage.cache_read.unwrap_or(0),
            cache_creation_tokens: usage.cache_creation.unwrap_or(0),
            reasoning_tokens: usage.reasoning.unwrap_or(0),
            total_tokens: usage.total(),
            cached: u64::from(is_cached),
            saved_input_tokens: saved.input.unwrap_or(0),
            saved_output_tokens: saved.output.unwrap_or(0),
            cost_nano_usd: record.cost.as_ref().map_or(0, |cost| cost.amount.0),
            saved_nano_usd: record.saved.unwrap_or_default().0,
            unpriced: u64::from(record.cost.is_none() && record.attempts > 0 && !is_cached),
        }
    }

    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        for ((_, sum), (_, more)) in self.fields_mut().into_iter().zip(other.fields()) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Every sum by its name.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, u64); 17] {
        let mut copy = *self;
        copy.fields_mut().map(|(name, sum)| (name, *sum))
    }

    /// Every sum by its name. The order is that of the columns in databases, so new ones go to the end.
    pub(crate) fn fields_mut(&mut self) -> [(&'static str, &mut u64); 17] {
        [
            ("requests", &mut self.requests),
            ("errors", &mut self.errors),
            ("client_closed", &mut self.client_closed),
            ("estimated", &mut self.estimated),
            ("reduced", &mut self.reduced),
            ("input_tokens", &mut self.input_tokens),
            ("output_tokens", &mut self.output_tokens),
            ("cache_read_tokens", &mut self.cache_read_tokens),
            ("cache_creation_tokens", &mut self.cache_creation_tokens),
            ("reasoning_tokens", &mut self.reasoning_tokens),
            ("total_tokens", &mut self.total_tokens),
            ("cached", &mut self.cached),
            ("saved_input_tokens", &mut self.saved_input_tokens),
            ("saved_output_tokens", &mut self.saved_output_tokens),
            ("cost_nano_usd", &mut self.cost_nano_usd),
            ("saved_nano_usd", &mut self.saved_nano_usd),
            ("unpriced", &mut self.unpriced),
        ]
    }
}
