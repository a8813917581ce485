//! What turns prompts into vectors: the local model, or one of a provider.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tollgate_cache::semantic::{EmbedError, Embedder};
use tollgate_core::{BoxFuture, Context, Identity, Operation, Request};
use tollgate_embed::Encoder;
use tollgate_protocols::openai::{HeadLimits, read_head};
use tower::ServiceExt;

use crate::stack::Stack;

/// The local model. It computes on threads of its own, because a vector takes milliseconds in which a worker would serve
/// nobody; and not on more of them than there are cores.
pub(super) struct Local {
    encoder: Arc<Encoder>,
    threads: Threads,
    /// As many as threads, so that who waits for one waits here, where a time limit ends it.
    places: Arc<Semaphore>,
    timeout: Duration,
}

/// Threads that compute, shared by all workers: each has buffers and an arena of the allocator's.
///
/// They are those of a runtime that runs nothing else, which starts them when they are needed and outlives a panic.
struct Threads(Option<Runtime>);

/// A model of a provider.
pub(super) struct Remote {
    id: String,
    model: String,
    timeout: Duration,
    /// A reload exchanges it, together with the providers that it leads to.
    stack: Mutex<Option<Stack>>,
}

// === impl Local ===

impl Local {
    pub(super) fn new(encoder: Encoder, timeout: Duration) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let places = Arc::new(Semaphore::new(cores));
        Ok(Self { encoder: Arc::new(encoder), threads: Threads::new(cores)?, places, timeout })
    }

    async fn vector(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let place = self.places.clone().acquire_owned().await.map_err(EmbedError::new)?;
        let (encoder, text) = (self.encoder.clone(), text.to_owned());
        let vector = self.threads.run(move || {
            let vector = encoder.embed(&text);
            drop(place);
            vector.to_vec()
        });
        vector.ok_or_else(|| EmbedError::new("the threads have ended"))?.await.map_err(EmbedError::new)
    }
}

impl Embedder for Local {
    fn id(&self) -> &str {
        self.encoder.id()
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move { tokio::time::timeout(self.timeout, self.vector(text)).await.map_err(EmbedError::new)? })
    }
}

// === impl Threads ===

impl Threads {
    fn new(most: usize) -> io::Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Ok(Self(Some(runtime.max_blocking_threads(most).thread_name("encoder").build()?)))
    }

    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<JoinHandle<T>> {
        Some(self.0.as_ref()?.spawn_blocking(work))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A reload drops it on a worker, which must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

// === impl Remote ===

impl Remote {
    pub(super) fn new(model: &str, timeout: Duration) -> Self {
        Self { id: format!("provider:{model}"), model: model.to_owned(), timeout, stack: Mutex::new(None) }
    }

    /// Sets what leads to the providers.
    pub(super) fn lead_to(&self, stack: Stack) {
        *self.stack.lock().unwrap_or_else(PoisonError::into_inner) = Some(stack);
    }

    async fn vector(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stack = stack.ok_or_else(|| EmbedError::new("there are no providers yet"))?;
        let body = json!({ "model": self.model, "input": text, "encoding_format": "float" }).to_string();
        let head = read_head(body.as_bytes(), HeadLimits::default()).map_err(EmbedError::new)?;
        let id = format!("embed-{:016x}", fastrand::u64(..));
        let context = Context::builder(id).identity(Identity::of_key("tollgate")).build();
        let request = Request::new(Operation::Embeddings, head, body.into(), context);
        let response = stack.oneshot(request).await.map_err(EmbedError::new)?;
        let body = response.body.collect().await.map_err(EmbedError::new)?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).map_err(EmbedError::new)?;
        let numbers = answer["data"][0]["embedding"].as_array().ok_or_else(|| EmbedError::new("no embedding"))?;
        #[expect(clippy::cast_possible_truncation, reason = "vectors have no more digits than that")]
        let vector: Vec<f32> = numbers.iter().filter_map(Value::as_f64).map(|number| number as f32).collect();
        if vector.is_empty() || vector.len() != numbers.len() {
            return Err(EmbedError::new("the embedding is no list of numbers"));
        }
        Ok(vector)
    }
}

impl Embedder for Remote {
    fn id(&self) -> &str {
        &self.id
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move { tokio::time::timeout(self.timeout, self.vector(text)).await.map_err(EmbedError::new)? })
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("model", &self.model).finish_non_exhaustive()
    }
}
