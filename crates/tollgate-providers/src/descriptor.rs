//! A provider as data.

use tollgate_core::Operation;
use tollgate_core::ir::Protocol;
use tollgate_protocols::codec::{Dialect, is_responses_only};

/// What distinguishes one provider from another.
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
    /// Whose API it has: where operations are, and in which protocols.
    pub api: Api,
    /// How requests are signed in.
    pub auth: Auth,
    /// Whether it can be used only with a key.
    pub needs_key: bool,
    /// The operations of OpenAI's family that it offers.
    pub operations: Operations,
    /// In what its Chat Completions differ from OpenAI's.
    pub dialect: Dialect,
    /// In what else it differs.
    pub quirks: Quirks,
}

/// An API: where operations are, and in which protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's, and whatever is compatible with it.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Google's Gemini API.
    Gemini,
    /// Google's Vertex AI: Gemini and Claude.
    Vertex,
    /// AWS Bedrock.
    Bedrock,
    /// Cohere's second version.
    Cohere,
    /// Ollama's own.
    Ollama,
}

/// How a request comes to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// In the client's protocol, byte for byte but for the edits.
    Same,
    /// Translated into this protocol.
    Translated(Protocol),
}

impl Descriptor {
    /// How a request comes to the provider; `None` if it does not have what is asked for.
    #[must_use]
    pub fn wire(&self, operation: Operation, protocol: Protocol, model: &str) -> Option<Wire> {
        if operation == Operation::Passthrough {
            return Some(Wire::Same);
        }
        if operation == Operation::Compact {
            return self.operations.responses.then_some(Wire::Same);
        }
        if operation.is_forwarded() {
            return (self.api == Api::OpenAi || (self.api == Api::Cohere && operation == Operation::Rerank))
                .then_some(Wire::Same);
        }
        match operation {
            Operation::Embeddings => self.embeddings(protocol),
            Operation::CountTokens => Some(self.counting(protocol, model)),
            operation if operation.is_conversation() => Some(self.conversation(operation, protocol, model)?),
            _ => None,
        }
    }

    /// The protocol in which the provider is talked to about a model.
    #[must_use]
    pub fn protocol(&self, model: &str) -> Protocol {
        match self.api {
            Api::OpenAi if self.operations.responses && (!self.operations.chat || self.has_by_responses(model)) => {
                Protocol::OpenAiResponses
            }
            Api::OpenAi => Protocol::OpenAiChat,
            Api::Anthropic => Protocol::AnthropicMessages,
            Api::Vertex if model.contains("claude") => Protocol::AnthropicMessages,
            Api::Gemini | Api::Vertex => Protocol::GeminiGenerate,
            Api::Bedrock => Protocol::BedrockConverse,
            Api::Cohere => Protocol::CohereChat,
            Api::Ollama => Protocol::OllamaChat,
        }
    }

    /// Whether a model is one of those that OpenAI offers by Responses only.
    fn has_by_responses(&self, model: &str) -> bool {
        self.quirks.keeps_responses && self.dialect == Dialect::OPENAI && is_responses_only(model)
    }

    fn conversation(&self, operation: Operation, protocol: Protocol, model: &str) -> Option<Wire> {
        let own = self.protocol(model);
        let is_same = match operation {
            Operation::ChatCompletions | Operation::Completions if own == Protocol::OpenAiResponses => false,
            Operation::ChatCompletions | Operation::Completions | Operation::Responses => {
                (self.api == Api::OpenAi && self.operations.contains(operation))
                    || (self.api == Api::Ollama && operation == Operation::Completions)
            }
            _ => protocol == own,
        };
        let has_any = self.api != Api::OpenAi || self.operations.chat || self.operations.responses;
        match () {
            () if is_same => Some(Wire::Same),
            () if has_any => Some(Wire::Translated(own)),
            () => None,
        }
    }

