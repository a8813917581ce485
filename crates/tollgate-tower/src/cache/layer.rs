//! The layer of [`Cache`].

use std::sync::Arc;

use tollgate_cache::AnswerCache;
use tower_layer::{Identity, Layer};

use super::Cache;

/// Makes [`Cache`]. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct CacheLayer<W = Identity> {
    cache: Arc<AnswerCache>,
    background: W,
}

impl CacheLayer {
    /// Answers from a cache.
    #[must_use]
    pub fn new(cache: Arc<AnswerCache>) -> Self {
        Self { cache, background: Identity::new() }
    }

    /// Sets what is around the calls that are made for no client, such as a layer that records what they take. Defaults to
    /// nothing.
    #[must_use]
    pub fn background<W>(self, background: W) -> CacheLayer<W> {
        CacheLayer { cache: self.cache, background }
    }
}

impl<S, W> Layer<S> for CacheLayer<W>
where
    S: Clone,
    W: Layer<S>,
{
    type Service = Cache<S, W::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        Cache { background: self.background.layer(inner.clone()), inner, cache: self.cache.clone() }
    }
}
