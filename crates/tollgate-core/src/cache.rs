//! What a client asks of caches, and what they did.

use std::sync::Arc;
use std::time::Duration;

use crate::Usage;

/// What a client asks of caches for one request. The default asks for nothing in particular.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CacheDirectives {
    /// Which caches may be used; `None` leaves it to the gateway.
    pub mode: Option<CacheMode>,
    /// An answer must not be stored.
    pub no_store: bool,
    /// A stored answer must not be used, though the new one may be stored.
    pub refresh: bool,
    /// Only a stored answer will do.
    pub only_if_cached: bool,
    /// The oldest stored answer that will do.
    pub max_age: Option<Duration>,
    /// For how long the answer may be stored.
    pub ttl: Option<Duration>,
    /// Names by which the answer can be invalidated later.
    pub tags: Vec<Arc<str>>,
    /// The least similarity of a rephrased prompt. It can only make the gateway's own decision stricter.
    pub min_similarity: Option<f32>,
}

/// Which caches may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheMode {
    /// None.
    Off,
    /// Only for the very same request.
    Exact,
    /// Also for requests that mean the same.
    Semantic,
}

/// What caches did with a request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CacheOutcome {
    /// Where the answer came from.
    pub status: CacheStatus,
    /// A stable word that says more: `exact`, `semantic`, why a cache was not used, or why nothing was stored.
    pub detail: Option<&'static str>,
    /// The tokens that were not spent because of it.
    pub saved: Option<Usage>,
    /// How old the answer is.
    pub age: Option<Duration>,
    /// Whether the answer was stored.
    pub stored: bool,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheStatus {
    /// A cache.
    Hit,
    /// A cache, though the answer was no longer fresh.
    Stale,
    /// Another request of the same kind that was in flight.
    Collapsed,
    /// The provider, because nothing was stored.
    Miss,
    /// The provider, because no cache may be used.
    Bypass,
}

impl CacheMode {
    /// The word for headers and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Exact => "exact",
            Self::Semantic => "semantic",
        }
    }
}

impl CacheStatus {
    /// The stable word for records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Collapsed => "collapsed",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }

    /// Whether no provider was asked on behalf of this request.
    #[must_use]
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Hit | Self::Stale | Self::Collapsed)
    }
}

impl CacheOutcome {
    /// An outcome of which nothing more is known.
    #[must_use]
    pub const fn new(status: CacheStatus) -> Self {
        Self { status, detail: None, saved: None, age: None, stored: false }
    }

    /// The same with a word that says more.
    #[must_use]
    pub const fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The same with the tokens that were saved.
    #[must_use]
    pub const fn saved(mut self, saved: Option<Usage>) -> Self {
        self.saved = saved;
        self
    }
}
