//! The caches: what of them outlives a reload, and how a configuration makes one of it.

mod embedders;
mod lazy;
mod semantic;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_cache::store::memory::MemoryStore;
use tollgate_cache::store::redis::RedisStore;
use tollgate_cache::{AnswerCache, Epochs, Scope, Settings};
use tollgate_core::{CacheMode, Secret};
use tollgate_protocols::doors::Doors;

use crate::config::{Config, ConfigErrors, Source, types};
use crate::redis;
use crate::stack::Stack;

/// The part of `cache.memory` that is for what is remembered of answered requests; the rest is for answers.
const MEMO_SHARE: usize = 8;

const ANSWERS: &str = "answers";

/// Stored answers and what was invalidated, which outlive every reload.
pub(crate) struct Caches {
    memory: Arc<MemoryStore>,
    memo: usize,
    epochs: Arc<Epochs>,
    semantic: Mutex<Option<Arc<semantic::Built>>>,
    redis: Mutex<Option<(types::RedisServer, Arc<RedisStore>)>>,
}

impl Caches {
    pub(crate) fn new(config: &types::Cache) -> Self {
        let memo = config.memory.as_usize() / MEMO_SHARE;
        let (memory, epochs) =
            (Arc::new(MemoryStore::new(config.memory.as_usize() - memo)), Arc::new(Epochs::default()));
        let path = config.snapshot.as_ref().map(|folder| Path::new(folder).join(ANSWERS)).filter(|path| path.exists());
        if let Some(path) = path {
            match memory.load(&path, &epochs) {
                Ok(count) => tracing::info!(count, "answers read"),
                Err(error) => tracing::warn!(%error, "the answers of the last start cannot be read"),
            }
        }
        Self { memory, memo, epochs, semantic: Mutex::default(), redis: Mutex::default() }
    }

    /// Writes down what is in memory, for the next start.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub(crate) fn save(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let count = self.memory.save(&folder.join(ANSWERS), &self.epochs)?;
        if let Some(semantic) = &*self.semantic.lock().unwrap_or_else(PoisonError::into_inner) {
            semantic.save(folder)?;
        }
        tracing::info!(count, "answers written");
        Ok(())
    }

    /// The cache of a configuration. `background` leads to the providers for calls that are made for no client.
    ///
    /// # Errors
    /// If something that the configuration names is not there.
    pub(crate) fn build(
        &self,
        config: &Config,
        source: &Source,
        background: impl FnOnce() -> Stack,
    ) -> Result<AnswerCache, ConfigErrors> {
        let secret = config.cache.key_secret.as_ref().map_or_else(|| Secret::new(""), |secret| secret.0.clone());
        let mut builder = AnswerCache::builder(settings(config), Arc::new(Doors))
            .secret(secret)
            .memory(self.memory.clone())
            .memo(self.memo)
            .epochs(self.epochs.clone());
        if let Some(redis) = &config.cache.redis {
            builder = builder.shared(self.store(redis, source)?);
        }
        if let Some(section) = &config.cache.semantic {
            let built = self.semantic(section, &config.cache, source)?;
            built.lead_to(background);
            builder = builder.semantic(built.cache.clone());
        }
        Ok(builder.build())
    }

    /// Whether the servers answer that a configuration names, by what is kept in them.
    pub(crate) async fn servers(&self, config: &types::Cache) -> Vec<(&'static str, bool)> {
        let mut servers = Vec::new();
        if config.redis.is_some() {
            let store = self.redis.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((_, store)) = store {
                servers.push(("answers", store.is_reachable().await));
            }
        }
        if config.semantic.as_ref().is_some_and(|semantic| semantic.vectors != types::VectorStore::Memory) {
            let built = self.semantic.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(built) = built {
                servers.push(("vectors", built.is_reachable().await));
            }
        }
        servers
    }

    fn store(&self, server: &types::RedisServer, source: &Source) -> Result<Arc<RedisStore>, ConfigErrors> {
        let mut known = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, store)) = &*known
            && of == server
        {
            return Ok(store.clone());
        }
        let store = Arc::new(RedisStore::new(redis::client(server, source, "cache.redis.url")?));
        *known = Some((server.clone(), store.clone()));
        Ok(store)
    }

    fn semantic(
        &self,
        section: &types::Semantic,
        config: &types::Cache,
        source: &Source,
    ) -> Result<Arc<semantic::Built>, ConfigErrors> {
        let redis = config.redis.as_ref();
        let mut known = self.semantic.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = known.as_ref().filter(|built| built.is_of(section, redis)) {
            return Ok(built.clone());
        }
        let built = Arc::new(semantic::Built::new(section, redis, source, config.snapshot.as_deref().map(Path::new))?);
        *known = Some(built.clone());
        Ok(built)
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
    settings.volatility = cache.volatility;
    settings.max_ttl = cache.max_ttl.get();
    settings.stale_while_revalidate = cache.stale_while_revalidate.get();
    settings.stale_if_error = cache.stale_if_error.get();
    settings.max_entry = cache.max_entry.as_usize();
    settings.reuse_sampled = cache.sampled == types::SampledAnswers::Reuse;
    settings.variants = cache.variants;
    settings.coalesce = cache.coalesce;
    settings.conceal = cache.conceal;
    settings
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").field("memory", &self.memory.stats()).finish_non_exhaustive()
    }
}
