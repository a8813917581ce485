//! The cache as the gateway composes it, with an encoder that can be told to make vectors out of words.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::semantic::decision::{Calibrated, DecisionEngine, Policy, Settings as Decisions, Start};
use tollgate_cache::semantic::{EmbedError, Embedder, LabelOf, Query, SemanticCache};
use tollgate_cache::store::memory::MemoryStore;
use tollgate_cache::{AnswerCache, Lookup, Plan, Settings};
use tollgate_core::{BoxFuture, CacheMode, Context, Identity, Operation, Request, Target};
use tollgate_embed::{Encoder, Model};
use tollgate_protocols::doors::Doors;
use tollgate_protocols::openai::{HeadLimits, read_head};

use super::texts;
use crate::Result;
use crate::bench::stored;

/// A cache that can be filled and asked.
pub(super) struct Setup {
    pub(super) answers: AnswerCache,
    pub(super) semantic: Arc<SemanticCache>,
    pub(super) index: MemoryIndex,
    pub(super) embedder: Arc<Mixed>,
}

/// Where the vector of a stored prompt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vectors {
    /// From the encoder.
    Embedded,
    /// From its words, in no time.
    OfWords,
}

/// The encoder, and what stands in for it while a cache is filled.
pub(super) struct Mixed {
    encoder: Encoder,
    of_words: AtomicBool,
    spent: Mutex<Duration>,
    calls: AtomicU64,
}

const MIB: usize = 1024 * 1024;

// === impl Setup ===

impl Setup {
    pub(super) fn new(model: &Path) -> Result<Self> {
        let encoder = Model::open(model)?;
        let embedder = Arc::new(Mixed {
            encoder,
            of_words: AtomicBool::new(false),
            spent: Mutex::default(),
            calls: AtomicU64::new(0),
        });
        let index = MemoryIndex::builder().max_bytes(512 * MIB).build();
        let policy = Policy::Calibrated(Calibrated { start: Start::Warm, ..Calibrated::default() });
        let engine = DecisionEngine::new(Decisions::new(policy), 1);
        let semantic = Arc::new(SemanticCache::new(embedder.clone(), Arc::new(index.clone()), engine, true));
        let mut settings = Settings::default();
        settings.mode = CacheMode::Semantic;
        let answers = AnswerCache::builder(settings, Arc::new(Doors))
            .memory(Arc::new(MemoryStore::new(512 * MIB)))
            .semantic(semantic.clone())
            .build();
        Ok(Self { answers, semantic, index, embedder })
    }

    /// A request for the answer to a text, as routing leaves it.
    pub(super) fn request(text: &str) -> Result<Request> {
        let body = json!({ "model": "m", "temperature": 0, "messages": [{ "role": "user", "content": text }] });
        let body = body.to_string();
        let head = read_head(body.as_bytes(), HeadLimits::default())?;
        let context = Context::builder("bench").identity(Identity::of_key("bench")).build();
        let mut request = Request::new(Operation::ChatCompletions, head, body.into(), context);
        request.target = Some(Target::new("up", "m"));
        Ok(request)
    }

    /// What the exact cache has found out before a rephrased request is looked for.
    pub(super) fn lookup(&self, request: &Request) -> Result<Lookup> {
        match self.answers.plan(request) {
            Plan::Use(lookup) => Ok(*lookup),
            other => Err(format!("a request that is not looked up: {other:?}").into()),
        }
    }

    pub(super) fn query(&self, lookup: &Lookup, request: &Request) -> Result<Arc<Query>> {
        let query = self.answers.query(lookup, request).ok_or("the cache is not asked for rephrased requests")?;
        Ok(query.map_err(|reason| format!("a prompt that is not looked for: {reason}"))?)
    }

    /// Stores a prompt with an answer of its own, as it happens after a miss that had nothing near.
    pub(super) async fn store(&self, text: &str, number: usize, vectors: Vectors) -> Result<()> {
        let request = Self::request(text)?;
        let lookup = self.lookup(&request)?;
        let query = self.query(&lookup, &request)?;
        let entry = Arc::new(stored::entry(&lookup, stored::said(texts::answer(number))));
        self.embedder.of_words.store(vectors == Vectors::OfWords, Relaxed);
        let pending = tollgate_cache::semantic::Pending::default();
        self.semantic.settle(&self.answers, &lookup, &query, pending, entry, LabelOf::Miss).await;
        self.embedder.of_words.store(false, Relaxed);
        Ok(())
    }
}

// === impl Mixed ===

impl Mixed {
    /// How long the encoder took since this was last asked, and for how many texts.
    pub(super) fn take(&self) -> (Duration, u64) {
        let spent = std::mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner));
        (spent, self.calls.swap(0, Relaxed))
    }

    pub(super) fn vector(&self, text: &str) -> Vec<f32> {
        if self.of_words.load(Relaxed) {
            return of_words(text, self.encoder.dimensions());
        }
        let start = Instant::now();
        let vector = self.encoder.embed(text).to_vec();
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner) += start.elapsed();
        self.calls.fetch_add(1, Relaxed);
        vector
    }
}

impl Embedder for Mixed {
    fn id(&self) -> &str {
        self.encoder.id()
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, std::result::Result<Vec<f32>, EmbedError>> {
        Box::pin(async move { Ok(self.vector(text)) })
    }
}

/// The sum of a direction for each word, so that prompts with common words are near each other.
fn of_words(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions];
    for word in text.split_whitespace().filter(|word| word.len() > 4) {
        let seed = word.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
        let mut random = fastrand::Rng::with_seed(seed);
        vector.iter_mut().for_each(|number| *number += random.f32() - 0.5);
    }
    vector
}
