//! Tools and settings in a provider's request.

use tollgate_core::ir::{Effort, Extra, Format, Losses, Prompt, Protocol, Reasoning, Thought, Tool, ToolChoice};

use super::messages::write_cache_control;
use crate::codec::{
    Dialect, MaxTokensField, ReasoningField, ReasoningReplay, Target, Thinks, budget_of, effort_of, openai_effort,
    refuses_sampling,
};
use crate::json::{self, Array, Object};
use crate::openai_chat::types::{FREE_TEXT, MEMBERS, MISTRAL_MEMBERS, NO_PARAMETERS};

/// Writes everything but the model and the conversation.
pub(super) fn write(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    tools(o, prompt, target, losses);
    format(o, prompt.format.as_ref(), target.dialect, losses);
    reasoning(o, prompt, target, losses);
    sampling(o, prompt, target, losses);
    platform(o, prompt, target.dialect, losses);
    if prompt.stream {
        o.bool("stream", true);
        if target.dialect.stream_usage {
            o.object("stream_options", |o| o.bool("include_usage", true));
        }
    }
    extras(o, prompt, target.dialect, losses);
}

fn tools(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let dialect = target.dialect;
    if let Some(json) = web_search(prompt, dialect, losses) {
        o.raw("web_search_options", &json);
    }
    let chosen = |tool: &&Tool| match (&prompt.tool_choice, tool.name()) {
        // Only OpenAI can be told of tools that may not be called now.
        (Some(ToolChoice::Subset { names, .. }), Some(name)) if !dialect.platform => names.iter().any(|n| n == name),
        _ => true,
    };
    let is_written = |tool: &&Tool| matches!(tool, Tool::Function { .. } | Tool::Custom { .. } | Tool::Native { .. });
    let mut tools = prompt.tools.iter().filter(is_written).filter(chosen).peekable();
    if tools.peek().is_none() {
        return;
    }
    if !dialect.tools {
        losses.drop("tools");
        losses.drop_if(prompt.tool_choice.is_some(), "tool_choice");
        return;
    }
    let mut count = 0;
    let list = json::array_text(|a| {
        for tool in tools {
            count += usize::from(write_tool(a, tool, dialect, losses));
        }
    });
    if count == 0 {
        return;
    }
    o.raw("tools", &list);
    choice(o, prompt, dialect);
    if let Some(parallel) = prompt.parallel_tool_calls {
        let is_refused = target.gates.refuses_parallel && prompt.protocol != Protocol::OpenAiChat;
        if dialect.parallel_tool_calls && !is_refused {
            o.bool("parallel_tool_calls", parallel);
        } else {
            losses.drop("parallel_tool_calls");
        }
    }
}

/// Writes a tool; `false` if the target has no word for it.
fn write_tool(a: &mut Array<'_>, tool: &Tool, dialect: &Dialect, losses: &mut Losses) -> bool {
    match tool {
        Tool::Function { name, description, parameters, strict, cache } => {
            let default = (!dialect.platform).then_some(NO_PARAMETERS);
            a.object(|o| {
                o.string("type", "function");
                o.object("function", |o| {
                    o.string("name", name);
                    o.maybe_string("description", description.as_deref());
                    o.maybe_raw("parameters", parameters.as_deref().or(default));
                    o.maybe_bool("strict", *strict);
                });
                if let Some(point) = cache.filter(|_| dialect.cache_control) {
                    write_cache_control(o, point);
                }
            });
        }
        Tool::Custom { name, description, format } if dialect.platform => a.object(|o| {
            o.string("type", "custom");
            o.object("custom", |o| {
                o.string("name", name);
                o.maybe_string("description", description.as_deref());
                o.maybe_raw("format", format.as_deref());
            });
        }),
        Tool::Custom { name, description, .. } => {
            losses.change("tools.custom");
            a.object(|o| {
                o.string("type", "function");
                o.object("function", |o| {
                    o.string("name", name);
                    o.maybe_string("description", description.as_deref());
                    o.raw("parameters", FREE_TEXT);
                });
            });
        }
        Tool::Native { protocol: Protocol::OpenAiChat, json, .. } if !dialect.refuses_unknown => a.raw(json),
        _ => {
            losses.drop("tools.native");
            return false;
        }
    }
    true
}

