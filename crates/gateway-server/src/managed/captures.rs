//! Captured requests on their way to the database.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use tokio::sync::mpsc;
use tollgate_core::Request;
use tollgate_tower::capture::{Captured, Part, Sink};
use tollgate_usage::UsageRecord;
use tollgate_usage::directory::{BodyForm, Capture, CapturedBody, Redaction};

/// Takes captures from where requests pass, as many as there is room for.
#[derive(Clone)]
pub(crate) struct CaptureQueue {
    waiting: mpsc::Sender<Waiting>,
    shared: Arc<Shared>,
    redaction: Arc<Redaction>,
    /// How many bytes may wait.
    memory: usize,
}

/// The other end of the queue.
pub(crate) struct Captures {
    waiting: mpsc::Receiver<Waiting>,
    shared: Arc<Shared>,
}

/// What both ends know.
#[derive(Default)]
struct Shared {
    bytes: AtomicUsize,
    lost: AtomicU64,
}

/// A request that has passed, and is not looked at yet.
pub(crate) struct Waiting {
    captured: Captured,
    latency: Duration,
    redaction: Arc<Redaction>,
}

/// Captures that may wait, however small they are.
const WAITING: usize = 4096;

/// How many are written in one transaction.
const BATCH: usize = 64;

/// Headers that never get here, because the doors keep them; should one do so after all, it stays out of the database.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "cookie",
    "set-cookie",
    "x-amz-security-token",
];

/// A queue without rules and memory, and its other end.
pub(crate) fn queue() -> (CaptureQueue, Captures) {
    let (sender, waiting) = mpsc::channel(WAITING);
    let shared = Arc::<Shared>::default();
    let queue = CaptureQueue { waiting: sender, shared: shared.clone(), redaction: Arc::default(), memory: 0 };
    (queue, Captures { waiting, shared })
}

// === impl CaptureQueue ===

impl CaptureQueue {
    /// The same queue, with other rules and another limit.
    pub(crate) fn with(&self, redaction: Redaction, memory: usize) -> Self {
        Self { redaction: Arc::new(redaction), memory, ..self.clone() }
    }
}

impl Sink for CaptureQueue {
    fn wants(&self, _: &Request) -> bool {
        true
    }

    fn take(&self, captured: Captured) {
        let size = size(&captured);
        let latency = Instant::now().saturating_duration_since(captured.context.received());
        let before = self.shared.bytes.fetch_add(size, Ordering::Relaxed);
        let waiting = Waiting { captured, latency, redaction: self.redaction.clone() };
        if before + size > self.memory || self.waiting.try_send(waiting).is_err() {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// === impl Captures ===

impl Captures {
    /// Waits for the next. The future may be dropped without losing it.
    pub(crate) async fn arrived(&mut self) -> Option<Waiting> {
        self.waiting.recv().await
    }

    /// As they are to be kept: one that has arrived, and some of those that wait at the moment. Empty if there are none.
    pub(crate) async fn batch(&mut self, arrived: Option<Waiting>) -> Vec<Capture> {
        let rest = std::iter::from_fn(|| self.waiting.try_recv().ok());
        let batch = arrived.into_iter().chain(rest).take(BATCH).collect();
        self.prepare(batch).await
    }

    /// How many were not taken since this was asked last, because too many waited.
    pub(crate) fn take_lost(&self) -> u64 {
        self.shared.lost.swap(0, Ordering::Relaxed)
    }

    /// On a thread of its own, because looking for patterns takes longer than connections should wait.
    async fn prepare(&self, batch: Vec<Waiting>) -> Vec<Capture> {
        let bytes = batch.iter().map(|waiting| size(&waiting.captured)).sum();
        let prepared = tokio::task::spawn_blocking(|| batch.into_iter().map(Waiting::prepare).collect()).await;
        self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
        prepared.unwrap_or_default()
    }
}

fn size(captured: &Captured) -> usize {
    captured.request.seen.len() + captured.response.seen.len()
}

// === impl Waiting ===

impl Waiting {
    fn prepare(self) -> Capture {
        let Self { captured, latency, redaction } = self;
        let observed = captured.context.observed();
        Capture {
            at: captured.context.received_at(),
            request_id: captured.context.request_id().to_string(),
            key: observed.identity.key.map(|key| key.to_string()),
            path: observed.identity.path.map(|path| path.to_string()),
            operation: captured.operation.as_str().to_owned(),
            model: captured.head.model_name().map(str::to_owned),
            target: observed.target.map(|target| target.to_string()),
            status: captured.status.map_or(UsageRecord::CLIENT_CLOSED, |status| status.as_u16()),
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            request: body(&redaction, form_of_request(&captured.request), &captured.request),
            response: body(&redaction, form_of_response(&captured.response_headers), &captured.response),
            request_headers: headers(&redaction, &captured.request_headers),
            response_headers: headers(&redaction, &captured.response_headers),
            ..Capture::default()
        }
    }
}

fn body(redaction: &Redaction, form: BodyForm, part: &Part) -> CapturedBody {
    // A character may be cut in two at the end. Sound and pictures are nothing that anybody could read.
    let is_text = str::from_utf8(&part.seen).err().is_none_or(|error| error.error_len().is_none());
    if is_text || form != BodyForm::Text {
        redaction.apply(form, &part.seen, part.bytes)
    } else {
        CapturedBody { bytes: part.bytes, truncated: true, ..CapturedBody::default() }
    }
}

fn form_of_request(part: &Part) -> BodyForm {
    match part.seen.trim_ascii_start().first() {
        Some(b'{' | b'[') => BodyForm::Json,
        _ => BodyForm::Text,
    }
}

fn form_of_response(headers: &HeaderMap) -> BodyForm {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match content_type.map(|value| value.split(';').next().unwrap_or_default().trim()) {
        Some("text/event-stream") => BodyForm::Events,
        Some("application/x-ndjson") => BodyForm::Lines,
        // Operations answer JSON where they say nothing.
        Some("application/json") | None => BodyForm::Json,
        Some(_) => BodyForm::Text,
    }
}

fn headers(redaction: &Redaction, headers: &HeaderMap) -> Vec<(String, String)> {
    let plain = headers.iter().filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
    plain
        .map(|(name, value)| {
            let value = redaction.apply(BodyForm::Text, value.as_bytes(), value.len() as u64).text;
            (name.as_str().to_owned(), value)
        })
        .collect()
}

impl fmt::Debug for CaptureQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureQueue").field("memory", &self.memory).finish_non_exhaustive()
    }
}
