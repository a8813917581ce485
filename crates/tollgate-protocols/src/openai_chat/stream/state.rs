//! What is known of an answer while it is written.

use tollgate_core::ir::{Origin, Signature, ToolKind};

use crate::json::Object;
use crate::openai_chat::details;

/// A choice of the answer.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) index: u32,
    pub(super) calls: u64,
    pub(super) thoughts: u64,
    /// Whether anything was said.
    pub(super) said: bool,
    pub(super) finished: bool,
}

/// A block that is open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) index: u32,
    pub(super) choice: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text,
    Refusal,
    /// Thoughts with their number among the choice's.
    Thinking {
        number: u64,
        summary: bool,
        id: Option<String>,
    },
    /// A call with its number among the choice's, and whether arguments were sent.
    Call {
        number: u64,
        kind: ToolKind,
        sent: bool,
        /// Its id and name, as long as its first chunk waits for its signature.
        owed: Option<(String, String)>,
    },
}

/// The member of a call, and that of its arguments.
pub(super) const fn words(kind: ToolKind) -> (&'static str, &'static str) {
    match kind {
        ToolKind::Function => ("function", "arguments"),
        ToolKind::Custom => ("custom", "input"),
    }
}

pub(super) fn write_signature(o: &mut Object<'_>, signature: &Signature, number: u64, summary: bool, id: Option<&str>) {
    o.array("reasoning_details", |a| {
        if signature.origin == Origin::OpenAi {
            details::write_data(a, signature, number, id);
        } else {
            details::write_words(a, summary, "", Some(signature), number, id);
        }
    });
}
