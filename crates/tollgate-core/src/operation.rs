//! What a client asks for.

use std::fmt;

use crate::ir::Protocol;

/// The operation that a front door stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// OpenAI Chat Completions.
    ChatCompletions,
    /// OpenAI's legacy text completions.
    Completions,
    /// OpenAI embeddings.
    Embeddings,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini's `generateContent` and `streamGenerateContent`.
    GenerateContent,
    /// Ollama's `/api/chat`.
    OllamaChat,
    /// How many tokens a prompt has, in any protocol that asks for it.
    CountTokens,
    /// A conversation of Responses made shorter.
    Compact,
    /// Documents by their relevance to a query.
    Rerank,
    /// Whether a text breaks rules.
    Moderations,
    /// Pictures made or changed.
    Images,
    /// Text read aloud.
    Speech,
    /// Speech written down or translated.
    Transcriptions,
    /// A response that is kept: read, listed, cancelled or deleted.
    StoredResponse,
    /// Whatever a provider offers, forwarded as it is.
    Passthrough,
}

impl Operation {
    /// The stable word for records, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::GenerateContent => "generate_content",
            Self::OllamaChat => "ollama_chat",
            Self::CountTokens => "count_tokens",
            Self::Compact => "compact",
            Self::Rerank => "rerank",
            Self::Moderations => "moderations",
            Self::Images => "images",
            Self::Speech => "speech",
            Self::Transcriptions => "transcriptions",
            Self::StoredResponse => "stored_response",
            Self::Passthrough => "passthrough",
        }
    }

    /// The protocol of the operation's own clients.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Responses | Self::Compact | Self::StoredResponse => Protocol::OpenAiResponses,
            Self::Messages => Protocol::AnthropicMessages,
            Self::GenerateContent => Protocol::GeminiGenerate,
            Self::OllamaChat => Protocol::OllamaChat,
            _ => Protocol::OpenAiChat,
        }
    }

    /// Whether it is a conversation, which can be translated between protocols.
    #[must_use]
    pub const fn is_conversation(self) -> bool {
        matches!(
            self,
            Self::ChatCompletions
                | Self::Completions
                | Self::Responses
                | Self::Messages
                | Self::GenerateContent
                | Self::OllamaChat
        )
    }

    /// Whether its body goes to the provider as it is, at the same path, with the model's name exchanged.
    #[must_use]
    pub const fn is_forwarded(self) -> bool {
        matches!(
            self,
            Self::Compact | Self::Rerank | Self::Moderations | Self::Images | Self::Speech | Self::Transcriptions
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
