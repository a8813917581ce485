//! Requests of Cohere's v2 chat, after its published reference.

mod messages;

use bytes::Bytes;
use tollgate_core::Error;
use tollgate_core::ir::{Format, Losses, Prompt, Protocol, Thought, Tool, ToolChoice};

use super::types::{MAX_STOP, P};
use crate::codec::{CUSTOM_PARAMETERS, Encoded, Plan, Target, budget_of};
use crate::json::{self, Array, Object};

const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    let conversation = messages::conversation(prompt, losses)?;
    let mut plan = Plan::default();
    note_unsupported(prompt, losses);
    let body = json::object(conversation.capacity() + 1024, |o| {
        o.string("model", target.model);
        o.bool("stream", prompt.stream);
        conversation.write(o);
        tools(o, prompt, &mut plan, losses);
        match &prompt.format {
            Some(Format::JsonObject) => o.object("response_format", |o| o.string("type", "json_object")),
            Some(Format::JsonSchema { schema, description, .. }) => o.object("response_format", |o| {
                losses.drop_if(description.is_some(), "response_format.description");
                o.string("type", "json_object");
                o.raw("json_schema", schema);
            }),
            Some(Format::Text) | None => {}
        }
        thinking(o, prompt, target, losses);
        sampling(o, prompt, losses);
        for extra in &prompt.extras {
            if prompt.protocol == Protocol::CohereChat {
                o.raw(&extra.name, &extra.json);
            } else {
                losses.drop(extra.name.clone());
            }
        }
    });
    Ok(Encoded { body: Bytes::from(body), plan, betas: Vec::new() })
}

fn note_unsupported(prompt: &Prompt, losses: &mut Losses) {
    let sampling = &prompt.sampling;
    losses.drop_if(prompt.turns.iter().any(|turn| turn.name.is_some()), "messages.name");
    losses.drop_if(sampling.min_p.is_some(), "min_p");
    losses.drop_if(sampling.repetition_penalty.is_some_and(|value| value != 1.0), "repetition_penalty");
    losses.drop_if(sampling.logit_bias.is_some(), "logit_bias");
    losses.drop_if(sampling.n.is_some_and(|n| n > 1), "n");
    losses.drop_if(sampling.top_logprobs.is_some(), "top_logprobs");
    losses.drop_if(prompt.parallel_tool_calls == Some(false), "parallel_tool_calls");
    losses.drop_if(prompt.user.is_some(), "user");
    losses.drop_if(prompt.metadata.is_some(), "metadata");
    losses.drop_if(prompt.store == Some(true), "store");
    let tier = prompt.service_tier.as_deref();
    losses.drop_if(tier.is_some_and(|tier| !matches!(tier, "auto" | "default")), "service_tier");
    losses.drop_if(prompt.verbosity.is_some(), "verbosity");
    losses.drop_if(prompt.prompt_cache_key.is_some(), "prompt_cache_key");
    let summary = prompt.reasoning.summary.as_deref();
    losses.drop_if(summary.is_some_and(|summary| summary != "auto"), "reasoning.summary");
}

/// Beginnings of the names of models that do not think, and refuse to be told how much.
const THOUGHTLESS: [&str; 6] =
    ["command-r", "command-a-03", "command-a-vision", "command-a-translate", "command-light", "c4ai-aya"];

fn thinking(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let reasoning = &prompt.reasoning;
    let Some(budget) = budget_of(reasoning) else { return };
    if THOUGHTLESS.iter().any(|start| target.model.starts_with(start)) {
        // What does not think anyway need not be told not to.
        losses.drop_if(budget > 0, "reasoning_effort");
        return;
    }
    o.object("thinking", |o| {
        if budget == 0 {
            o.string("type", "disabled");
            return;
        }
        o.string("type", "enabled");
        if !(reasoning.effort.is_none() && reasoning.thought == Some(Thought::Adaptive)) {
            o.uint("token_budget", budget);
        }
    });
}

fn sampling(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    let sampling = &prompt.sampling;
    let mut clamp = |value: Option<f64>, (least, most): (f64, f64), field: &'static str| {
        let clamped = value.map(|value| value.clamp(least, most));
        if clamped != value {
            losses.change(field);
        }
        clamped
    };
    o.maybe_uint("max_tokens", sampling.max_tokens);
    o.maybe_float("temperature", sampling.temperature);
    o.maybe_float("p", clamp(sampling.top_p, P, "top_p"));
    o.maybe_uint("k", sampling.top_k);
    o.maybe_float("frequency_penalty", clamp(sampling.frequency_penalty, (0.0, 1.0), "frequency_penalty"));
    o.maybe_float("presence_penalty", clamp(sampling.presence_penalty, (0.0, 1.0), "presence_penalty"));
    let seed = sampling.seed.and_then(|seed| u64::try_from(seed).ok());
    losses.drop_if(sampling.seed.is_some() && seed.is_none(), "seed");
    o.maybe_uint("seed", seed);
    o.maybe_bool("logprobs", sampling.logprobs);
    losses.drop_if(sampling.stop.len() > MAX_STOP, "stop");
    if !sampling.stop.is_empty() {
        o.strings("stop_sequences", sampling.stop.iter().take(MAX_STOP).map(|stop| &**stop));
    }
}

fn tools(o: &mut Object<'_>, prompt: &Prompt, plan: &mut Plan, losses: &mut Losses) {
    let only: Option<Vec<&str>> = match &prompt.tool_choice {
        Some(ToolChoice::One(name)) => Some(vec![name]),
        Some(ToolChoice::Subset { names, .. }) => Some(names.iter().map(|name| &**name).collect()),
        _ => None,
    };
    let is_offered =
        |tool: &&Tool| only.as_ref().is_none_or(|only| tool.name().is_some_and(|name| only.contains(&name)));
    let mut strict = (0, 0);
    let list = json::array_text(|a| {
        for tool in prompt.tools.iter().filter(is_offered) {
            match tool {
                Tool::Function { strict: Some(true), .. } => strict.0 += 1,
                _ => strict.1 += 1,
            }
            write_tool(a, tool, plan, losses);
        }
    });
    if list == "[]" {
        return;
    }
    o.raw("tools", &list);
    // It holds for all tools or for none.
    match strict {
        (0, _) => {}
        (_, 0) => o.bool("strict_tools", true),
        _ => losses.drop("tools.strict"),
    }
    match &prompt.tool_choice {
        Some(ToolChoice::None) => o.string("tool_choice", "NONE"),
        Some(ToolChoice::Any | ToolChoice::One(_) | ToolChoice::Subset { required: true, .. }) => {
            o.string("tool_choice", "REQUIRED");
        }
        _ => {}
    }
}

fn write_tool(a: &mut Array<'_>, tool: &Tool, plan: &mut Plan, losses: &mut Losses) {
    let (name, description, parameters) = match tool {
        Tool::Function { name, description, parameters, .. } => {
            (name, description, parameters.as_deref().unwrap_or(NO_PARAMETERS))
        }
        Tool::Custom { name, description, format } => {
            if format.is_some() {
                losses.change("tools.custom");
            }
            plan.custom_tools.push(name.clone());
            (name, description, CUSTOM_PARAMETERS)
        }
        Tool::Native { protocol: Protocol::CohereChat, json, .. } => return a.raw(json),
        Tool::WebSearch { .. } => return losses.drop("tools.web_search"),
        _ => return losses.drop("tools.native"),
    };
    a.object(|o| {
        o.string("type", "function");
        o.object("function", |o| {
            o.string("name", name);
            o.maybe_string("description", description.as_deref());
            o.raw("parameters", parameters);
        });
    });
}
