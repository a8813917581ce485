//! What finds answers for rephrased requests.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::index::qdrant::QdrantIndex;
use tollgate_cache::index::{Namespace, VectorIndex};
use tollgate_cache::semantic::decision::{Calibrated, DecisionEngine, Policy, Settings, Start};
use tollgate_cache::semantic::{Embedder, SemanticCache};
use tollgate_embed::Model;

use super::embedders::{Local, Remote};
use super::lazy::LazyRedis;
use crate::config::types::{RedisServer, Semantic, SemanticPolicy, SemanticStart, VectorStore};
use crate::config::{ConfigErrors, Source};
use crate::redis;
use crate::stack::Stack;

/// What finds answers, with the configuration that it was built from. It outlives reloads that do not change that, because
/// of what it has learned.
pub(super) struct Built {
    pub(super) section: Semantic,
    redis: Option<RedisServer>,
    pub(super) cache: Arc<SemanticCache>,
    remote: Option<Arc<Remote>>,
    memory: Option<MemoryIndex>,
}

const VECTORS: &str = "vectors";
const DECISIONS: &str = "decisions";
/// How many times as large a share of hits is asked upstream as of all requests, at most.
const SHADOW_OF_HITS: f64 = 3.0;

impl Built {
    /// Builds what a section describes, with what is known from an earlier start if there is a folder of it.
    pub(super) fn new(
        section: &Semantic,
        redis: Option<&RedisServer>,
        source: &Source,
        snapshot: Option<&Path>,
    ) -> Result<Self, ConfigErrors> {
        let (embedder, remote) = embedder(section, source)?;
        let (index, memory) = index(section, redis, source)?;
        let restored = memory.as_ref().zip(snapshot).filter(|(memory, folder)| load(memory, folder));
        let engine = engine(section, snapshot);
        let cache = Arc::new(SemanticCache::new(embedder, index, engine, memory.is_some()));
        if let Some((memory, _)) = restored {
            memory.for_each_payload(|namespace, payload| cache.recall(namespace, payload));
        }
        Ok(Self { section: section.clone(), redis: redis.cloned(), cache, remote, memory })
    }

    /// Writes down what was learned, and the vectors if they are in memory.
    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        let (path, new) = (folder.join(DECISIONS), folder.join("decisions.new"));
        std::fs::write(&new, self.cache.snapshot())?;
        std::fs::rename(new, path)?;
        match &self.memory {
            Some(memory) => memory.save(&folder.join(VECTORS)).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    pub(super) fn is_of(&self, section: &Semantic, redis: Option<&RedisServer>) -> bool {
        self.section == *section && self.redis.as_ref() == redis
    }

    /// Whether where vectors are kept answers.
    pub(super) async fn is_reachable(&self) -> bool {
        self.cache.index().count(Namespace::new([0; 32])).await.is_ok()
    }

    /// Sets what leads to the providers, for a model that one of them has.
    pub(super) fn lead_to(&self, stack: impl FnOnce() -> Stack) {
        if let Some(remote) = &self.remote {
            remote.lead_to(stack());
        }
    }
}

/// Whether there were vectors to be read.
fn load(memory: &MemoryIndex, folder: &Path) -> bool {
    let path = folder.join(VECTORS);
    if !path.exists() {
        return false;
    }
    match memory.load(&path) {
        Ok(count) => {
            tracing::info!(count, "vectors read");
            count > 0
        }
        Err(error) => {
            tracing::warn!(%error, "the vectors of the last start cannot be read");
            false
        }
    }
}

fn engine(section: &Semantic, snapshot: Option<&Path>) -> DecisionEngine {
    let (settings, seed) = (Settings::new(policy(section)), fastrand::u64(..));
    let Some(bytes) = snapshot.and_then(|folder| std::fs::read(folder.join(DECISIONS)).ok()) else {
        return DecisionEngine::new(settings, seed);
    };
    DecisionEngine::restore(settings, seed, &bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "what was learned before the last stop cannot be read");
        DecisionEngine::new(settings, seed)
    })
}

fn policy(section: &Semantic) -> Policy {
    match section.policy {
        #[expect(clippy::cast_possible_truncation, reason = "similarities have no more digits than that")]
        SemanticPolicy::Threshold => Policy::Threshold(section.threshold as f32),
        SemanticPolicy::Calibrated => {
            let start = match section.start {
                SemanticStart::Observe => Start::Observe,
                SemanticStart::Warm => Start::Warm,
            };
            Policy::Calibrated(Calibrated {
                max_error_rate: section.max_error_rate,
                shadow_of_hits: SHADOW_OF_HITS * section.shadow_rate,
                shadow_of_requests: section.shadow_rate,
                start,
                ..Calibrated::default()
            })
        }
    }
}

type AnyEmbedder = (Arc<dyn Embedder>, Option<Arc<Remote>>);

fn embedder(section: &Semantic, source: &Source) -> Result<AnyEmbedder, ConfigErrors> {
    let timeout = section.embed_timeout.get();
    if let Some(model) = &section.provider_model {
        let remote = Arc::new(Remote::new(model, timeout));
        return Ok((remote.clone(), Some(remote)));
    }
    let encoder = Model::open(&section.model).map_err(|error| {
        let hint = if error.is_missing() { "; `gateway-server model fetch` puts it there" } else { "" };
        source.wrong("cache.semantic.model", &format!("{error}{hint}"))
    })?;
    let local =
        Local::new(encoder, timeout).map_err(|error| source.wrong("cache.semantic.model", &error.to_string()))?;
    Ok((Arc::new(local), None))
}

fn index(
    section: &Semantic,
    redis: Option<&RedisServer>,
    source: &Source,
) -> Result<(Arc<dyn VectorIndex>, Option<MemoryIndex>), ConfigErrors> {
    Ok(match (section.vectors, redis, &section.qdrant) {
        (VectorStore::Redis, Some(redis), _) => {
            let timeouts = RedisServer { read_timeout: section.search_timeout, ..redis.clone() };
            (Arc::new(LazyRedis::new(redis::client(&timeouts, source, "cache.redis.url")?)), None)
        }
        (VectorStore::Qdrant, _, Some(qdrant)) => {
            let mut builder = QdrantIndex::builder(qdrant.url.as_str())
                .collection(qdrant.collection.as_str())
                .read_timeout(section.search_timeout.get());
            if let Some(key) = &qdrant.api_key {
                builder = builder.api_key(key.0.clone());
            }
            let index = builder.build().map_err(|error| source.wrong("cache.semantic.qdrant", &error.to_string()))?;
            (Arc::new(index), None)
        }
        _ => {
            let index = MemoryIndex::builder().max_bytes(section.memory.as_usize()).build();
            (Arc::new(index.clone()), Some(index))
        }
    })
}
