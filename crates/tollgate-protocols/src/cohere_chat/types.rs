//! Words and limits of Cohere's v2 chat.

use tollgate_core::Usage;
use tollgate_core::ir::{Citation, Finish, FinishReason, Protocol};

use crate::json::Value;
use crate::usage;

/// The most texts at which to stop.
pub(super) const MAX_STOP: usize = 5;

/// The least and the greatest `p`.
pub(super) const P: (f64, f64) = (0.01, 0.99);

/// The reason for a `finish_reason`.
pub(super) fn finish(word: &str, has_calls: bool) -> Finish {
    let reason = match word {
        "MAX_TOKENS" | "ERROR_LIMIT" => FinishReason::Length,
        "STOP_SEQUENCE" => FinishReason::StopSequence,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        _ if has_calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    let is_plain = matches!(word, "COMPLETE" | "MAX_TOKENS" | "STOP_SEQUENCE" | "TOOL_CALL");
    Finish { native: (!is_plain && !word.is_empty()).then(|| word.to_owned()), ..Finish::new(reason) }
}

/// Whether a `finish_reason` says that the provider failed.
pub(super) fn is_failure(word: &str) -> bool {
    matches!(word, "ERROR" | "TIMEOUT")
}

/// Where words come from. `start` and `end` count characters of the text that it stands in.
pub(super) fn citation(item: &Value<'_>) -> Citation {
    let sources = item.array("sources");
    let document = sources.iter().find_map(|source| source.get("document"));
    let of_document = |name: &str| document.and_then(|document| document.string(name));
    Citation {
        url: of_document("url"),
        title: of_document("title"),
        cited_text: of_document("text").or_else(|| of_document("snippet")),
        start: item.u64("start"),
        end: item.u64("end"),
        native: Some((Protocol::CohereChat, item.raw().to_owned())),
    }
}

/// The counts, with the cached ones, which stand beside `tokens` and are part of its input.
pub(super) fn counts(value: &Value<'_>) -> Option<Usage> {
    let usage = usage::parse(value.raw().as_bytes())?;
    Some(Usage { cache_read: usage.cache_read.or_else(|| value.u64("cached_tokens")), ..usage })
}
