//! Sums over records.

use std::time::SystemTime;

use serde::Serialize;

use crate::UsageRecord;

/// What to sum, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only records from this time on, rounded down to the ledger's grain.
    pub from: Option<SystemTime>,
    /// Only records from before this time, rounded down to the ledger's grain.
    pub until: Option<SystemTime>,
    /// One group for each combination of these.
    pub group_by: Vec<GroupBy>,
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
    /// The operation.
    Operation,
    /// The value of the tag of this name.
    Tag(String),
    /// The hour of receipt, UTC.
    Hour,
}

impl GroupBy {
    /// Parses `provider`, `model`, `key`, `operation`, `hour` or `tag:NAME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "provider" => Some(Self::Provider),
            "model" => Some(Self::Model),
            "key" => Some(Self::Key),
            "operation" => Some(Self::Operation),
            "hour" => Some(Self::Hour),
            _ => text.strip_prefix("tag:").filter(|name| !name.is_empty()).map(|name| Self::Tag(name.to_owned())),
        }
    }

    /// The text that parses to it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Provider => "provider".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Key => "key".to_owned(),
            Self::Operation => "operation".to_owned(),
            Self::Hour => "hour".to_owned(),
            Self::Tag(name) => format!("tag:{name}"),
        }
    }
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Everything together.
    pub total: Totals,
    /// One for each group, the largest number of tokens first.
    pub groups: Vec<Group>,
}

/// The sums of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The values grouped by, in the order of the query; `None` where a record has none.
    pub by: std::collections::BTreeMap<String, Option<String>>,
    /// The sums.
    #[serde(flatten)]
    pub totals: Totals,
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
        let fields = [
            (&mut self.requests, other.requests),
            (&mut self.errors, other.errors),
            (&mut self.client_closed, other.client_closed),
            (&mut self.estimated, other.estimated),
            (&mut self.reduced, other.reduced),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.cache_read_tokens, other.cache_read_tokens),
            (&mut self.cache_creation_tokens, other.cache_creation_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
            (&mut self.total_tokens, other.total_tokens),
            (&mut self.cached, other.cached),
            (&mut self.saved_input_tokens, other.saved_input_tokens),
            (&mut self.saved_output_tokens, other.saved_output_tokens),
            (&mut self.cost_nano_usd, other.cost_nano_usd),
            (&mut self.saved_nano_usd, other.saved_nano_usd),
            (&mut self.unpriced, other.unpriced),
        ];
        for (sum, more) in fields {
            *sum = sum.saturating_add(more);
        }
    }
}
