//! How much the model is told to think, and the limit on tokens that goes with it.

use tollgate_core::ir::{Block, Effort, Losses, Prompt, Protocol, Thought};

use super::arrange::{Conversation, MessageRole};
use crate::codec::{ForcedTool, SMALLEST_BUDGET, Target, Thinks, budget_of, effort_of};
use crate::json::Object;

/// What is said about thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Think {
    mode: Option<Mode>,
    /// The word for `output_config.effort`.
    pub(super) effort: Option<&'static str>,
    /// The word for `thinking.display`.
    display: Option<&'static str>,
    /// The limit on generated tokens.
    pub(super) max_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Disabled,
    Adaptive,
    Budget(u64),
}

impl Think {
    /// Decides by what the client asks for and the model takes.
    pub(super) fn new(
        prompt: &Prompt,
        target: &Target<'_>,
        conversation: &Conversation<'_>,
        is_forced: bool,
        losses: &mut Losses,
    ) -> Self {
        let gates = &target.gates;
        let mut think = match gates.thinks {
            Thinks::Adaptive => adaptive(prompt, target, losses),
            Thinks::BudgetOrAdaptive => match prompt.reasoning.thought {
                Some(Thought::Budget(budget)) => {
                    Self { mode: Some(Mode::Budget(budget)), effort: own_effort(prompt, target), ..Self::default() }
                }
                _ => adaptive(prompt, target, losses),
            },
            Thinks::Budget => by_budget(prompt, target, losses),
            // Somebody else's model behind the protocol: its own clients know what it takes.
            _ if prompt.protocol == Protocol::AnthropicMessages => as_it_came(prompt),
            _ => {
                losses.drop_if(budget_of(&prompt.reasoning).is_some_and(|budget| budget > 0), "reasoning_effort");
                Self::default()
            }
        };
        think.max_tokens = prompt.sampling.max_tokens.unwrap_or(gates.default_max_tokens);
        let by_budget = matches!(think.mode, Some(Mode::Budget(_)));
        let refused = (by_budget && is_forced && gates.forced_tool != ForcedTool::Allowed)
            || (by_budget && lacks_thoughts(conversation))
            || (think.is_on() && ends_with_assistant(conversation));
        if refused {
            losses.drop("reasoning_effort");
            think.mode = None;
        }
        think.fit_budget(prompt, target, losses);
        think.display = if think.is_on() { display(prompt, gates.thinks) } else { None };
        think
    }

    /// Whether the model thinks.
    pub(super) fn is_on(&self) -> bool {
        matches!(self.mode, Some(Mode::Adaptive | Mode::Budget(_)))
    }

    /// The budget must be at least 1024 and below the limit on tokens, which is raised for it as far as the model goes.
    fn fit_budget(&mut self, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
        let Some(Mode::Budget(wanted)) = self.mode else { return };
        let mut budget = wanted.max(SMALLEST_BUDGET);
        if budget >= self.max_tokens {
            let most = self.max_tokens.max(target.gates.default_max_tokens).max(2 * SMALLEST_BUDGET);
            self.max_tokens = budget.saturating_add(self.max_tokens).min(most);
            budget = budget.min(self.max_tokens.saturating_sub(SMALLEST_BUDGET)).max(SMALLEST_BUDGET);
            if prompt.sampling.max_tokens.is_some_and(|asked| asked != self.max_tokens) {
                losses.change("max_tokens");
            }
        }
        if prompt.reasoning.thought.is_some_and(|thought| thought != Thought::Budget(budget)) {
            losses.change("reasoning.budget");
        }
        self.mode = Some(Mode::Budget(budget));
    }

    /// Writes `thinking`.
    pub(super) fn write(&self, o: &mut Object<'_>) {
        let Some(mode) = self.mode else { return };
        o.object("thinking", |o| {
            match mode {
                Mode::Disabled => o.string("type", "disabled"),
                Mode::Adaptive => o.string("type", "adaptive"),
                Mode::Budget(budget) => {
                    o.string("type", "enabled");
                    o.uint("budget_tokens", budget);
                }
            }
            o.maybe_string("display", self.display);
        });
    }
}

