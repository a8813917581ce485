//! Time, repetition and size: what a request may take.

use std::num::NonZeroUsize;

use serde::Deserialize;

use super::{ByteSize, Span};

/// How long to wait for providers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a connection, including TLS. Short, since it can be tried again.
    pub connect: Span,
    /// From the request's last byte to the beginning of the response; a response that is not streamed has begun when all
    /// of it is here. For each attempt. Long, because a reasoning model may think for minutes
    /// before it says anything.
    pub first_byte: Span,
    /// Between two pieces of a response. A stream that is silent for longer has been lost.
    pub idle: Span,
    /// Between two pieces of a response that say something, which the comments and white space that keep a connection
    /// open do not. A silent stream says nothing either, so this should not be shorter than `idle`.
    pub progress: Span,
    /// For the whole request, all attempts included.
    pub total: Span,
}

/// When and how often a failed request is tried again.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How often a request is sent in all, the first time included; 1 turns retries off.
    pub max_attempts: u32,
    /// The wait before the second attempt; it doubles with each further one.
    pub base_delay: Span,
    /// The longest wait that doubling leads to.
    pub max_delay: Span,
    /// The longest `retry-after` of a provider that is waited for. Beyond it the error is passed on, because the client
    /// can decide better than the gateway whether to wait.
    pub max_retry_after: Span,
}

/// What a single request, and all requests together, may take.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest request body. Room for a long conversation with several images.
    pub max_body: ByteSize,
    /// The deepest nesting of JSON in a body. Recursion over deeper bodies could exhaust the stack.
    pub max_json_depth: usize,
    /// The largest request head, all headers together.
    pub max_headers: ByteSize,
    /// The largest single event of a stream. A provider that sends more without a boundary would fill the memory.
    pub max_event: ByteSize,
    /// The largest response that is held in memory as a whole, so that it can be checked; a larger one is passed on as it comes.
    pub max_buffered_response: ByteSize,
    /// The most requests at the same time; 0 means no limit.
    pub max_concurrency: usize,
    /// How long a request beyond `max_concurrency` waits for its turn before it is refused; 0 refuses at once.
    pub queue_timeout: Span,
}

// === impl Timeouts ===

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Span::from_secs(10),
            first_byte: Span::from_mins(10),
            idle: Span::from_mins(5),
            progress: Span::from_mins(5),
            total: Span::from_mins(60),
        }
    }
}

// === impl Retry ===

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base_delay: Span::from_millis(250),
            max_delay: Span::from_secs(8),
            max_retry_after: Span::from_secs(30),
        }
    }
}

// === impl Limits ===

impl Limits {
    /// The most requests at the same time, if there is a limit.
    #[must_use]
    pub fn concurrency(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.max_concurrency)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: ByteSize::mib(32),
            max_json_depth: 128,
            max_headers: ByteSize::kib(64),
            max_event: ByteSize::mib(1),
            max_buffered_response: ByteSize::mib(4),
            max_concurrency: 0,
            queue_timeout: Span::from_secs(5),
        }
    }
}
