//! What a client said and what it was answered, where somebody wants to see that.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::time;

/// A request and its answer, without credentials and with what the rules say taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capture {
    /// Its number; later captures have larger ones. Set by the store.
    pub id: u64,
    /// When the request was received.
    #[serde(with = "time")]
    pub at: SystemTime,
    /// The request's id.
    pub request_id: String,
    /// The name of the client's key.
    pub key: Option<String>,
    /// Where the key belongs.
    pub path: Option<String>,
    /// What was asked for.
    pub operation: String,
    /// The model as the client named it.
    pub model: Option<String>,
    /// Who answered, as `provider/model`.
    pub target: Option<String>,
    /// The HTTP status; 499 if the client went away.
    pub status: u16,
    /// Milliseconds from receiving the request to the end of the answer.
    pub latency_ms: u64,
    /// The request's headers that may travel.
    pub request_headers: Vec<(String, String)>,
    /// The request's body.
    pub request: CapturedBody,
    /// The answer's headers.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body; that of a stream is its events.
    pub response: CapturedBody,
}

/// What is kept of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CapturedBody {
    /// Its text as far as it is kept. Bytes that are no text stand as U+FFFD.
    pub text: String,
    /// How many bytes the body had, as far as they were seen.
    pub bytes: u64,
    /// Whether `text` lacks something at its end.
    pub truncated: bool,
    /// How many values were taken out.
    pub redacted: u64,
}

/// Which captures are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureFilter {
    /// Only that of the request with this id.
    pub request_id: Option<String>,
    /// Only those of the key with this name.
    pub key: Option<String>,
    /// Only those at this time or later.
    pub from: Option<SystemTime>,
    /// Only those before this time.
    pub until: Option<SystemTime>,
}

// === impl Capture ===

impl Default for Capture {
    fn default() -> Self {
        Self {
            id: 0,
            at: SystemTime::UNIX_EPOCH,
            request_id: String::new(),
            key: None,
            path: None,
            operation: String::new(),
            model: None,
            target: None,
            status: 0,
            latency_ms: 0,
            request_headers: Vec::new(),
            request: CapturedBody::default(),
            response_headers: Vec::new(),
            response: CapturedBody::default(),
        }
    }
}

// === impl CaptureFilter ===

impl CaptureFilter {
    pub(crate) fn matches(&self, capture: &Capture) -> bool {
        self.request_id.as_ref().is_none_or(|id| *id == capture.request_id)
            && self.key.as_ref().is_none_or(|key| Some(key) == capture.key.as_ref())
            && self.from.is_none_or(|from| capture.at >= from)
            && self.until.is_none_or(|until| capture.at < until)
    }
}
