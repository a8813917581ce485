//! The wire protocols in which models are talked to.

use std::fmt;

/// A wire protocol for conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Protocol {
    /// OpenAI Chat Completions.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Gemini `generateContent`.
    GeminiGenerate,
    /// Ollama `/api/chat`.
    OllamaChat,
    /// AWS Bedrock Converse.
    BedrockConverse,
    /// Cohere v2 chat.
    CohereChat,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::OpenAiChat,
        Self::OpenAiResponses,
        Self::AnthropicMessages,
        Self::GeminiGenerate,
        Self::OllamaChat,
        Self::BedrockConverse,
        Self::CohereChat,
    ];

    /// The stable word for configuration, records and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::OpenAiResponses => "openai_responses",
            Self::AnthropicMessages => "anthropic_messages",
            Self::GeminiGenerate => "gemini_generate",
            Self::OllamaChat => "ollama_chat",
            Self::BedrockConverse => "bedrock_converse",
            Self::CohereChat => "cohere_chat",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
