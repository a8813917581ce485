//! Settings: `inferenceConfig`, and what only some models have, in `additionalModelRequestFields`.

use tollgate_core::ir::{Block, Effort, Losses, Origin, Prompt, Protocol, Thought, ToolChoice};

use super::super::types::is_claude;
use super::tools::Tools;
use crate::codec::{ForcedTool, SMALLEST_BUDGET, Speaker, Target, Thinks, budget_of, effort_of, merge_turns};
use crate::json::{self, Object};

/// How a model is told to think.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// The value of Anthropic's `thinking`.
    field: Option<String>,
    /// The budget in tokens, where there is one: other rules hold for sampling and tools then.
    pub(super) budget: Option<u64>,
    /// Anthropic's `output_config.effort`.
    effort: Option<&'static str>,
    /// `reasoning_effort` of OpenAI's open models.
    reasoning_effort: Option<&'static str>,
}

pub(super) fn thinking(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Thinking {
    let reasoning = &prompt.reasoning;
    losses.drop_if(reasoning.summary.as_deref().is_some_and(|summary| summary != "auto"), "reasoning.summary");
    let thinks = target.gates.thinks;
    if is_claude(target.model) {
        let has_words = reasoning.effort.is_some() || reasoning.thought == Some(Thought::Adaptive);
        return match thinks {
            Thinks::Adaptive => adaptive(prompt, target, losses),
            Thinks::BudgetOrAdaptive if has_words => adaptive(prompt, target, losses),
            Thinks::Budget | Thinks::BudgetOrAdaptive => budgeted(prompt, target, losses),
            _ => unable(prompt, losses),
        };
    }
    match effort_of(reasoning) {
        Some(effort) if thinks == Thinks::Effort => {
            let word = match effort {
                Effort::None | Effort::Minimal | Effort::Low => "low",
                Effort::Medium => "medium",
                _ => "high",
            };
            if word != effort.as_str() {
                losses.change("reasoning_effort");
            }
            Thinking { reasoning_effort: Some(word), ..Thinking::default() }
        }
        _ => unable(prompt, losses),
    }
}

fn unable(prompt: &Prompt, losses: &mut Losses) -> Thinking {
    let effort = effort_of(&prompt.reasoning);
    losses.drop_if(effort.is_some_and(|effort| effort != Effort::None), "reasoning_effort");
    Thinking::default()
}

fn adaptive(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Thinking {
    let reasoning = &prompt.reasoning;
    let Some(effort) = effort_of(reasoning) else { return Thinking::default() };
    if effort == Effort::None {
        if !target.gates.can_stop_thinking {
            losses.drop("reasoning_effort");
            return Thinking::default();
        }
        return Thinking { field: Some(r#"{"type":"disabled"}"#.to_owned()), ..Thinking::default() };
    }
    if matches!(reasoning.thought, Some(Thought::Budget(_))) {
        losses.change("reasoning.budget");
    }
    let word = match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::XHigh if target.gates.xhigh => "xhigh",
        Effort::High | Effort::XHigh => "high",
        Effort::Max => "max",
    };
    if word != effort.as_str() {
        losses.change("reasoning_effort");
    }
    let says_how_much = reasoning.effort.is_some() || matches!(reasoning.thought, Some(Thought::Budget(_)));
    let field = json::object_text(|o| {
        o.string("type", "adaptive");
        if target.gates.thinks == Thinks::Adaptive {
            let display = |shown: bool| if shown { "summarized" } else { "omitted" };
            o.maybe_string("display", reasoning.include.map(display));
        }
    });
    Thinking { field: Some(field), effort: says_how_much.then_some(word), ..Thinking::default() }
}

/// Whether the conversation ends with the model's words, or with results of calls that were made without thoughts that can
/// be sent: with thinking by budget Anthropic wants the model's turn to begin with them.
fn goes_on_without_thoughts(prompt: &Prompt) -> bool {
    let (_, merged) = merge_turns(&prompt.turns, |_| Some(Speaker::User));
    let Some(last) = merged.last() else { return false };
    if last.speaker == Speaker::Assistant {
        return true;
    }
    let [.., assistant, _] = &merged[..] else { return false };
    let is_sent = |block: &&&Block| match block {
        Block::Text(text) => !text.text.trim().is_empty(),
        Block::Thinking(thinking) => thinking.signature.as_ref().is_some_and(|s| s.origin == Origin::Anthropic),
        _ => true,
    };
    let first = assistant.blocks.iter().find(is_sent);
    matches!(last.blocks.first(), Some(Block::ToolResult(_))) && !matches!(first, Some(Block::Thinking(_)))
}

fn budgeted(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Thinking {
    let Some(wanted) = budget_of(&prompt.reasoning).filter(|budget| *budget > 0) else { return Thinking::default() };
    let is_forced = match &prompt.tool_choice {
        Some(ToolChoice::Any | ToolChoice::One(_)) => true,
        Some(ToolChoice::Subset { required, .. }) => *required,
        _ => false,
    };
    if is_forced && !prompt.tools.is_empty() && target.gates.forced_tool == ForcedTool::NotWithBudget {
        // Anthropic refuses both together; without the tool the client could not go on.
        losses.drop("reasoning_effort");
        return Thinking::default();
    }
    if goes_on_without_thoughts(prompt) {
        losses.drop("reasoning_effort");
        return Thinking::default();
    }
    let below_limit = prompt.sampling.max_tokens.map_or(u64::MAX, |limit| limit.saturating_sub(1));
    let budget = wanted.max(SMALLEST_BUDGET).min(below_limit);
    if budget < SMALLEST_BUDGET {
        losses.drop("reasoning_effort");
        return Thinking::default();
    }
    if budget != wanted {
        losses.change("reasoning.budget");
    }
    let field = json::object_text(|o| {
        o.string("type", "enabled");
        o.uint("budget_tokens", budget);
    });
    Thinking { field: Some(field), budget: Some(budget), ..Thinking::default() }
}

/// `additionalModelRequestFields`, member by member.
pub(super) fn additional(
    prompt: &Prompt,
    target: &Target<'_>,
    thinking: &Thinking,
    tools: &Tools<'_>,
    losses: &mut Losses,
) -> Vec<(String, String)> {
    let mut members: Vec<(String, String)> = Vec::new();
    if prompt.protocol == Protocol::BedrockConverse {
        let own = prompt.extra("additionalModelRequestFields").and_then(|own| json::parse(own.as_bytes()).ok());
        for (name, value) in own.iter().flat_map(json::Value::members) {
            members.push((name.to_owned(), value.raw().to_owned()));
        }
    }
    let mut add = |name: &str, json: String| {
        if members.iter().all(|(known, _)| known != name) {
            members.push((name.to_owned(), json));
        }
    };
    if let Some(field) = &thinking.field {
        add("thinking", field.clone());
    }
    if let Some(effort) = thinking.effort {
        add("output_config", json::object_text(|o| o.string("effort", effort)));
    }
    if let Some(effort) = thinking.reasoning_effort {
        add("reasoning_effort", json::literal(effort));
    }
    if let Some(choice) = &tools.native_choice {
        add("tool_choice", choice.clone());
    }
    if let Some(top_k) = prompt.sampling.top_k {
        if !is_claude(target.model) || target.gates.refuses_sampling || thinking.budget.is_some() {
            // Other makers' models have it under other names or not at all, and refuse what they do not know.
            losses.drop("top_k");
        } else {
            add("top_k", top_k.to_string());
        }
    }
    members
}

pub(super) fn inference(
    o: &mut Object<'_>,
    prompt: &Prompt,
    target: &Target<'_>,
    thinking: &Thinking,
    losses: &mut Losses,
) {
    let sampling = &prompt.sampling;
    let refuses = target.gates.refuses_sampling && is_claude(target.model);
    let has_budget = thinking.budget.is_some();
    // With a budget for thinking Anthropic takes no temperature but 1, and `top_p` from 0.95 on.
    let temperature = sampling.temperature.filter(|value| !refuses && (!has_budget || *value == 1.0));
    losses.drop_if(sampling.temperature.is_some() && temperature.is_none(), "temperature");
    let clamped = temperature.map(|value| value.clamp(0.0, 1.0));
    if clamped != temperature {
        losses.change("temperature");
    }
    let is_one_too_many = target.gates.one_of_temperature_and_top_p && clamped.is_some();
    let top_p = sampling.top_p.filter(|value| !refuses && !is_one_too_many && (!has_budget || *value >= 0.95));
    losses.drop_if(sampling.top_p.is_some() && top_p.is_none(), "top_p");
    // Anthropic refuses texts that are nothing but white space, and everybody empty ones.
    let is_sent = |stop: &&str| if is_claude(target.model) { !stop.trim().is_empty() } else { !stop.is_empty() };
    let stop: Vec<&str> = sampling.stop.iter().map(|stop| &**stop).filter(is_sent).collect();
    losses.drop_if(stop.len() < sampling.stop.len(), "stop");
    if sampling.max_tokens.is_none() && clamped.is_none() && top_p.is_none() && stop.is_empty() {
        return;
    }
    o.object("inferenceConfig", |o| {
        o.maybe_uint("maxTokens", sampling.max_tokens);
        o.maybe_float("temperature", clamped);
        o.maybe_float("topP", top_p);
        if !stop.is_empty() {
            o.strings("stopSequences", stop);
        }
    });
}
