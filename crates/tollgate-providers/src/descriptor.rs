//! A provider as data.

use tollgate_core::Operation;

/// What distinguishes one OpenAI-compatible provider from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The kind's name, which is also the default name of an instance.
    pub kind: &'static str,
    /// The provider's name for people.
    pub title: &'static str,
    /// The beginnings of the environment variables that configure it: `OPENAI` for `OPENAI_API_KEY`.
    pub env_prefixes: &'static [&'static str],
    /// The address that operations' paths are appended to; `None` if every user has another.
    pub base_url: Option<&'static str>,
    /// How requests are signed in.
    pub auth: Auth,
    /// Whether it can be used only with a key.
    pub needs_key: bool,
    /// The operations it offers.
    pub operations: Operations,
    /// In what else it differs.
    pub quirks: Quirks,
}

/// How a key is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// The key alone in a header of this name.
    Header(&'static str),
}

/// A set of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Chat Completions.
    pub chat: bool,
    /// Legacy completions.
    pub completions: bool,
    /// Embeddings.
    pub embeddings: bool,
    /// Responses.
    pub responses: bool,
}

impl Operations {
    /// Every operation of OpenAI's family.
    pub const ALL: Self = Self { chat: true, completions: true, embeddings: true, responses: true };
    /// Chat Completions alone.
    pub const CHAT: Self = Self { chat: true, completions: false, embeddings: false, responses: false };
    /// None: pass-through only.
    pub const NONE: Self = Self { chat: false, ..Self::CHAT };

    /// The set with legacy completions.
    #[must_use]
    pub const fn and_completions(self) -> Self {
        Self { completions: true, ..self }
    }

    /// The set with embeddings.
    #[must_use]
    pub const fn and_embeddings(self) -> Self {
        Self { embeddings: true, ..self }
    }

    /// The set with Responses.
    #[must_use]
    pub const fn and_responses(self) -> Self {
        Self { responses: true, ..self }
    }

    /// Whether the set holds an operation. Pass-through is always possible.
    #[must_use]
    pub const fn contains(self, operation: Operation) -> bool {
        match operation {
            Operation::ChatCompletions => self.chat,
            Operation::Completions => self.completions,
            Operation::Embeddings => self.embeddings,
            Operation::Responses => self.responses,
            Operation::Passthrough => true,
            // A protocol that is newer than this list is not offered until the list says so.
            _ => false,
        }
    }
}

/// In what a provider differs from OpenAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Whether `stream_options.include_usage` may be asked for. Where it may not, the provider sends usage unasked.
    pub stream_usage: bool,
    /// Whether the base address is a resource of Azure, whose operations stand below `openai/v1`, or below
    /// `openai/deployments/MODEL` where an API version is set.
    pub azure_paths: bool,
    /// Models to list for a provider that has no list of its own.
    pub listed_models: &'static [&'static str],
    /// First path segments that a pass-through finds at the server's root and not below the base address's `/v1`.
    pub root_paths: &'static [&'static str],
    /// The header for keys below those paths, where it is another one.
    pub root_auth: Option<Auth>,
    /// Headers that every request must have.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Quirks {
    /// As OpenAI does it.
    pub const NONE: Self = Self {
        stream_usage: true,
        azure_paths: false,
        listed_models: &[],
        root_paths: &[],
        root_auth: None,
        headers: &[],
    };
}