/// The search of the web as `web_search_options`.
fn web_search(prompt: &Prompt, dialect: &Dialect, losses: &mut Losses) -> Option<String> {
    let (protocol, json) = prompt.tools.iter().find_map(|tool| match tool {
        Tool::WebSearch { protocol, json } => Some((*protocol, json)),
        _ => None,
    })?;
    let is_own = protocol == Protocol::OpenAiChat;
    let is_known = dialect.platform || (is_own && !dialect.refuses_unknown);
    if !is_known {
        losses.drop("tools.web_search");
        return None;
    }
    let value = json::parse(json.as_bytes()).ok()?;
    if is_own && value.get("type").is_none() {
        return Some(json.clone());
    }
    let place = value.get("user_location").filter(|place| place.is_object());
    let is_common = |name: &str| matches!(name, "type" | "name" | "search_context_size" | "user_location");
    if value.present().any(|(name, _)| !is_common(name)) {
        losses.change("tools.web_search");
    }
    Some(json::object_text(|o| {
        o.maybe_string("search_context_size", value.str("search_context_size"));
        if let Some(place) = place {
            o.object("user_location", |o| {
                o.string("type", "approximate");
                o.object("approximate", |o| {
                    for name in ["country", "region", "city", "timezone"] {
                        o.maybe_string(name, place.str(name));
                    }
                });
            });
        }
    }))
}

fn choice(o: &mut Object<'_>, prompt: &Prompt, dialect: &Dialect) {
    let is_custom = |name: &str| {
        dialect.platform && prompt.tools.iter().any(|tool| matches!(tool, Tool::Custom { name: n, .. } if n == name))
    };
    match &prompt.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => o.string("tool_choice", "auto"),
        Some(ToolChoice::None) => o.string("tool_choice", "none"),
        Some(ToolChoice::Any) => o.string("tool_choice", dialect.required_word),
        Some(ToolChoice::One(name)) => {
            let kind = if is_custom(name) { "custom" } else { "function" };
            o.object("tool_choice", |o| {
                o.string("type", kind);
                o.object(kind, |o| o.string("name", name));
            });
        }
        Some(ToolChoice::Subset { names, required }) if dialect.platform => o.object("tool_choice", |o| {
            o.string("type", "allowed_tools");
            o.object("allowed_tools", |o| {
                o.string("mode", if *required { "required" } else { "auto" });
                o.array("tools", |a| {
                    for name in names {
                        let kind = if is_custom(name) { "custom" } else { "function" };
                        a.object(|o| {
                            o.string("type", kind);
                            o.object(kind, |o| o.string("name", name));
                        });
                    }
                });
            });
        }),
        Some(ToolChoice::Subset { required, .. }) => {
            o.string("tool_choice", if *required { dialect.required_word } else { "auto" });
        }
    }
}

fn format(o: &mut Object<'_>, format: Option<&Format>, dialect: &Dialect, losses: &mut Losses) {
    match format {
        None => {}
        Some(Format::Text) => o.object("response_format", |o| o.string("type", "text")),
        Some(Format::JsonSchema { name, description, schema, strict }) if dialect.json_schema => {
            o.object("response_format", |o| {
                o.string("type", "json_schema");
                o.object("json_schema", |o| {
                    o.string("name", name.as_deref().unwrap_or("response"));
                    o.maybe_string("description", description.as_deref());
                    o.raw("schema", schema);
                    o.maybe_bool("strict", *strict);
                });
            });
        }
        Some(format) => {
            if matches!(format, Format::JsonSchema { .. }) {
                losses.change("response_format");
            }
            o.object("response_format", |o| o.string("type", "json_object"));
        }
    }
}

