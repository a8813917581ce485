//! Writing a request for a provider.

use bytes::Bytes;
use tollgate_core::Error;
use tollgate_core::ir::{Effort, Losses, Prompt, Protocol, Role, Thought, Tool};

use super::super::types::{ENCRYPTED, LEAST_OUTPUT_TOKENS, LOGPROBS};
use super::output::{self, Writer};
use super::tools::{self, Manner};
use crate::codec::{Encoded, Plan, Target, Thinks, effort_of, openai_effort, refuses_sampling};
use crate::json::{self, Object};

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    let mut items = Vec::with_capacity(1024);
    let instructions = output::instructions(prompt);
    let turns = prompt.turns.get(usize::from(instructions.is_some())..).unwrap_or_default();
    Writer::new(prompt, target, losses, &mut items).turns(turns)?;
    // Whatever is written here is UTF-8: names and words are strings, raw values too.
    let items = String::from_utf8(items).unwrap_or_default();
    let body = json::object(items.len() + 512, |o| {
        o.string("model", target.model);
        o.maybe_string("instructions", instructions);
        o.raw("input", &items);
        write_tools(o, prompt, losses);
        write_sampling(o, prompt, target, losses);
        write_reasoning(o, prompt, target, losses);
        write_text(o, prompt, target, losses);
        write_platform(o, prompt, target, losses);
        write_extras(o, prompt, losses);
        if prompt.stream {
            o.bool("stream", true);
        }
    });
    Ok(Encoded { body: Bytes::from(body), plan: Plan::default(), betas: Vec::new() })
}

fn is_own(prompt: &Prompt) -> bool {
    prompt.protocol == Protocol::OpenAiResponses
}

fn write_tools(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    for tool in &prompt.tools {
        match tool {
            Tool::Native { protocol, .. } if *protocol != Protocol::OpenAiResponses => losses.drop("tools.native"),
            Tool::WebSearch { protocol: Protocol::AnthropicMessages, json }
                if json.contains("max_uses") || json.contains("blocked_domains") =>
            {
                losses.change("tools.web_search");
            }
            _ => {}
        }
    }
    let known = |tool: &Tool| !matches!(tool, Tool::Native { protocol, .. } if *protocol != Protocol::OpenAiResponses);
    if !prompt.tools.iter().any(known) {
        losses.drop_if(prompt.tool_choice.is_some() && !prompt.tools.is_empty(), "tool_choice");
        return;
    }
    o.array("tools", |a| tools::write_tools(a, prompt, Manner::Ask));
    tools::write_choice(o, prompt);
    o.maybe_bool("parallel_tool_calls", prompt.parallel_tool_calls);
}

fn write_sampling(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let sampling = &prompt.sampling;
    let strict = target.dialect.refuses_unknown;
    if let Some(limit) = sampling.max_tokens {
        let least = if strict { LEAST_OUTPUT_TOKENS } else { 0 };
        let most = if strict && !is_own(prompt) { target.gates.most_tokens } else { u64::MAX };
        let sent = limit.max(least).min(most);
        if sent != limit {
            losses.change("max_tokens");
        }
        o.uint("max_output_tokens", sent);
    }
    if refuses_sampling(&prompt.reasoning, &target.gates) {
        losses.drop_if(sampling.temperature.is_some(), "temperature");
        losses.drop_if(sampling.top_p.is_some(), "top_p");
        losses.drop_if(sampling.top_logprobs.is_some(), "top_logprobs");
    } else {
        o.maybe_float("temperature", sampling.temperature);
        o.maybe_float("top_p", sampling.top_p);
        o.maybe_uint("top_logprobs", sampling.top_logprobs);
    }
    // OpenAI has none of these here; servers that are like it know some.
    let numbers = [
        ("presence_penalty", sampling.presence_penalty, target.dialect.penalties),
        ("frequency_penalty", sampling.frequency_penalty, target.dialect.penalties),
        ("min_p", sampling.min_p, target.dialect.top_k),
        ("repetition_penalty", sampling.repetition_penalty, target.dialect.top_k),
    ];
    for (name, value, known) in numbers {
        if known && !strict {
            o.maybe_float(name, value);
        } else {
            // A penalty of zero is none.
            losses.drop_if(value.is_some_and(|value| value != 0.0), name);
        }
    }
    if target.dialect.top_k && !strict {
        o.maybe_uint("top_k", sampling.top_k);
    } else {
        losses.drop_if(sampling.top_k.is_some(), "top_k");
    }
    losses.drop_if(sampling.logit_bias.is_some(), "logit_bias");
    losses.drop_if(!sampling.stop.is_empty(), "stop");
    losses.drop_if(sampling.seed.is_some(), "seed");
    losses.drop_if(sampling.n.is_some_and(|n| n > 1), "n");
}