/// For models that find out themselves how much to think.
fn adaptive(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Think {
    let reasoning = &prompt.reasoning;
    // In Anthropic's own words the effort is about the whole answer, and says nothing about thinking.
    if prompt.protocol == Protocol::AnthropicMessages && reasoning.thought.is_none() {
        return Think { effort: own_effort(prompt, target), ..Think::default() };
    }
    let effort = match (prompt.protocol, reasoning.thought) {
        (Protocol::AnthropicMessages, Some(Thought::Adaptive)) => reasoning.effort,
        (Protocol::AnthropicMessages, Some(Thought::Disabled)) => {
            let mode = stopped(target, losses);
            return Think { mode: Some(mode), effort: own_effort(prompt, target), ..Think::default() };
        }
        _ => effort_of(reasoning),
    };
    if matches!(reasoning.thought, Some(Thought::Budget(1..))) {
        losses.change("reasoning.budget");
    }
    match effort {
        None if reasoning.thought.is_none() => Think::default(),
        None => Think { mode: Some(Mode::Adaptive), ..Think::default() },
        Some(Effort::None) => {
            let mode = stopped(target, losses);
            let effort = (mode == Mode::Adaptive).then_some("low");
            Think { mode: Some(mode), effort, ..Think::default() }
        }
        Some(effort) => Think { mode: Some(Mode::Adaptive), effort: Some(word(effort, target)), ..Think::default() },
    }
}

fn stopped(target: &Target<'_>, losses: &mut Losses) -> Mode {
    if target.gates.can_stop_thinking {
        return Mode::Disabled;
    }
    losses.change("reasoning_effort");
    Mode::Adaptive
}

/// For models that are given a number of tokens.
fn by_budget(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Think {
    let reasoning = &prompt.reasoning;
    let is_own = prompt.protocol == Protocol::AnthropicMessages;
    let effort = own_effort(prompt, target);
    losses.drop_if(is_own && reasoning.effort.is_some() && effort.is_none(), "reasoning_effort");
    let budget = if is_own && reasoning.thought.is_none() { None } else { budget_of(reasoning) };
    let mode = match budget {
        Some(0) if is_own => Some(Mode::Disabled),
        None | Some(0) => None,
        Some(budget) => Some(Mode::Budget(match reasoning.thought {
            Some(Thought::Budget(_)) => budget,
            _ => budget.min(target.gates.max_budget),
        })),
    };
    Think { mode, effort, ..Think::default() }
}

fn as_it_came(prompt: &Prompt) -> Think {
    let mode = prompt.reasoning.thought.map(|thought| match thought {
        Thought::Disabled => Mode::Disabled,
        Thought::Adaptive => Mode::Adaptive,
        Thought::Budget(budget) => Mode::Budget(budget),
    });
    Think { mode, effort: prompt.reasoning.effort.map(|effort| plain_word(effort, true)), ..Think::default() }
}

/// An effort in Anthropic's own words, for models that know it: those that adapt, and Opus 4.5.
fn own_effort(prompt: &Prompt, target: &Target<'_>) -> Option<&'static str> {
    let is_known = target.gates.thinks != Thinks::Budget || target.model.contains("opus-4-5");
    let effort = prompt
        .reasoning
        .effort
        .filter(|effort| is_known && *effort != Effort::None && prompt.protocol == Protocol::AnthropicMessages)?;
    Some(word(effort, target))
}

fn word(effort: Effort, target: &Target<'_>) -> &'static str {
    plain_word(effort, target.gates.xhigh)
}

fn plain_word(effort: Effort, has_xhigh: bool) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::XHigh if !has_xhigh => "high",
        effort => effort.as_str(),
    }
}

/// Newer models leave their thoughts out unless they are asked for them.
fn display(prompt: &Prompt, thinks: Thinks) -> Option<&'static str> {
    let is_own = prompt.protocol == Protocol::AnthropicMessages;
    let is_known = is_own || matches!(thinks, Thinks::Adaptive | Thinks::BudgetOrAdaptive);
    match prompt.reasoning.include {
        _ if !is_known => None,
        Some(false) => Some("omitted"),
        Some(true) => Some("summarized"),
        None => prompt.reasoning.summary.as_ref().map(|_| "summarized"),
    }
}

/// Whether the conversation is in the middle of calls that were made without thoughts that can be sent: with thinking by
/// budget Anthropic wants the assistant's turn to begin with them.
fn lacks_thoughts(conversation: &Conversation<'_>) -> bool {
    let [.., assistant, user] = &conversation.messages[..] else { return false };
    let has_result = user.items.first().is_some_and(|item| matches!(item.block, Block::ToolResult(_)));
    has_result
        && assistant.role == MessageRole::Assistant
        && !assistant.items.first().is_some_and(|item| matches!(item.block, Block::Thinking(_)))
}

fn ends_with_assistant(conversation: &Conversation<'_>) -> bool {
    conversation.messages.last().is_some_and(|message| message.role == MessageRole::Assistant)
}
