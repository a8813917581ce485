//! The cache of answers as a whole: which requests it is for, what it finds, and what it keeps.
//!
//! What becomes of a request, in order:
//!
//! - `serve.rs`: it is recalled as it was answered before, or an entry is written down for it;
//! - `plan.rs`: whether a cache is for it, and what its answer is kept under;
//! - `find.rs`: which entry may be served;
//! - `replay.rs`: the same over time, where nobody may tell that it was kept;
//! - `fill.rs`: what is kept of a new answer.

mod builder;
mod fill;
mod find;
mod plan;
mod replay;
mod serve;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tollgate_core::ir::AnswerCodec;

pub use self::builder::AnswerCacheBuilder;
pub use self::fill::Filled;
pub use self::find::Found;
pub use self::plan::{Lookup, Plan};
pub use self::replay::Replay;
pub use self::serve::naming;
use crate::flight::Flights;
use crate::memo::Memo;
use crate::semantic::SemanticCache;
use crate::semantic::decision::ClusterId;
use crate::statistics::Statistics;
use crate::store::memory::MemoryStore;
use crate::store::{SharedEpochs, Store};
use crate::{Epochs, Key, KeyMaker, Settings, Subject};

/// The cache of answers.
pub struct AnswerCache {
    settings: Settings,
    keys: KeyMaker,
    codec: Arc<dyn AnswerCodec>,
    memory: Arc<MemoryStore>,
    memo: Memo,
    shared: Option<Arc<dyn Store>>,
    epochs: Arc<Epochs>,
    flights: Flights,
    statistics: Statistics,
    semantic: Option<Arc<SemanticCache>>,
    shared_epochs: Option<Arc<dyn SharedEpochs>>,
    /// When the shared epochs are looked at next, in milliseconds since 1970.
    next_look: AtomicU64,
}

// === impl AnswerCache ===

impl AnswerCache {
    /// A cache that understands what `codec` does.
    #[must_use]
    pub fn builder(settings: Settings, codec: Arc<dyn AnswerCodec>) -> AnswerCacheBuilder {
        AnswerCacheBuilder::new(settings, codec)
    }

    /// How it behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The answers in memory.
    #[must_use]
    pub fn memory(&self) -> &MemoryStore {
        &self.memory
    }

    /// The answers that other processes have too.
    #[must_use]
    pub fn shared(&self) -> Option<&Arc<dyn Store>> {
        self.shared.as_ref()
    }

    /// What was invalidated.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// The answers that are on their way.
    #[must_use]
    pub fn flights(&self) -> &Flights {
        &self.flights
    }

    /// What finds answers for rephrased requests.
    #[must_use]
    pub fn semantic(&self) -> Option<&Arc<SemanticCache>> {
        self.semantic.as_ref()
    }

    /// What it knows of requests and answers.
    #[must_use]
    pub fn codec(&self) -> &Arc<dyn AnswerCodec> {
        &self.codec
    }

    /// What it did so far.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Forgets an answer, here and in the shared store.
    pub async fn forget(&self, key: &Key) -> bool {
        let was_here = self.memory.forget(key);
        match &self.shared {
            Some(shared) => shared.remove(key).await || was_here,
            None => was_here,
        }
    }

    pub(crate) async fn forget_cluster(&self, cluster: ClusterId) {
        self.forget(&self.keys.cluster(cluster.0)).await;
    }

    /// Begins a new epoch of something, here and for all who share the store. Whether the others will know of it.
    pub async fn invalidate(&self, subject: &Subject) -> bool {
        let epoch = self.epochs.advance(subject);
        let Some(shared) = &self.shared_epochs else { return true };
        let name = subject.name();
        match shared.advance(&name).await {
            Some(theirs) => {
                self.epochs.merge([(name, theirs.max(epoch))]);
                true
            }
            None => false,
        }
    }
}

impl fmt::Debug for AnswerCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerCache")
            .field("settings", &self.settings)
            .field("memory", &self.memory.stats())
            .field("flights", &self.flights)
            .finish_non_exhaustive()
    }
}