fn write_reasoning(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let reasoning = &prompt.reasoning;
    let thinks = target.gates.thinks != Thinks::Unknown;
    let mut effort = effort_of(reasoning);
    if reasoning.effort.is_none() && !thinks && target.dialect.refuses_unknown {
        // Models that do not think refuse to be told how much.
        losses.drop_if(effort.is_some_and(|effort| effort != Effort::None), "reasoning_effort");
        effort = None;
    } else if matches!(reasoning.thought, Some(Thought::Budget(budget)) if budget > 0) {
        losses.change("reasoning.budget");
    }
    if let Some(asked) = effort.filter(|_| target.dialect.platform && !is_own(prompt)) {
        let known = openai_effort(asked, target.model, &target.gates);
        if known != asked {
            losses.change("reasoning_effort");
        }
        effort = Some(known);
    }
    let shown = reasoning.include == Some(true) && thinks;
    let summary = reasoning.summary.as_deref().or(shown.then_some("auto"));
    let extras = || prompt.extras.iter().filter_map(|extra| Some((extra.name.strip_prefix("reasoning.")?, extra)));
    let own_extras = is_own(prompt) && extras().next().is_some();
    if effort.is_some() || summary.is_some() || own_extras {
        o.object("reasoning", |o| {
            o.maybe_string("effort", effort.map(Effort::as_str));
            o.maybe_string("summary", summary);
            if own_extras {
                extras().for_each(|(name, extra)| o.raw(name, &extra.json));
            }
        });
    }
}

fn write_text(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let knows = target.dialect.platform || is_own(prompt);
    losses.drop_if(prompt.verbosity.is_some() && !knows, "verbosity");
    let verbosity = prompt.verbosity.as_deref().filter(|_| knows);
    let extras = || prompt.extras.iter().filter_map(|extra| Some((extra.name.strip_prefix("text.")?, extra)));
    let own_extras = is_own(prompt) && extras().next().is_some();
    if prompt.format.is_none() && verbosity.is_none() && !own_extras {
        return;
    }
    o.object("text", |o| {
        if let Some(format) = &prompt.format {
            tools::write_format(o, format, Manner::Ask);
        }
        o.maybe_string("verbosity", verbosity);
        if own_extras {
            extras().for_each(|(name, extra)| o.raw(name, &extra.json));
        }
    });
}

fn write_platform(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
    let store = prompt.store.unwrap_or(false);
    o.bool("store", store);
    write_include(o, prompt, target, store, losses);
    let safety = is_own(prompt).then(|| prompt.extra("safety_identifier")).flatten();
    if safety.is_none() {
        o.maybe_string("user", prompt.user.as_deref());
    }
    if target.dialect.platform || is_own(prompt) {
        o.maybe_raw("metadata", prompt.metadata.as_deref());
        o.maybe_string("service_tier", prompt.service_tier.as_deref());
        o.maybe_string("prompt_cache_key", prompt.prompt_cache_key.as_deref());
    } else {
        losses.drop_if(prompt.metadata.is_some(), "metadata");
        losses.drop_if(prompt.service_tier.is_some(), "service_tier");
        losses.drop_if(prompt.prompt_cache_key.is_some(), "prompt_cache_key");
    }
}

fn write_include(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>, store: bool, losses: &mut Losses) {
    let logprobs = prompt.sampling.logprobs == Some(true);
    let refuses = refuses_sampling(&prompt.reasoning, &target.gates);
    losses.drop_if(logprobs && refuses, "logprobs");
    let wanted = [
        // Without it a model that is told not to store cannot go on from its own thoughts.
        (ENCRYPTED, !store && target.gates.thinks == Thinks::Effort),
        (LOGPROBS, logprobs && !refuses),
    ];
    let asked = prompt.extra("include").filter(|_| is_own(prompt)).and_then(|text| json::parse(text.as_bytes()).ok());
    let asked = asked.as_ref().map(json::Value::items).unwrap_or_default();
    let asked = || asked.iter().filter_map(json::Value::as_str).filter(|entry| *entry != LOGPROBS);
    let more = || wanted.iter().filter(|(entry, wanted)| *wanted && !asked().any(|known| known == *entry));
    if asked().next().is_some() || more().next().is_some() {
        o.strings("include", asked().chain(more().map(|(entry, _)| *entry)));
    }
}

fn write_extras(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    for extra in &prompt.extras {
        let name = &extra.name;
        if !is_own(prompt) {
            losses.drop(name.clone());
        } else if name.starts_with("input[") || name.starts_with("tools[") {
            // The place in which it stood is written anew.
            losses.drop(name.clone());
        } else if name != "include" && !name.starts_with("text.") && !name.starts_with("reasoning.") {
            let is_choice = name == "tool_choice";
            if !(is_choice && (prompt.tool_choice.is_some() || prompt.tools.is_empty())) {
                o.raw(name, &extra.json);
            }
        }
    }
}

/// Whether a turn is the system's.
pub(super) fn is_system(role: Role) -> bool {
    matches!(role, Role::System | Role::Developer)
}
