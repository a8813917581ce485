//! Answers for rephrased requests.

mod payload;
mod prefilter;
mod purge;
mod search;
mod settle;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate_core::Request;

use self::payload::Payload;
use self::prefilter::Prefilter;
use super::decision::{DecisionEngine, EngineStats, NamespaceId};
use super::embedder::Embedder;
use super::text::Reading;
use crate::index::{Namespace, VectorIndex};
use crate::{KeyMaker, KeyParts, Lookup};

pub use search::{Explanation, NearPrompt, Pending, Searched};
pub use settle::LabelOf;

/// Reuses answers for rephrased requests: finds prompts that are near by, decides whether their answer may be served, and
/// learns from every fresh answer whether it would have been right.
pub struct SemanticCache {
    embedder: Arc<dyn Embedder>,
    index: Arc<dyn VectorIndex>,
    engine: Mutex<DecisionEngine>,
    /// Only where every stored prompt is known to this process.
    prefilter: Option<Mutex<Prefilter>>,
    namespaces: Mutex<HashMap<Namespace, NamespaceInfo>>,
}

/// What is known of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceInfo {
    /// Who shares it.
    pub scope: Arc<str>,
    /// Who answers in it, as `provider/model`.
    pub target: Arc<str>,
    /// Requests that were looked up in it.
    pub requests: u64,
    /// Those that were served.
    pub hits: u64,
    /// Tokens that were not spent because of it.
    pub saved_tokens: u64,
}

/// A request that may be answered by the answer to another.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where it is looked for.
    pub namespace: Namespace,
    /// What its words say.
    pub reading: Reading,
    text: Arc<str>,
}

/// The namespaces of which something is remembered for statistics.
const MAX_NAMESPACES: usize = 10_000;

// === impl SemanticCache ===

impl SemanticCache {
    /// A cache over an index. `is_local` says that nobody else writes to the index, so that it need not be asked about prompts
    /// that have no word in common with any stored one.
    #[must_use]
    pub fn new(
        embedder: Arc<dyn Embedder>,
        index: Arc<dyn VectorIndex>,
        engine: DecisionEngine,
        is_local: bool,
    ) -> Self {
        Self {
            embedder,
            index,
            engine: Mutex::new(engine),
            prefilter: is_local.then(Mutex::default),
            namespaces: Mutex::default(),
        }
    }

    /// Takes down a prompt that was stored before this start, by what its point holds, such as what
    /// [`MemoryIndex::for_each_payload`](crate::index::memory::MemoryIndex::for_each_payload) gives. Without that, prompts of
    /// an earlier start are only found by requests that resemble a newer one too.
    pub fn recall(&self, namespace: &Namespace, payload: &[u8]) {
        if let (Some(prefilter), Some(payload)) = (&self.prefilter, Payload::from_bytes(payload)) {
            lock(prefilter).insert(namespace, &payload.analysis);
        }
    }

    /// The request as a query.
    ///
    /// # Errors
    /// A stable word that says why it is only answered by the answer to the very same request.
    pub fn prepare(&self, keys: &KeyMaker, lookup: &Lookup, request: &Request) -> Result<Query, &'static str> {
        let Some(target) = &request.target else { return Err("unrouted") };
        if lookup.canonical.traits.tools {
            return Err("tools");
        }
        let last = lookup.canonical.last_user.as_ref().ok_or("no-text")?;
        let reading = Reading::of(&last.text);
        if let Some(refusal) = reading.cacheability.refusal() {
            return Err(refusal.as_str());
        }
        if reading.volatility.freshness.is_exact_only() {
            return Err("volatile");
        }
        let parts = KeyParts { scope: lookup.scope(), target, request };
        let further = [reading.signature.as_bytes(), &[reading.language.key()], self.embedder.id().as_bytes()];
        let namespace = Namespace::new(*keys.namespace(parts, &last.around, &further).as_bytes());
        let mut namespaces = lock(&self.namespaces);
        if namespaces.len() < MAX_NAMESPACES || namespaces.contains_key(&namespace) {
            let info = namespaces.entry(namespace).or_insert_with(|| NamespaceInfo {
                scope: lookup.scope().into(),
                target: target.to_string().into(),
                ..NamespaceInfo::default()
            });
            info.requests += 1;
        }
        drop(namespaces);
        Ok(Query { namespace, reading, text: last.text.as_str().into() })
    }

    /// What the decisions were and are.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        lock(&self.engine).stats()
    }

    /// What is known of namespaces, in no order.
    #[must_use]
    pub fn namespaces(&self) -> Vec<(Namespace, NamespaceInfo)> {
        lock(&self.namespaces).iter().map(|(namespace, info)| (*namespace, info.clone())).collect()
    }

    /// What makes the vectors.
    #[must_use]
    pub fn embedder(&self) -> &Arc<dyn Embedder> {
        &self.embedder
    }

    /// Where the vectors are.
    #[must_use]
    pub fn index(&self) -> &Arc<dyn VectorIndex> {
        &self.index
    }

    /// Turns a namespace off, or on again.
    pub fn kill(&self, namespace: &Namespace, killed: bool) {
        lock(&self.engine).kill(namespace_id(namespace), killed);
    }

    /// All that was learned, for another start.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        lock(&self.engine).snapshot()
    }
}

fn namespace_id(namespace: &Namespace) -> NamespaceId {
    let [a, b, c, d, e, f, g, h, ..] = *namespace.as_bytes();
    NamespaceId(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SemanticCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemanticCache")
            .field("embedder", &self.embedder.id())
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}
