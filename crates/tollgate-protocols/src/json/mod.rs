//! JSON without a tree: a validating scanner that reports where values stand.
//!
//! The scanner accepts exactly RFC 8259 (checked against `serde_json` by a property test) with a bound on nesting. It
//! builds nothing: a caller walks the members it cares about and skips the others at about the speed of memory.

mod canonical;
mod scanner;
mod tree;
mod writer;

pub use canonical::append_canonical;
pub use scanner::{Counts, Fault, Key, Scanner};
pub use tree::{MAX_DEPTH, Value, parse};
pub use writer::{Array, Object, append_object, append_string, array_text, object, object_text, one_line};

/// A JSON string literal, quotes included.
///
/// ```
/// assert_eq!(tollgate_protocols::json::literal("a\"b"), r#""a\"b""#);
/// ```
#[must_use]
pub fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Decodes the JSON string literal at the start and end of `text`; `None` if it is not one, or holds half a surrogate
/// pair.
#[must_use]
pub fn decode(text: &[u8]) -> Option<String> {
    serde_json::from_slice(text).ok()
}
