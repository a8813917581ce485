//! From settings to `generationConfig` and the members beside it.

use tollgate_core::ir::{Effort, Format, Losses, Prompt, Thought};

use super::media::Resolution;
use crate::codec::{Target, Thinks, budget_of, effort_of};
use crate::gemini_generate::parts::OWN;
use crate::gemini_generate::schema;
use crate::gemini_generate::types::{LEVELS, MAX_STOPS, SMALLEST_BUDGET, SMALLEST_LITE_BUDGET};
use crate::json::{self, Object};

const PREFIX: &str = "generationConfig.";

/// Writes `generationConfig`, unless it is empty.
pub(super) fn write(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    let config = json::object_text(|o| {
        sampling(prompt, losses, o);
        format(prompt, target, losses, o);
        thinking(prompt, target, losses, o);
        let resolution = Resolution::of(prompt, target.gates.thinks == Thinks::Level);
        o.maybe_string("mediaResolution", resolution.for_request(losses));
        modalities(prompt, o);
        if prompt.protocol == OWN {
            for extra in &prompt.extras {
                if let Some(name) = extra.name.strip_prefix(PREFIX).filter(|name| !name.contains('.')) {
                    o.raw(name, &extra.json);
                }
            }
        }
    });
    if config != "{}" {
        o.raw("generationConfig", &config);
    }
}

fn sampling(prompt: &Prompt, losses: &mut Losses, o: &mut Object<'_>) {
    let sampling = &prompt.sampling;
    let temperature = sampling.temperature.map(|asked| asked.clamp(0.0, 2.0));
    if temperature != sampling.temperature {
        losses.change("temperature");
    }
    o.maybe_uint("maxOutputTokens", sampling.max_tokens);
    o.maybe_float("temperature", temperature);
    o.maybe_float("topP", sampling.top_p);
    o.maybe_uint("topK", sampling.top_k);
    o.maybe_float("presencePenalty", sampling.presence_penalty);
    o.maybe_float("frequencyPenalty", sampling.frequency_penalty);
    // An empty text, which nothing could stop at, is refused.
    let stops: Vec<&str> = sampling.stop.iter().map(String::as_str).filter(|stop| !stop.is_empty()).collect();
    if stops.len() > MAX_STOPS {
        losses.change("stop");
    }
    if !stops.is_empty() {
        o.strings("stopSequences", stops.iter().take(MAX_STOPS).copied());
    }
    if let Some(seed) = sampling.seed {
        // 32 bits in the protocol.
        match i32::try_from(seed) {
            Ok(seed) => o.int("seed", i64::from(seed)),
            Err(_) => losses.drop("seed"),
        }
    }
    o.maybe_uint("candidateCount", sampling.n);
    o.maybe_bool("responseLogprobs", sampling.logprobs);
    o.maybe_uint("logprobs", sampling.top_logprobs);
    losses.drop_if(sampling.min_p.is_some(), "min_p");
    losses.drop_if(sampling.repetition_penalty.is_some(), "repetition_penalty");
    losses.drop_if(sampling.logit_bias.is_some(), "logit_bias");
}

fn format(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    match &prompt.format {
        None | Some(Format::Text) => {}
        Some(Format::JsonObject) => o.string("responseMimeType", "application/json"),
        Some(Format::JsonSchema { schema, description, .. }) => {
            losses.drop_if(description.is_some(), "response_format.description");
            o.string("responseMimeType", "application/json");
            if target.gates.takes_json_schema {
                o.raw("responseJsonSchema", schema);
            } else {
                o.raw("responseSchema", &schema::to_openapi(schema, losses));
            }
        }
    }
}

/// How thinking is told to a model: a budget or a level, never both.
enum Told {
    Budget(i64),
    Level(Effort),
}

fn thinking(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    let told = match target.gates.thinks {
        Thinks::Budget => budget(prompt, target, losses),
        Thinks::Level => level(prompt, target, losses),
        // A name that says nothing, as those of tuned models; the client knows better.
        _ if prompt.protocol == OWN => as_given(prompt),
        _ => {
            let asks = budget_of(&prompt.reasoning).is_some_and(|budget| budget > 0);
            losses.drop_if(asks && prompt.reasoning.effort.is_some(), "reasoning_effort");
            losses.drop_if(asks && prompt.reasoning.effort.is_none(), "reasoning.budget");
            None
        }
    };
    let can_think = prompt.protocol == OWN || matches!(target.gates.thinks, Thinks::Budget | Thinks::Level);
    let include = include_thoughts(prompt).filter(|_| can_think);
    let summary = prompt.reasoning.summary.as_deref();
    if matches!(summary, Some("concise" | "detailed")) {
        losses.change("reasoning.summary");
    }
    let rest = prompt.extras.iter().filter(|_| prompt.protocol == OWN);
    let rest: Vec<_> = rest
        .filter_map(|extra| Some((extra.name.strip_prefix("generationConfig.thinkingConfig.")?, &extra.json)))
        .collect();
    if told.is_none() && include.is_none() && rest.is_empty() {
        return;
    }
    o.object("thinkingConfig", |o| {
        match told {
            Some(Told::Budget(budget)) => o.int("thinkingBudget", budget),
            Some(Told::Level(effort)) => {
                o.maybe_string(
                    "thinkingLevel",
                    LEVELS.iter().find(|(_, known)| *known == effort).map(|(word, _)| *word),
                );
            }
            None => {}
        }
        o.maybe_bool("includeThoughts", include);
        rest.iter().for_each(|(name, json)| o.raw(name, json));
    });
}

