//! Words and limits of OpenAI Chat Completions.

use tollgate_core::ir::{FinishReason, Origin, Signature};

use crate::codec::{open_signature, seal_signature};
use crate::json::{Object, Value};

/// The members of a request that OpenAI's API description has, sorted. OpenAI refuses any other.
pub(super) const MEMBERS: [&str; 37] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// The members of a request that Mistral has beside OpenAI's, and those of OpenAI's later ones that it knows, sorted.
pub(super) const MISTRAL_MEMBERS: [&str; 7] = [
    "document_image_limit",
    "document_page_limit",
    "guardrails",
    "prediction",
    "prompt_mode",
    "reasoning_effort",
    "safe_prompt",
];

/// Members of answers that stand in places of their own.
pub(super) const ANSWER_MEMBERS: [&str; 8] =
    ["choices", "created", "error", "id", "model", "object", "service_tier", "usage"];

/// The classes of service that an answer may have been given.
pub(super) const TIERS: [&str; 6] = ["auto", "default", "flex", "scale", "priority", "fast"];

/// Random padding against guesses at the length of words.
pub(super) const PADDING: [&str; 2] = ["obfuscation", "p"];

/// The parameters of a function that stands for a tool with free text.
pub(super) const FREE_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// The parameters of a function without any.
pub(super) const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Whose a signature is, by the `format` that OpenRouter gives it.
pub(super) fn origin_of(format: &str) -> Option<Origin> {
    const STARTS: [(&str, Origin); 4] = [
        ("anthropic", Origin::Anthropic),
        ("google", Origin::Google),
        ("openai", Origin::OpenAi),
        ("azure-openai", Origin::OpenAi),
    ];
    STARTS.iter().find(|(start, _)| format.starts_with(start)).map(|(_, origin)| *origin)
}

/// The `format` of an origin's signatures.
pub(super) const fn format_of(origin: Origin) -> &'static str {
    match origin {
        Origin::Anthropic => "anthropic-claude-v1",
        Origin::Google => "google-gemini-v1",
        Origin::OpenAi => "openai-responses-v1",
        Origin::Other => "unknown",
    }
}

/// The signature in `extra_content.google.thought_signature`, as Google's own OpenAI layer has it.
pub(super) fn google_signature(value: &Value<'_>) -> Option<Signature> {
    let text = value.get("extra_content")?.get("google")?.str("thought_signature")?;
    (!text.is_empty()).then(|| open_signature(text, Origin::Google))
}

/// Writes a signature where [`google_signature`] finds it.
pub(super) fn write_google_signature(o: &mut Object<'_>, signature: &Signature) {
    let sealed = seal_signature(signature, Origin::Google);
    o.object("extra_content", |o| o.object("google", |o| o.string("thought_signature", &sealed)));
}

/// The reason that a word for the end of an answer stands for, and whether the word says no more than the reason.
pub(super) fn finish_reason(word: &str) -> (FinishReason, bool) {
    match word {
        "stop" | "" => (FinishReason::Stop, true),
        // Together's word for the end of a sequence.
        "eos" => (FinishReason::Stop, false),
        "length" => (FinishReason::Length, true),
        "model_length" | "max_tokens" => (FinishReason::Length, false),
        "tool_calls" | "function_call" => (FinishReason::ToolCalls, true),
        "content_filter" => (FinishReason::ContentFilter, true),
        _ => (FinishReason::Stop, false),
    }
}

/// OpenAI's word for a reason.
pub(super) const fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence | FinishReason::Pause => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(MEMBERS.is_sorted() && MISTRAL_MEMBERS.is_sorted() && ANSWER_MEMBERS.is_sorted());
    }
}