fn reasoning(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let (asked, dialect) = (&prompt.reasoning, target.dialect);
    losses.drop_if(asked.summary.is_some(), "reasoning.summary");
    if asked.effort.is_none() && asked.thought.is_none() {
        return;
    }
    if dialect.reasoning_field == ReasoningField::Details {
        openrouter_reasoning(o, asked);
        return;
    }
    // These would refuse it for a model that does not think. Who named the field means it.
    let is_refused =
        dialect.effort_of_known && target.gates.thinks == Thinks::Unknown && prompt.protocol != Protocol::OpenAiChat;
    let Some(effort) = effort_of(asked).filter(|_| dialect.reasoning_effort && !is_refused) else {
        // What does not think anyway need not be told not to.
        losses.drop_if(!is_refused || effort_of(asked) != Some(Effort::None), "reasoning_effort");
        return;
    };
    if matches!(asked.thought, Some(Thought::Budget(_))) {
        losses.change("reasoning.budget");
    }
    if dialect.reasoning_replay == ReasoningReplay::ToolTurns {
        // DeepSeek and the servers after it have a switch beside the effort, and refuse to be told to call a tool while
        // they think.
        let is_forced = is_forced(prompt);
        losses.drop_if(is_forced && effort != Effort::None, "reasoning_effort");
        let stops = is_forced || effort == Effort::None;
        o.object("thinking", |o| o.string("type", if stops { "disabled" } else { "enabled" }));
        if stops {
            return;
        }
    }
    let sent = effort_for(effort, prompt, target);
    if sent != effort {
        losses.change("reasoning_effort");
    }
    o.string("reasoning_effort", sent.as_str());
}

/// Whether a tool must be called.
fn is_forced(prompt: &Prompt) -> bool {
    let is_asked = matches!(
        prompt.tool_choice,
        Some(ToolChoice::Any | ToolChoice::One(_) | ToolChoice::Subset { required: true, .. })
    );
    is_asked && !prompt.tools.is_empty()
}

/// The effort that the target knows.
fn effort_for(effort: Effort, prompt: &Prompt, target: &Target<'_>) -> Effort {
    let dialect = target.dialect;
    if dialect.reasoning_field == ReasoningField::ContentParts {
        // Mistral thinks or does not.
        return if matches!(effort, Effort::None | Effort::Minimal) { Effort::None } else { Effort::High };
    }
    if prompt.protocol == Protocol::OpenAiChat {
        return effort;
    }
    openai_effort(effort, target.model, &target.gates)
}

fn openrouter_reasoning(o: &mut Object<'_>, asked: &Reasoning) {
    o.object("reasoning", |o| {
        match (asked.thought, asked.effort) {
            (Some(Thought::Budget(_)), _) => o.maybe_uint("max_tokens", budget_of(asked)),
            (Some(Thought::Disabled), _) => o.bool("enabled", false),
            (_, Some(effort)) => o.string("effort", effort.as_str()),
            _ => o.bool("enabled", true),
        }
        o.maybe_bool("exclude", asked.include.map(|include| !include));
    });
}

fn sampling(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let (sampling, dialect) = (&prompt.sampling, target.dialect);
    let is_completion = dialect.max_tokens == MaxTokensField::Completion || target.gates.refuses_max_tokens;
    // Other clients ask for what their own models give, and OpenAI refuses what is more than a model can.
    let most =
        if dialect.platform && prompt.protocol != Protocol::OpenAiChat { target.gates.most_tokens } else { u64::MAX };
    let max_tokens = sampling.max_tokens.map(|limit| limit.min(most));
    if max_tokens != sampling.max_tokens {
        losses.change("max_tokens");
    }
    o.maybe_uint(if is_completion { "max_completion_tokens" } else { "max_tokens" }, max_tokens);
    let is_free = !refuses_sampling(&prompt.reasoning, &target.gates);
    let mut float = |name: &'static str, value: Option<f64>, known: bool, default: f64| match value {
        Some(value) if known => o.float(name, value),
        // The default is what the model does anyway.
        Some(value) => losses.drop_if((value - default).abs() > f64::EPSILON, name),
        None => {}
    };
    float("temperature", sampling.temperature, is_free, 1.0);
    float("top_p", sampling.top_p, is_free, 1.0);
    float("presence_penalty", sampling.presence_penalty, is_free && dialect.penalties, 0.0);
    float("frequency_penalty", sampling.frequency_penalty, is_free && dialect.penalties, 0.0);
    float("min_p", sampling.min_p, is_free && dialect.top_k, 0.0);
    float("repetition_penalty", sampling.repetition_penalty, is_free && dialect.top_k, 1.0);
    let mut uint = |name: &'static str, value: Option<u64>, known: bool| match value {
        Some(value) if known => o.uint(name, value),
        value => losses.drop_if(value.is_some(), name),
    };
    uint("top_k", sampling.top_k, is_free && dialect.top_k);
    uint("n", sampling.n.filter(|n| dialect.n || *n > 1), dialect.n);
    uint("top_logprobs", sampling.top_logprobs, is_free && dialect.logprobs);
    match sampling.logprobs {
        Some(logprobs) if is_free && dialect.logprobs => o.bool("logprobs", logprobs),
        logprobs => losses.drop_if(logprobs == Some(true), "logprobs"),
    }
    match &sampling.logit_bias {
        Some(bias) if is_free && dialect.logit_bias => o.raw("logit_bias", bias),
        bias => losses.drop_if(bias.is_some(), "logit_bias"),
    }
    stop(o, prompt, target, losses);
    if let Some(seed) = sampling.seed {
        o.int(dialect.seed_field, seed);
    }
}