/// Whether thoughts are to be in the answer: what the client says, or, since most protocols have no such switch, whether
/// it asks for thinking at all.
fn include_thoughts(prompt: &Prompt) -> Option<bool> {
    let reasoning = &prompt.reasoning;
    if reasoning.include.is_some() || prompt.protocol == OWN {
        return reasoning.include;
    }
    let asks = budget_of(reasoning).map_or(reasoning.summary.is_some(), |budget| budget > 0);
    asks.then_some(true)
}

fn as_given(prompt: &Prompt) -> Option<Told> {
    match (prompt.reasoning.effort, prompt.reasoning.thought) {
        (_, Some(Thought::Budget(budget))) => Some(Told::Budget(i64::try_from(budget).unwrap_or(i64::MAX))),
        (_, Some(Thought::Disabled)) => Some(Told::Budget(0)),
        (Some(effort), _) => Some(Told::Level(effort)),
        (None, Some(Thought::Adaptive)) => Some(Told::Budget(-1)),
        (None, None) => None,
    }
}

fn budget(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Option<Told> {
    let reasoning = &prompt.reasoning;
    if reasoning.effort.is_none() && reasoning.thought == Some(Thought::Adaptive) {
        return Some(Told::Budget(-1));
    }
    let is_explicit = matches!(reasoning.thought, Some(Thought::Budget(_)));
    let asked = match reasoning.effort {
        // Google's own layer for OpenAI's clients gives both the same.
        Some(Effort::Minimal | Effort::Low) if !is_explicit && reasoning.thought != Some(Thought::Disabled) => 1024,
        _ => budget_of(reasoning)?,
    };
    let smallest = match target.gates.can_stop_thinking {
        false => SMALLEST_BUDGET,
        true if asked > 0 && target.model.contains("-lite") => SMALLEST_LITE_BUDGET,
        true => 0,
    };
    let sent = asked.clamp(smallest, target.gates.max_budget.max(smallest));
    if sent != asked && is_explicit {
        losses.change("reasoning.budget");
    } else if asked == 0 && sent > 0 {
        losses.change("reasoning_effort");
    }
    Some(Told::Budget(i64::try_from(sent).unwrap_or(i64::MAX)))
}

fn level(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Option<Told> {
    let reasoning = &prompt.reasoning;
    if reasoning.effort.is_none() && reasoning.thought == Some(Thought::Adaptive) {
        return None;
    }
    let asked = effort_of(reasoning)?;
    let is_pro = target.model.contains("-pro");
    let sent = match asked {
        Effort::None | Effort::Minimal if is_pro => Effort::Low,
        Effort::None => Effort::Minimal,
        // The first of them had two levels.
        Effort::Medium if target.model.contains("gemini-3-pro") => Effort::High,
        Effort::XHigh | Effort::Max => Effort::High,
        known => known,
    };
    if matches!(reasoning.thought, Some(Thought::Budget(_))) && reasoning.effort.is_none() {
        losses.change("reasoning.budget");
    } else if sent != asked {
        losses.change("reasoning_effort");
    }
    Some(Told::Level(sent))
}

/// Kinds of output that OpenAI's clients ask for with `modalities`.
fn modalities(prompt: &Prompt, o: &mut Object<'_>) {
    let Some(asked) = foreign_modalities(prompt) else { return };
    let Ok(asked) = json::parse(asked.as_bytes()) else { return };
    let words: Vec<String> =
        asked.items().iter().filter_map(|word| Some(word.as_str()?.to_ascii_uppercase())).collect();
    if words.iter().any(|word| word != "TEXT") {
        o.strings("responseModalities", words.iter().map(String::as_str));
    }
}

fn foreign_modalities(prompt: &Prompt) -> Option<&str> {
    if prompt.protocol == OWN { None } else { prompt.extra("modalities") }
}

/// Writes what stands beside `generationConfig`, and notes what has no place.
pub(super) fn write_rest(prompt: &Prompt, losses: &mut Losses, o: &mut Object<'_>) {
    let is_own = prompt.protocol == OWN;
    match prompt.service_tier.as_deref() {
        None | Some("auto") => {}
        Some("default") => o.string("serviceTier", "standard"),
        Some(tier @ ("flex" | "priority")) => o.string("serviceTier", tier),
        Some(_) => losses.drop("service_tier"),
    }
    if is_own {
        o.maybe_raw("labels", prompt.metadata.as_deref());
        o.maybe_bool("store", prompt.store);
    } else {
        losses.drop_if(prompt.metadata.is_some(), "metadata");
        // Nothing is kept anyway.
        losses.drop_if(prompt.store == Some(true), "store");
    }
    losses.drop_if(prompt.user.is_some(), "user");
    losses.drop_if(prompt.verbosity.is_some(), "verbosity");
    losses.drop_if(prompt.prompt_cache_key.is_some(), "prompt_cache_key");
    losses.drop_if(prompt.parallel_tool_calls == Some(false), "parallel_tool_calls");
    for extra in &prompt.extras {
        if is_own && !extra.name.contains('.') {
            o.raw(&extra.name, &extra.json);
        } else if (!is_own && extra.name != "modalities") || extra.name.starts_with("contents[") {
            losses.drop(extra.name.clone());
        }
    }
}
