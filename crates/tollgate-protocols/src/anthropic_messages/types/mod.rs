//! Words and limits of Anthropic Messages.

mod citation;
mod usage;

use std::borrow::Cow;

use tollgate_core::ir::{CachePoint, CacheTtl, Finish, FinishReason, ToolCall, ToolKind};

pub(super) use citation::{read_citation, read_citations, write_citation, write_citations};
pub(super) use usage::{Counters, service_tier_in, service_tier_out, write_usage};

use crate::json::{self, MAX_DEPTH, Object, Scanner, Value};

/// The header value without which file sources are refused.
pub(super) const FILES_BETA: &str = "files-api-2025-04-14";

/// The search of the web that every model which has one knows.
pub(super) const WEB_SEARCH: &str = "web_search_20250305";

/// The parameter of functions that stand for tools with free text.
pub(super) const FREE_TEXT: &str = "input";

const CONTEXT_EXCEEDED: &str = "model_context_window_exceeded";

/// The cache point that a block or a tool carries.
pub(super) fn read_cache(holder: &Value<'_>) -> Option<CachePoint> {
    let cache = holder.get("cache_control").filter(|cache| cache.is_object())?;
    let ttl = match cache.str("ttl") {
        Some("5m") => Some(CacheTtl::FiveMinutes),
        Some("1h") => Some(CacheTtl::OneHour),
        _ => None,
    };
    Some(CachePoint { ttl })
}

/// Writes a cache point into the block or tool that it marks.
pub(super) fn write_cache(o: &mut Object<'_>, cache: Option<CachePoint>) {
    let Some(cache) = cache else { return };
    o.object("cache_control", |o| {
        o.string("type", "ephemeral");
        o.maybe_string(
            "ttl",
            cache.ttl.map(|ttl| match ttl {
                CacheTtl::FiveMinutes => "5m",
                CacheTtl::OneHour => "1h",
            }),
        );
    });
}

/// What was called, for the meaning of a stop reason.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Called {
    /// Whether a tool of the client's was called.
    pub(super) tool: bool,
    /// Whether the tool was called that stands for structured output.
    pub(super) json_tool: bool,
}

/// The end that a stop reason stands for.
pub(super) fn read_finish(word: Option<&str>, stop_sequence: Option<&str>, called: Called) -> Finish {
    let (reason, says_more) = match word {
        Some("tool_use") if called.json_tool && !called.tool => (FinishReason::Stop, false),
        Some("tool_use") => (FinishReason::ToolCalls, false),
        None | Some("end_turn") if called.tool => (FinishReason::ToolCalls, false),
        None | Some("end_turn") => (FinishReason::Stop, false),
        Some("stop_sequence") => (FinishReason::StopSequence, false),
        Some("max_tokens") => (FinishReason::Length, false),
        Some(CONTEXT_EXCEEDED) => (FinishReason::Length, true),
        Some("refusal") => (FinishReason::ContentFilter, true),
        Some("pause_turn") => (FinishReason::Pause, true),
        Some(_) => (FinishReason::Stop, true),
    };
    Finish {
        reason,
        native: word.filter(|_| says_more).map(str::to_owned),
        stop_sequence: stop_sequence.map(str::to_owned),
    }
}

/// The stop reason for an end.
pub(super) fn stop_reason(finish: &Finish, calls_tool: bool, refuses: bool) -> &'static str {
    match finish.reason {
        FinishReason::Stop if refuses => "refusal",
        FinishReason::Stop if calls_tool => "tool_use",
        FinishReason::Stop => "end_turn",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::Length if finish.native.as_deref() == Some(CONTEXT_EXCEEDED) => CONTEXT_EXCEEDED,
        FinishReason::Length => "max_tokens",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter => "refusal",
        FinishReason::Pause => "pause_turn",
    }
}

/// Whether a text is one JSON object.
pub(super) fn is_object(text: &str) -> bool {
    let Ok(mut scanner) = Scanner::new(text.as_bytes(), MAX_DEPTH) else { return false };
    scanner.peek() == Some(b'{') && scanner.value().is_ok() && scanner.end().is_ok()
}

/// The arguments of a call as the JSON text of an object; `None` if they are no object.
pub(super) fn input_of(call: &ToolCall) -> Option<Cow<'_, str>> {
    if call.kind == ToolKind::Custom {
        return Some(Cow::Owned(json::object_text(|o| o.string(FREE_TEXT, &call.arguments))));
    }
    let arguments = call.arguments_or_empty();
    is_object(arguments).then_some(Cow::Borrowed(arguments))
}

/// The free text in the arguments of a function that stands for a tool with free text; the arguments themselves where the
/// model did not keep to the schema.
pub(super) fn free_text(arguments: &str) -> String {
    let text = json::parse(arguments.as_bytes()).ok().and_then(|value| value.string(FREE_TEXT));
    text.unwrap_or_else(|| arguments.to_owned())
}
