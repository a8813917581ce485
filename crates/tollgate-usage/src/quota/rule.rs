//! What a limit or a budget is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{NanoUsd, Tag};

/// A limit or a budget: how much, for whom.
///
/// Its `id` is its identity: what has been counted for it stays as long as a rule of the same id is there, also when the
/// amount changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is known by; the only one of its kind.
    pub id: Arc<str>,
    /// What clients are told it is called.
    pub name: Arc<str>,
    /// Which requests it is about.
    pub scope: Scope,
    /// Whether there is one counter for all of them or more.
    pub each: Each,
    /// How much.
    pub amount: Amount,
    /// Whether requests that a cache answers count.
    pub cache_hits: CacheHits,
    /// What becomes of requests while nobody can count.
    pub on_error: OnError,
}

/// Which requests a rule is about: those to which all of its parts apply. An empty scope is about every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The name of the client's key.
    pub key: Option<Arc<str>>,
    /// A path and everything below it: `acme/search` is also about `acme/search/alice`, and not about `acme/searching`.
    pub path: Option<Arc<str>>,
    /// Tags that the request has, all of them.
    pub tags: Vec<Tag>,
    /// A model as `provider/model`: the provider that is asked, and the model as it calls it. A pass-through whose model is
    /// not known may be any model of its provider, and counts for each.
    pub model: Option<Arc<str>>,
    /// The provider that is asked.
    pub provider: Option<Arc<str>>,
}

/// Whether a rule has one counter or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Each {
    /// One for all requests of the scope together.
    #[default]
    Together,
    /// One for each key. Requests without a key have one together.
    Key,
    /// One for each beginning of so many parts of the path. What is not as deep has one for itself.
    PathDepth(u8),
}

/// How much a rule allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many requests in any span of this length.
    Requests {
        /// How many.
        limit: u64,
        /// In which span.
        per: Rate,
    },
    /// So many tokens of input and output in any span of this length.
    Tokens {
        /// How many.
        limit: u64,
        /// In which span.
        per: Rate,
    },
    /// So many requests at the same time.
    Concurrent {
        /// How many.
        limit: u64,
    },
    /// So much money in each calendar period.
    Budget(Budget),
}

/// So much money in each calendar period (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How much.
    pub limit: NanoUsd,
    /// In which period.
    pub per: Period,
    /// Whether requests beyond it are refused (hard) or only warned about (soft).
    pub is_hard: bool,
    /// The parts of the limit, in percent, at which somebody is told; in the answer's headers too.
    pub warn_at: Vec<u8>,
    /// What becomes of requests whose price is not known, if the budget is hard.
    pub unpriced: Unpriced,
}

/// The span of a rate limit, which slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

/// The period of a budget, by the calendar (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// From minute 0.
    Hour,
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
    /// For ever.
    Total,
}

/// Whether requests that a cache answers count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CacheHits {
    /// They count like any other.
    Count,
    /// They do not, because no provider does anything for them.
    #[default]
    Free,
}

/// What becomes of requests while the counters cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnError {
    /// They pass, and this process counts for itself meanwhile, so that they do not pass without any limit.
    Open,
    /// They are refused.
    Closed,
}

/// What becomes of requests under a hard budget whose price is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unpriced {
    /// They are refused.
    #[default]
    Refuse,
    /// They pass, and cost the budget nothing.
    Allow,
}

// === impl Rule ===

impl Rule {
    /// A rule about every request, with the usual answers to what else there is to say: one counter, cached answers are
    /// free, and while nobody can count, limits let pass and hard budgets do not.
    pub fn new(id: impl Into<Arc<str>>, amount: Amount) -> Self {
        let id = id.into();
        let is_hard = matches!(&amount, Amount::Budget(budget) if budget.is_hard);
        Self {
            name: id.clone(),
            id,
            scope: Scope::default(),
            each: Each::Together,
            amount,
            cache_hits: CacheHits::Free,
            on_error: if is_hard { OnError::Closed } else { OnError::Open },
        }
    }

    /// The budget that it is, if it is one.
    #[must_use]
    pub fn budget(&self) -> Option<&Budget> {
        match &self.amount {
            Amount::Budget(budget) => Some(budget),
            _ => None,
        }
    }
}

// === impl Amount ===

impl Amount {
    /// The number that must not be exceeded: requests, tokens or nano-dollars.
    #[must_use]
    pub fn limit(&self) -> u64 {
        match self {
            Self::Requests { limit, .. } | Self::Tokens { limit, .. } | Self::Concurrent { limit } => *limit,
            Self::Budget(budget) => budget.limit.0,
        }
    }
}

impl fmt::Display for Amount {
    /// `60 requests per minute`, `$12.5 per month`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests { limit, per } => write!(f, "{limit} requests per {}", per.name()),
            Self::Tokens { limit, per } => write!(f, "{limit} tokens per {}", per.name()),
            Self::Concurrent { limit } => write!(f, "{limit} requests at the same time"),
            Self::Budget(Budget { limit, per: Period::Total, .. }) => write!(f, "${limit} in total"),
            Self::Budget(Budget { limit, per, .. }) => write!(f, "${limit} per {}", per.name()),
        }
    }
}

// === impl Rate ===

impl Rate {
    /// Its length.
    #[must_use]
    pub const fn span(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        })
    }

    /// Its name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

// === impl Budget ===

impl Budget {
    /// A hard budget that warns at 80 percent and refuses what has no price.
    #[must_use]
    pub fn hard(limit: NanoUsd, per: Period) -> Self {
        Self { limit, per, is_hard: true, warn_at: vec![80], unpriced: Unpriced::Refuse }
    }

    /// A budget that only warns, at 80 and 100 percent.
    #[must_use]
    pub fn soft(limit: NanoUsd, per: Period) -> Self {
        Self { limit, per, is_hard: false, warn_at: vec![80, 100], unpriced: Unpriced::Allow }
    }

    /// The amount at which a percentage of the limit is reached, rounded up.
    #[must_use]
    pub fn threshold(&self, percent: u8) -> NanoUsd {
        let exact = u128::from(self.limit.0) * u128::from(percent);
        NanoUsd(u64::try_from(exact.div_ceil(100)).unwrap_or(u64::MAX))
    }
}
