//! Requests from every client's protocol into every provider's.

use serde::de::IgnoredAny;
use tollgate_core::ir::{Losses, Prompt, Protocol};
use tollgate_protocols::codec::{self, Dialect, Target};

/// The protocols that clients speak.
pub(super) const FRONTS: [Protocol; 5] = [
    Protocol::OpenAiChat,
    Protocol::OpenAiResponses,
    Protocol::AnthropicMessages,
    Protocol::GeminiGenerate,
    Protocol::OllamaChat,
];

/// Whom a request is written for.
const TARGETS: [(Protocol, &str, Dialect); 17] = [
    (Protocol::OpenAiChat, "gpt-4o", Dialect::OPENAI),
    (Protocol::OpenAiChat, "gpt-5", Dialect::OPENAI),
    (Protocol::OpenAiChat, "llama", Dialect::GENERIC),
    (Protocol::OpenAiChat, "deepseek-chat", Dialect::DEEPSEEK),
    (Protocol::OpenAiChat, "mistral-large", Dialect::MISTRAL),
    (Protocol::OpenAiChat, "openai/gpt-oss", Dialect::OPENROUTER),
    (Protocol::OpenAiChat, "sonar", Dialect::PERPLEXITY),
    (Protocol::OpenAiResponses, "gpt-5", Dialect::OPENAI),
    (Protocol::AnthropicMessages, "claude-3-5-haiku", Dialect::GENERIC),
    (Protocol::AnthropicMessages, "claude-sonnet-4-5", Dialect::GENERIC),
    (Protocol::AnthropicMessages, "claude-opus-4-7", Dialect::GENERIC),
    (Protocol::GeminiGenerate, "gemini-2.0-flash", Dialect::GENERIC),
    (Protocol::GeminiGenerate, "gemini-3-pro", Dialect::GENERIC),
    (Protocol::BedrockConverse, "us.anthropic.claude-sonnet-4-5", Dialect::GENERIC),
    (Protocol::BedrockConverse, "amazon.nova-pro", Dialect::GENERIC),
    (Protocol::CohereChat, "command-a", Dialect::GENERIC),
    (Protocol::OllamaChat, "qwen3", Dialect::GENERIC),
];

/// Decodes a request and writes it for everybody.
///
/// # Panics
/// If a codec panics, if it writes what is no JSON, or if what it writes grows out of proportion.
pub fn requests(data: &[u8]) {
    for front in FRONTS {
        if let Ok(prompt) = codec::decode_request(front, data) {
            for (protocol, model, dialect) in &TARGETS {
                write(&prompt, &Target::new(*protocol, model, dialect), data.len());
            }
        }
    }
}

fn write(prompt: &Prompt, target: &Target<'_>, size: usize) {
    let mut losses = Losses::default();
    let Ok(encoded) = codec::encode_request(prompt, target, &mut losses) else { return };
    let text = String::from_utf8_lossy(&encoded.body);
    let parsed = serde_json::from_slice::<IgnoredAny>(&encoded.body);
    assert!(parsed.is_ok(), "{} writes for {}: {parsed:?}: {text}", prompt.protocol, target.protocol);
    assert!(encoded.body.len() <= 24 * size + 4096, "{} bytes of {size}", encoded.body.len());
}
