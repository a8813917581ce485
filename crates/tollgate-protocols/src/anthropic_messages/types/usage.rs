//! Token counts in the words of Anthropic Messages, where `input_tokens` leaves cached tokens out.

use tollgate_core::Usage;

use crate::json::{Object, Value};

/// The counters as they come. A stream repeats some of them and leaves out others, so they are gathered before they are
/// brought into one convention.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Counters {
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_creation: Option<u64>,
    cache_creation_1h: Option<u64>,
    searches: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
}

impl Counters {
    /// Takes over what a usage object has; the newest value of each counter holds.
    pub(in super::super) fn update(&mut self, usage: &Value<'_>) {
        let details = usage.get("output_tokens_details");
        let by_lifetime = usage.get("cache_creation");
        let tools = usage.get("server_tool_use");
        for (known, newer) in [
            (&mut self.input, usage.u64("input_tokens")),
            (&mut self.cache_read, usage.u64("cache_read_input_tokens")),
            (&mut self.cache_creation, usage.u64("cache_creation_input_tokens")),
            (&mut self.cache_creation_1h, by_lifetime.and_then(|kept| kept.u64("ephemeral_1h_input_tokens"))),
            (&mut self.searches, tools.and_then(|tools| tools.u64("web_search_requests"))),
            (&mut self.output, usage.u64("output_tokens")),
            (&mut self.thinking, details.and_then(|details| details.u64("thinking_tokens"))),
        ] {
            *known = newer.or(*known);
        }
    }

    /// The counts with cached tokens in the input.
    pub(in super::super) fn usage(&self) -> Usage {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_creation.unwrap_or(0));
        Usage {
            input: self.input.map(|input| input.saturating_add(cached)),
            output: self.output,
            cache_read: self.cache_read,
            cache_creation: self.cache_creation,
            cache_creation_1h: self.cache_creation_1h,
            searches: self.searches,
            reasoning: self.thinking,
            ..Usage::default()
        }
    }
}

/// Writes the members of a usage object.
pub(in super::super) fn write_usage(o: &mut Object<'_>, usage: &Usage) {
    let (read, creation) = (usage.cache_read.unwrap_or(0), usage.cache_creation.unwrap_or(0));
    let input = usage.input.unwrap_or(0).saturating_sub(read.saturating_add(creation));
    o.uint("input_tokens", input);
    o.uint("cache_creation_input_tokens", creation);
    o.uint("cache_read_input_tokens", read);
    o.uint("output_tokens", usage.output.unwrap_or(0));
    if let Some(reasoning) = usage.reasoning {
        o.object("output_tokens_details", |o| o.uint("thinking_tokens", reasoning));
    }
}

/// The class of service that was given, in OpenAI's words.
pub(in super::super) fn service_tier_in(word: &str) -> &str {
    if word == "standard" { "default" } else { word }
}

/// The class of service that was given, in Anthropic's words.
pub(in super::super) fn service_tier_out(word: &str) -> &'static str {
    match word {
        "priority" => "priority",
        "batch" => "batch",
        _ => "standard",
    }
}
