//! Places in a client's request.

use tollgate_core::Error;

pub(super) use crate::openai_chat::settings::{count, flag, object, parse_body, text, wrong};

/// Where in the conversation something stands, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) message: usize,
    pub(super) part: Option<usize>,
}

impl At {
    /// The error for a member of a message or part that is not what it must be.
    pub(super) fn wrong(self, field: &str, expected: &str) -> Error {
        let dot = if field.is_empty() { "" } else { "." };
        let param = match self.part {
            Some(part) => format!("messages[{}].content[{part}]{dot}{field}", self.message),
            None => format!("messages[{}]{dot}{field}", self.message),
        };
        wrong(&param, expected)
    }
}
