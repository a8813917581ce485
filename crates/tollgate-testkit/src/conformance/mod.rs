//! Whether what a gateway sent to a client is what the client's protocol says.
//!
//! * [`whole`] looks at an answer that is one document, or at the body of an error.
//! * [`stream`] looks at an answer that is a stream: each event by its schema, then the order of events.
//! * [`summary`] tells what either says, so that a stream can be compared with a document, and an answer with a
//!   recording; [`text_of`] is the text alone.
//!
//! Both checks give a list of violations, empty if there is none, or [`Skipped`] where the specifications are not there:
//!
//! ```
//! use tollgate_testkit::conformance::{Front, whole};
//!
//! let body = br#"{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":null}}"#;
//! if let Ok(violations) = whole(Front::Chat, 404, body) {
//!     assert_eq!(violations, Vec::<String>::new());
//! }
//! ```
//!
//! [`vector_index`], [`quota_store`] and [`ledger_store`] are about something else: whether an index or a store does what its
//! trait promises.
//!
//! Nothing here shares code with the gateway. Schemas come from the shared fixtures, see [`crate::shared`]; where they
//! ask for other things than real answers have, `specs.rs` says which rule holds. The rules of order are those that real
//! providers keep, and each checker's file has its own.

mod chat;
mod directory;
mod frames;
mod gemini;
mod ledger_store;
mod messages;
mod ollama;
mod quota_store;
#[cfg(test)]
mod recorded;
mod responses;
mod schema;
mod specs;
mod summary;
mod vector_index;

use std::fmt;

use serde_json::Value;

pub use directory::directory_store;
pub use ledger_store::ledger_store;
pub use quota_store::{QuotaStores, quota_store};
use specs::Specs;
pub use summary::{Call, Summary, summary, text_of};
pub use vector_index::{SameDimensions, vector_index};

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses, which Open Responses describes too.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Gemini's `generateContent` and `streamGenerateContent?alt=sse`.
    Gemini,
    /// Ollama's `/api/chat`.
    Ollama,
    /// OpenAI's embeddings, which have no stream.
    Embeddings,
}

/// The specifications are not there, so nothing was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped;

/// What is wrong with a whole answer; with an error's body if the status is not one of success.
///
/// # Errors
/// [`Skipped`] without the shared fixtures.
pub fn whole(front: Front, status: u16, body: &[u8]) -> Result<Vec<String>, Skipped> {
    let specs = specs::loaded()?;
    let mut violations = Violations::default();
    match serde_json::from_slice::<Value>(body) {
        Err(error) => violations.add(format!("the body is not JSON: {error}")),
        Ok(value) if (200..300).contains(&status) => match front {
            Front::Chat => chat::whole(specs, &value, &mut violations),
            Front::Responses => responses::whole(specs, &value, &mut violations),
            Front::Messages => messages::whole(specs, &value, &mut violations),
            Front::Gemini => gemini::whole(&value, &mut violations),
            Front::Ollama => ollama::whole(specs, &value, &mut violations),
            Front::Embeddings => violations.all(specs.openai.check("CreateEmbeddingResponse", &value), "body"),
        },
        Ok(value) => error_body(specs, front, status, &value, &mut violations),
    }
    Ok(violations.list)
}

/// What is wrong with a stream. `asks_for_usage` is whether the client of Chat Completions set
/// `stream_options.include_usage`; the other protocols always tell usage.
///
/// # Errors
/// [`Skipped`] without the shared fixtures.
pub fn stream(front: Front, body: &[u8], asks_for_usage: bool) -> Result<Vec<String>, Skipped> {
    let specs = specs::loaded()?;
    let mut violations = Violations::default();
    match front {
        Front::Ollama => {
            let frames = frames::lines(body, &mut violations);
            ollama::stream(specs, &frames, &mut violations);
        }
        Front::Embeddings => violations.add("embeddings have no stream"),
        _ => {
            let frames = frames::events(body, &mut violations);
            match front {
                Front::Chat => chat::stream(specs, &frames, asks_for_usage, &mut violations),
                Front::Responses => responses::stream(specs, &frames, &mut violations),
                Front::Messages => messages::stream(specs, &frames, &mut violations),
                _ => gemini::stream(&frames, &mut violations),
            }
        }
    }
    Ok(violations.list)
}

fn error_body(specs: &Specs, front: Front, status: u16, value: &Value, violations: &mut Violations) {
    match front {
        Front::Chat | Front::Responses | Front::Embeddings => {
            violations.all(specs.openai.check("ErrorResponse", value), "error");
        }
        Front::Messages => violations.all(specs.anthropic.check("AnthropicMessagesErrorResponse", value), "error"),
        Front::Gemini => gemini::error(value, Some(status), violations),
        Front::Ollama => ollama::error(value, violations),
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("skipped: the specifications among the shared fixtures were not found")
    }
}

impl std::error::Error for Skipped {}

/// The violations found so far.
#[derive(Debug, Default)]
struct Violations {
    list: Vec<String>,
}

impl Violations {
    /// How many are told of at most: one mistake at the beginning of a stream can make every event wrong.
    const LIMIT: usize = 40;

    fn add(&mut self, violation: impl Into<String>) {
        if self.list.len() < Self::LIMIT {
            self.list.push(violation.into());
        }
    }

    fn require(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.add(violation());
        }
    }

    fn all(&mut self, found: Vec<String>, place: &str) {
        found.into_iter().for_each(|violation| self.add(format!("{place}: {violation}")));
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether text is a JSON object, as arguments of a call have to be.
fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
}
