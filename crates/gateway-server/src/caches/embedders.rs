//! What turns prompts into vectors: the local model, or one of a provider.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
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
    places: Arc<Semaphore>,
    timeout: Duration,
}

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
    pub(super) fn new(encoder: Encoder, timeout: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { encoder: Arc::new(encoder), places: Arc::new(Semaphore::new(cores)), timeout }
    }

    async fn vector(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let place = self.places.clone().acquire_owned().await.map_err(EmbedError::new)?;
        let (encoder, text) = (self.encoder.clone(), text.to_owned());
        tokio::task::spawn_blocking(move || {
            let vector = encoder.embed(&text);
            drop(place);
            vector.to_vec()
        })
        .await
        .map_err(EmbedError::new)
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
