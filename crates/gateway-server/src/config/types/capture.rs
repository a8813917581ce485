//! Which requests and answers are kept, and what of them.

use serde::Deserialize;

use super::{ByteSize, Span};

/// Keeps what clients say and what they are answered, in the database. Credentials are never kept, nor what passes at `/p/`,
/// whose meaning only its provider knows.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// Which share of requests is kept, from above 0 to 1. Which ones is left to chance.
    pub share: f64,
    /// How much of a request's body is kept, and of an answer's.
    pub max_body: ByteSize,
    /// How much memory captures may take that wait for the database. What comes beyond that is not kept: no request waits
    /// for it.
    pub memory: ByteSize,
    /// For how long they are kept.
    pub retention: Span,
    /// What is taken out before anything is written down. Where a body breaks off or is no JSON any more, the rest to which
    /// these rules cannot be applied is not kept.
    pub redact: Redact,
}

/// What is taken out of captured bodies.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Redact {
    /// The values of JSON members with one of these names, at any depth.
    pub members: Vec<String>,
    /// The values at these JSON pointers, such as `/messages/*/content`; `*` stands for any member or item. In a stream they
    /// apply to the data of each event.
    pub pointers: Vec<String>,
    /// Whatever matches one of these regular expressions in a text, such as `[\w.+-]+@[\w.-]+` for e-mail addresses. Letters
    /// of other languages than English are no `\w`. A text that a stream gives in pieces is matched piece by piece.
    pub patterns: Vec<String>,
}

// === impl Capture ===

impl Default for Capture {
    fn default() -> Self {
        Self {
            share: 1.0,
            max_body: ByteSize::kib(64),
            memory: ByteSize::mib(32),
            retention: Span::from_mins(7 * 24 * 60),
            redact: Redact::default(),
        }
    }
}
