//! Composes a cache.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tollgate_core::Secret;
use tollgate_core::ir::AnswerCodec;

use super::AnswerCache;
use crate::flight::Flights;
use crate::memo::Memo;
use crate::semantic::SemanticCache;
use crate::statistics::Statistics;
use crate::store::memory::MemoryStore;
use crate::store::{SharedEpochs, Store};
use crate::{Epochs, KeyMaker, Settings};

/// Composes an [`AnswerCache`].
pub struct AnswerCacheBuilder {
    settings: Settings,
    codec: Arc<dyn AnswerCodec>,
    secret: Secret,
    memory: Arc<MemoryStore>,
    memo: usize,
    shared: Option<Arc<dyn Store>>,
    epochs: Arc<Epochs>,
    semantic: Option<Arc<SemanticCache>>,
    shared_epochs: Option<Arc<dyn SharedEpochs>>,
}

// === impl AnswerCacheBuilder ===

impl AnswerCacheBuilder {
    pub(super) fn new(settings: Settings, codec: Arc<dyn AnswerCodec>) -> Self {
        Self {
            settings,
            codec,
            secret: Secret::new(""),
            memory: Arc::new(MemoryStore::new(64 * 1024 * 1024)),
            memo: 8 * 1024 * 1024,
            shared: None,
            epochs: Arc::default(),
            semantic: None,
            shared_epochs: None,
        }
    }

    /// Sets the secret that goes into every key. Every process that shares a store needs the same. Defaults to none.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = secret;
        self
    }

    /// Sets the store in memory. Defaults to one of 64 MiB.
    #[must_use]
    pub fn memory(mut self, memory: Arc<MemoryStore>) -> Self {
        self.memory = memory;
        self
    }

    /// Sets how many bytes may be taken by what is remembered of requests that were answered from the cache: their bodies, and
    /// the bytes of their answers, with which the same request is answered without being read again. Defaults to 8 MiB; zero
    /// is none.
    #[must_use]
    pub fn memo(mut self, bytes: usize) -> Self {
        self.memo = bytes;
        self
    }

    /// Sets a store that is shared with other processes, asked where the memory has nothing. Defaults to none.
    #[must_use]
    pub fn shared<S: Store + SharedEpochs + 'static>(mut self, store: Arc<S>) -> Self {
        self.shared = Some(store.clone());
        self.shared_epochs = Some(store);
        self
    }

    /// Sets the epochs, which may be shared with other caches. Defaults to epochs of its own.
    #[must_use]
    pub fn epochs(mut self, epochs: Arc<Epochs>) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets what finds answers for rephrased requests. Defaults to nothing.
    #[must_use]
    pub fn semantic(mut self, semantic: Arc<SemanticCache>) -> Self {
        self.semantic = Some(semantic);
        self
    }

    /// The cache.
    #[must_use]
    pub fn build(self) -> AnswerCache {
        AnswerCache {
            settings: self.settings,
            keys: KeyMaker::new(self.secret),
            codec: self.codec,
            memory: self.memory,
            memo: Memo::new(self.memo),
            shared: self.shared,
            epochs: self.epochs,
            flights: Flights::default(),
            statistics: Statistics::default(),
            semantic: self.semantic,
            shared_epochs: self.shared_epochs,
            next_look: AtomicU64::new(0),
        }
    }
}

impl fmt::Debug for AnswerCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerCacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
