//! Requests that use one field each, for every protocol of clients.
//!
//! Whatever a client may say has `4711` in it, so that it can be found again in what the provider reads. A field whose
//! value is one of few words is recognised by the difference that it makes.

mod anthropic;
mod chat;
mod gemini;
mod ollama;
mod responses;

use tollgate_core::Operation;
use tollgate_core::ir::Protocol;

/// A protocol of clients.
pub(super) struct Front {
    pub(super) protocol: Protocol,
    pub(super) operation: Operation,
    pub(super) title: &'static str,
    /// Members that every request has unless its sample says otherwise: name and text.
    pub(super) base: &'static [(&'static str, &'static str)],
    /// The samples in groups with a title.
    pub(super) groups: &'static [(&'static str, &'static [Sample])],
}

/// A request that uses a field.
pub(super) struct Sample {
    /// The field as people write it.
    pub(super) field: &'static str,
    /// The members of the request that has it.
    pub(super) with: &'static str,
    /// The members of the same request without it.
    pub(super) without: &'static str,
    /// Why it need not be seen to arrive, for a field that asks for what happens anyway.
    pub(super) idle: Option<&'static str>,
    /// The names under which the loss of what it is a part of is reported.
    pub(super) parents: &'static [&'static str],
}

/// A sample beside a request of nothing but a question.
const fn sample(field: &'static str, with: &'static str) -> Sample {
    Sample { field, with, without: "", idle: None, parents: &[] }
}

/// A sample that needs more than a question around it.
const fn within(field: &'static str, with: &'static str, without: &'static str) -> Sample {
    Sample { field, with, without, idle: None, parents: &[] }
}

impl Sample {
    /// A field that may leave no trace, and why.
    const fn idle(self, why: &'static str) -> Self {
        Self { idle: Some(why), ..self }
    }

    /// A part of something that may be lost as a whole.
    const fn part_of(self, parents: &'static [&'static str]) -> Self {
        Self { parents, ..self }
    }
}

/// Every protocol of clients.
pub(super) const FRONTS: [Front; 5] = [chat::FRONT, responses::FRONT, anthropic::FRONT, gemini::FRONT, ollama::FRONT];

/// Why a switch for streams may leave no trace.
const STREAM: &str =
    "whether an answer is streamed is said in the address of Gemini and Bedrock, and is otherwise kept";

/// Why cache breakpoints may leave no trace.
const CACHE: &str = "providers that cache by themselves need no breakpoints; those that take them get them";

/// Why a refusal to think may leave no trace.
const UNTHINKING: &str = "models that think only if they are told to are told nothing";

/// Why thoughts of earlier turns may leave no trace.
const FORGOTTEN: &str = "DeepSeek wants thoughts back only in turns with calls";

/// Why strictness may leave no trace.
const STRICT: &str = "where a schema is always kept to, nothing needs to be said";

/// What a web search is part of.
const SEARCH: &[&str] = &["tools.web_search", "tools"];