    fn embeddings(&self, protocol: Protocol) -> Option<Wire> {
        match (self.api, protocol) {
            (Api::OpenAi, _) if !self.operations.embeddings => None,
            (Api::OpenAi, Protocol::OpenAiChat)
            | (Api::Gemini, Protocol::GeminiGenerate)
            | (Api::Ollama, Protocol::OllamaChat) => Some(Wire::Same),
            (Api::OpenAi, _) => Some(Wire::Translated(Protocol::OpenAiChat)),
            (Api::Gemini, _) => Some(Wire::Translated(Protocol::GeminiGenerate)),
            (Api::Ollama, _) => Some(Wire::Translated(Protocol::OllamaChat)),
            (Api::Cohere, _) => Some(Wire::Translated(Protocol::CohereChat)),
            (Api::Anthropic | Api::Vertex | Api::Bedrock, _) => None,
        }
    }

    /// Whether it can be asked, in a protocol, how many tokens a prompt has.
    #[must_use]
    pub fn counts_tokens(&self, protocol: Protocol) -> bool {
        match self.api {
            Api::Anthropic => protocol == Protocol::AnthropicMessages,
            Api::Gemini => protocol == Protocol::GeminiGenerate,
            Api::OpenAi => self.quirks.counts_tokens && protocol == Protocol::OpenAiResponses,
            _ => false,
        }
    }

    /// Tokens can always be counted: by the provider where it can, else by an estimate.
    fn counting(&self, protocol: Protocol, model: &str) -> Wire {
        if self.counts_tokens(protocol) { Wire::Same } else { Wire::Translated(self.protocol(model)) }
    }
}

/// How a key is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// The key alone in a header of this name.
    Header(&'static str),
    /// AWS Signature Version 4 where the key is a pair, else `Authorization: Bearer KEY`.
    Aws,
    /// An access token of Google's, got with a service account where the key is one.
    Google,
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
    /// Whether the provider keeps Responses, so that they can be read and gone on from by their id.
    pub keeps_responses: bool,
    /// Whether it counts tokens at `/responses/input_tokens`.
    pub counts_tokens: bool,
    /// Whether it says what a request cost, in dollars. Others have members of the same names that mean something else.
    pub reports_cost: bool,
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
        keeps_responses: false,
        counts_tokens: false,
        reports_cost: false,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor;

    #[test]
    fn requests_come_as_they_are_or_translated() {
        use Operation::{
            ChatCompletions, Compact, Completions, Embeddings, GenerateContent, Messages, Rerank, Responses,
        };
        use Wire::{Same, Translated};
        for (kind, operation, model, expect) in [
            ("openai", ChatCompletions, "gpt-4o", Some(Same)),
            ("openai", ChatCompletions, "gpt-5-codex", Some(Translated(Protocol::OpenAiResponses))),
            ("openai", Messages, "o3-pro", Some(Translated(Protocol::OpenAiResponses))),
            ("openai", Messages, "gpt-4o", Some(Translated(Protocol::OpenAiChat))),
            ("groq", Completions, "m", Some(Translated(Protocol::OpenAiChat))),
            ("mistral", Responses, "m", Some(Translated(Protocol::OpenAiChat))),
            ("anthropic", Messages, "claude", Some(Same)),
            ("anthropic", ChatCompletions, "claude", Some(Translated(Protocol::AnthropicMessages))),
            ("anthropic", Embeddings, "claude", None),
            ("anthropic", Rerank, "claude", None),
            ("gemini", GenerateContent, "g", Some(Same)),
            ("vertex", Messages, "claude-x", Some(Same)),
            ("vertex", Messages, "gemini", Some(Translated(Protocol::GeminiGenerate))),
            ("bedrock", Responses, "m", Some(Translated(Protocol::BedrockConverse))),
            ("cohere", Rerank, "m", Some(Same)),
            ("openai", Compact, "m", Some(Same)),
            ("together", Compact, "m", None),
            ("anthropic", Compact, "m", None),
            ("ollama", ChatCompletions, "m", Some(Translated(Protocol::OllamaChat))),
            ("ollama", Completions, "m", Some(Same)),
            ("openai", Operation::StoredResponse, "m", None),
        ] {
            let wire = descriptor(kind).unwrap().wire(operation, operation.protocol(), model);
            assert_eq!(wire, expect, "{kind} {operation} {model}");
        }
    }
}
