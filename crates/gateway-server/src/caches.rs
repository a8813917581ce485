//! The caches: what of them outlives a reload, and how a configuration makes one of it.

use std::fmt;
use std::sync::Arc;

use tollgate_cache::store::memory::MemoryStore;
use tollgate_cache::{AnswerCache, Epochs, Scope, Settings};
use tollgate_core::{CacheMode, Secret};
use tollgate_protocols::doors::Doors;

use crate::config::{Config, types};

/// The part of `cache.memory` that is for what is remembered of answered requests; the rest is for answers.
const MEMO_SHARE: usize = 8;

/// Stored answers and what was invalidated, which outlive every reload.
pub(crate) struct Caches {
    memory: Arc<MemoryStore>,
    memo: usize,
    epochs: Arc<Epochs>,
}

impl Caches {
    pub(crate) fn new(config: &types::Cache) -> Self {
        let memo = config.memory.as_usize() / MEMO_SHARE;
        let memory = Arc::new(MemoryStore::new(config.memory.as_usize() - memo));
        Self { memory, memo, epochs: Arc::default() }
    }

    /// The cache of a configuration.
    pub(crate) fn build(&self, config: &Config) -> AnswerCache {
        let secret = config.cache.key_secret.as_ref().map_or_else(|| Secret::new(""), |secret| secret.0.clone());
        AnswerCache::builder(settings(config), Arc::new(Doors))
            .secret(secret)
            .memory(self.memory.clone())
            .memo(self.memo)
            .epochs(self.epochs.clone())
            .build()
    }
}

fn settings(config: &Config) -> Settings {
    let cache = &config.cache;
    let mut settings = Settings::default();
    settings.mode = match cache.mode {
        Some(types::CacheModeName::Off) => CacheMode::Off,
        Some(types::CacheModeName::Exact) => CacheMode::Exact,
        Some(types::CacheModeName::Semantic) => CacheMode::Semantic,
        None if config.providers.is_empty() => CacheMode::Exact,
        None => CacheMode::Off,
    };
    settings.scope = match cache.scope {
        types::CacheScope::Key => Scope::Key,
        types::CacheScope::Team => Scope::Team,
        types::CacheScope::Tenant => Scope::Tenant,
        types::CacheScope::Deployment => Scope::Deployment,
    };
    settings.ttl = cache.ttl.get();
    settings.max_ttl = cache.max_ttl.get();
    settings.stale_while_revalidate = cache.stale_while_revalidate.get();
    settings.stale_if_error = cache.stale_if_error.get();
    settings.max_entry = cache.max_entry.as_usize();
    settings.reuse_sampled = cache.sampled == types::SampledAnswers::Reuse;
    settings.coalesce = cache.coalesce;
    settings
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").field("memory", &self.memory.stats()).finish_non_exhaustive()
    }
}
