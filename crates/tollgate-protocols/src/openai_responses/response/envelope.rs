//! The response object around the output.

use tollgate_core::Usage;
use tollgate_core::ir::{FinishReason, Format, Prompt};

use super::super::request::{Manner, instructions, write_choice, write_format, write_tools};
use crate::codec::{Echo, effort_of, new_id};
use crate::json::{self, Object};

/// The classes of service that an answer may have been given; clients check them.
const TIERS: [&str; 6] = ["default", "flex", "scale", "priority", "fast", "ultrafast"];

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Status {
    /// It waits for its turn.
    Queued,
    /// It is being written.
    InProgress,
    /// It ended for a reason.
    Ended(FinishReason),
}

/// The response object without its output.
#[derive(Debug)]
pub(in super::super) struct Envelope<'a> {
    pub(in super::super) echo: &'a Echo,
    pub(in super::super) id: &'a str,
    pub(in super::super) model: &'a str,
    pub(in super::super) created: u64,
    pub(in super::super) status: Status,
    pub(in super::super) usage: Option<&'a Usage>,
    pub(in super::super) service_tier: Option<&'a str>,
}

/// The id for an answer: the gateway's, or the provider's where that is of this protocol, or a new one.
pub(in super::super) fn response_id(echo: &Echo, given: Option<&str>) -> String {
    match (&echo.id, given) {
        (Some(id), _) => ["resp_", id].concat(),
        (None, Some(id)) if id.starts_with("resp_") => id.to_owned(),
        _ => new_id("resp_"),
    }
}

// === impl Envelope ===

impl Envelope<'_> {
    /// Adds the members. Both OpenAI's description and Open Responses demand nearly all of them.
    pub(in super::super) fn write<'t>(&self, o: &mut Object<'_>, output: impl Iterator<Item = &'t str>) {
        let (status, incomplete) = match self.status {
            Status::Queued => ("queued", None),
            Status::InProgress => ("in_progress", None),
            Status::Ended(FinishReason::Length) => ("incomplete", Some("max_output_tokens")),
            Status::Ended(FinishReason::ContentFilter) => ("incomplete", Some("content_filter")),
            Status::Ended(_) => ("completed", None),
        };
        o.string("id", self.id);
        o.string("object", "response");
        o.uint("created_at", self.created);
        match status {
            "completed" => o.uint("completed_at", self.echo.now.max(self.created)),
            _ => o.null("completed_at"),
        }
        o.string("status", status);
        o.null("error");
        match incomplete {
            Some(reason) => o.object("incomplete_details", |o| o.string("reason", reason)),
            None => o.null("incomplete_details"),
        }
        o.string("model", self.model);
        o.array("output", |a| output.for_each(|item| a.raw(item)));
        match (self.usage, self.status) {
            (Some(usage), _) => o.object("usage", |o| write_usage(o, usage)),
            // A response that is complete must have counts, even if its provider gave none.
            (None, Status::Ended(_)) => o.object("usage", |o| write_usage(o, &Usage::default())),
            (None, _) => o.null("usage"),
        }
        let prompt = &*self.echo.prompt;
        write_settings(o, prompt);
        let tier = self.service_tier.or(prompt.service_tier.as_deref());
        o.string("service_tier", tier.filter(|tier| TIERS.contains(tier)).unwrap_or("default"));
    }
}

fn write_usage(o: &mut Object<'_>, usage: &Usage) {
    o.uint("input_tokens", usage.input.unwrap_or(0));
    o.object("input_tokens_details", |o| {
        o.uint("cached_tokens", usage.cache_read.unwrap_or(0));
        o.uint("cache_write_tokens", usage.cache_creation.unwrap_or(0));
    });
    o.uint("output_tokens", usage.output.unwrap_or(0));
    o.object("output_tokens_details", |o| o.uint("reasoning_tokens", usage.reasoning.unwrap_or(0)));
    o.uint("total_tokens", usage.total());
}

/// What an answer repeats of its request; defaults where the request does not say.
fn write_settings(o: &mut Object<'_>, prompt: &Prompt) {
    let extra = |name: &str, default: &'static str| prompt.extra(name).unwrap_or(default).to_owned();
    let sampling = &prompt.sampling;
    o.raw("background", &extra("background", "false"));
    o.string_or_null("instructions", instructions(prompt).filter(|_| prompt.instructions));
    match sampling.max_tokens {
        Some(limit) => o.uint("max_output_tokens", limit),
        None => o.null("max_output_tokens"),
    }
    o.raw("max_tool_calls", &extra("max_tool_calls", "null"));
    o.raw("metadata", prompt.metadata.as_deref().unwrap_or("{}"));
    o.bool("parallel_tool_calls", prompt.parallel_tool_calls.unwrap_or(true));
    o.raw("previous_response_id", &extra("previous_response_id", "null"));
    o.string_or_null("prompt_cache_key", prompt.prompt_cache_key.as_deref());
    o.object("reasoning", |o| {
        o.string_or_null("effort", effort_of(&prompt.reasoning).map(tollgate_core::ir::Effort::as_str));
        o.string_or_null("summary", prompt.reasoning.summary.as_deref());
    });
    o.raw("safety_identifier", &extra("safety_identifier", "null"));
    o.bool("store", prompt.store.unwrap_or(true));
    o.float("temperature", sampling.temperature.unwrap_or(1.0));
    o.object("text", |o| {
        write_format(o, prompt.format.as_ref().unwrap_or(&Format::Text), Manner::Echo);
        o.maybe_string("verbosity", prompt.verbosity.as_deref());
    });
    match prompt.extra("tool_choice") {
        Some(choice) => o.raw("tool_choice", choice),
        None if prompt.tool_choice.is_none() => o.string("tool_choice", "auto"),
        None => write_choice(o, prompt),
    }
    o.array("tools", |a| write_tools(a, prompt, Manner::Echo));
    o.uint("top_logprobs", sampling.top_logprobs.unwrap_or(0));
    o.float("top_p", sampling.top_p.unwrap_or(1.0));
    o.float("presence_penalty", sampling.presence_penalty.unwrap_or(0.0));
    o.float("frequency_penalty", sampling.frequency_penalty.unwrap_or(0.0));
    o.raw("truncation", &extra("truncation", "\"disabled\""));
    if let Some(conversation) = prompt.extra("conversation") {
        write_conversation(o, conversation);
    }
    o.maybe_raw("prompt", prompt.extra("prompt"));
    o.maybe_string("user", prompt.user.as_deref().filter(|_| prompt.extra("safety_identifier").is_none()));
}

/// A conversation is asked for by its id or by an object with it, and repeated as the object.
fn write_conversation(o: &mut Object<'_>, text: &str) {
    let Ok(value) = json::parse(text.as_bytes()) else { return };
    match value.as_str().or_else(|| value.str("id")) {
        Some(id) => o.object("conversation", |o| o.string("id", id)),
        None => o.raw("conversation", text),
    }
}