/// Texts at which to stop: OpenAI takes four, of which none may be empty, and its models that think take none.
fn stop(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let texts = &prompt.sampling.stop;
    if prompt.protocol == Protocol::OpenAiChat && target.dialect.stop {
        if !texts.is_empty() {
            o.strings("stop", texts.iter().map(String::as_str));
        }
        return;
    }
    let most = if target.dialect.platform { 4 } else { usize::MAX };
    let is_known = target.dialect.stop && !target.gates.refuses_stop;
    let sent: Vec<&str> =
        texts.iter().map(String::as_str).filter(|text| is_known && !text.is_empty()).take(most).collect();
    if !sent.is_empty() {
        o.strings("stop", sent.iter().copied());
    }
    match sent.len() {
        0 => losses.drop_if(!texts.is_empty(), "stop"),
        count if count < texts.len() => losses.change("stop"),
        _ => {}
    }
}

/// What OpenAI's platform offers beside the model.
fn platform(o: &mut Object<'_>, prompt: &Prompt, dialect: &Dialect, losses: &mut Losses) {
    let mut text = |name: &'static str, value: Option<&str>, known: bool| match value {
        Some(value) if known => o.string(name, value),
        value => losses.drop_if(value.is_some(), name),
    };
    text("user", prompt.user.as_deref(), dialect.platform || !dialect.refuses_unknown);
    // What is `auto` happens anyway.
    let tier = prompt.service_tier.as_deref().filter(|tier| dialect.platform || *tier != "auto");
    text("service_tier", tier, dialect.platform);
    text("verbosity", prompt.verbosity.as_deref(), dialect.platform);
    text("prompt_cache_key", prompt.prompt_cache_key.as_deref(), dialect.platform);
    if dialect.platform {
        // Labels are refused for what is not kept.
        let metadata = prompt.metadata.as_deref();
        let is_kept = prompt.store == Some(true) || prompt.protocol == Protocol::OpenAiChat;
        o.maybe_raw("metadata", metadata.filter(|_| is_kept));
        losses.drop_if(metadata.is_some() && !is_kept, "metadata");
        o.maybe_bool("store", prompt.store);
    } else {
        losses.drop_if(prompt.metadata.is_some(), "metadata");
        // Nothing is kept anyway.
        losses.drop_if(prompt.store == Some(true), "store");
    }
}

fn extras(o: &mut Object<'_>, prompt: &Prompt, dialect: &Dialect, losses: &mut Losses) {
    for extra in &prompt.extras {
        if prompt.protocol == Protocol::OpenAiChat && takes_extra(extra, dialect) {
            o.raw(&extra.name, &extra.json);
        } else {
            losses.drop(extra.name.clone());
        }
    }
}

fn takes_extra(extra: &Extra, dialect: &Dialect) -> bool {
    let name = &*extra.name;
    let known: &[&str] = if dialect.platform { &MEMBERS } else { &MISTRAL_MEMBERS };
    !name.contains('.') && (!dialect.refuses_unknown || known.binary_search(&name).is_ok())
}
