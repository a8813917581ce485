//! What models can and cannot do, as data. The tables age: a new model is a new row.

use super::reasoning::LARGEST_BUDGET;

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinks {
    /// It does not, or it is not known to.
    Unknown,
    /// By an effort, as OpenAI's models.
    Effort,
    /// By a budget of tokens (Claude before 4.6, Gemini 2.5).
    Budget,
    /// By a budget or adaptively, with an effort (Claude 4.6).
    BudgetOrAdaptive,
    /// Adaptively only, with an effort; a budget is refused (Claude Opus 4.7 and later).
    Adaptive,
    /// By a level (Gemini 3).
    Level,
}

/// What a model can and cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelGates {
    /// How it is told to think.
    pub thinks: Thinks,
    /// Whether temperature, `top_p`, `top_k` and penalties are refused.
    pub refuses_sampling: bool,
    /// Whether they are refused while the model thinks (OpenAI's models from gpt-5.1 on).
    pub samples_without_thinking: bool,
    /// Whether it thinks unless it is told not to.
    pub thinks_unasked: bool,
    /// Whether texts at which to stop are refused.
    pub refuses_stop: bool,
    /// Whether it is refused to be told of calls at once or one by one.
    pub refuses_parallel: bool,
    /// Whether `max_tokens` is refused in favour of `max_completion_tokens`.
    pub refuses_max_tokens: bool,
    /// Whether a forced tool choice is refused together with thinking by budget, or always.
    pub forced_tool: ForcedTool,
    /// Whether it follows a JSON schema of its own accord (Claude 4.5 and later); else a tool stands in.
    pub json_schema: bool,
    /// Whether system texts may stand in the middle of a conversation.
    pub system_anywhere: bool,
    /// Whether a last turn of the assistant (a prefill) is refused.
    pub refuses_prefill: bool,
    /// The limit on generated tokens to send where the client gives none and the protocol demands one.
    pub default_max_tokens: u64,
    /// The most generated tokens that may be asked for, as far as it is known that more are refused.
    pub most_tokens: u64,
    /// Whether `temperature` and `top_p` are refused together.
    pub one_of_temperature_and_top_p: bool,
    /// Whether the effort `xhigh` is known.
    pub xhigh: bool,
    /// Whether thinking can be switched off.
    pub can_stop_thinking: bool,
    /// The largest budget of thinking.
    pub max_budget: u64,
    /// Whether schemas go as they are (Gemini's `parametersJsonSchema`), and not as its OpenAPI subset.
    pub takes_json_schema: bool,
}

/// When a forced tool choice is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedTool {
    /// Never.
    Allowed,
    /// Together with thinking by budget.
    NotWithBudget,
    /// Always.
    Refused,
}

const ANY: ModelGates = ModelGates {
    thinks: Thinks::Unknown,
    refuses_sampling: false,
    samples_without_thinking: false,
    thinks_unasked: false,
    refuses_stop: false,
    refuses_parallel: false,
    refuses_max_tokens: false,
    forced_tool: ForcedTool::Allowed,
    json_schema: true,
    system_anywhere: false,
    refuses_prefill: false,
    default_max_tokens: 4096,
    most_tokens: u64::MAX,
    one_of_temperature_and_top_p: false,
    xhigh: false,
    can_stop_thinking: true,
    max_budget: LARGEST_BUDGET,
    takes_json_schema: true,
};

/// Claude of the third generation.
const CLAUDE_3: ModelGates = ModelGates { json_schema: false, ..ANY };
const CLAUDE_3_5: ModelGates = ModelGates { default_max_tokens: 8192, ..CLAUDE_3 };
const CLAUDE_BUDGET: ModelGates = ModelGates {
    thinks: Thinks::Budget,
    forced_tool: ForcedTool::NotWithBudget,
    default_max_tokens: 32_000,
    ..CLAUDE_3
};
const CLAUDE_4_5: ModelGates =
    ModelGates { json_schema: true, default_max_tokens: 64_000, one_of_temperature_and_top_p: true, ..CLAUDE_BUDGET };
const CLAUDE_4_6: ModelGates = ModelGates {
    thinks: Thinks::BudgetOrAdaptive,
    refuses_prefill: true,
    one_of_temperature_and_top_p: false,
    ..CLAUDE_4_5
};
const CLAUDE_ADAPTIVE: ModelGates = ModelGates {
    thinks: Thinks::Adaptive,
    refuses_sampling: true,
    forced_tool: ForcedTool::Allowed,
    xhigh: true,
    system_anywhere: true,
    ..CLAUDE_4_6
};
const CLAUDE_MYTHOS: ModelGates = ModelGates { forced_tool: ForcedTool::Refused, ..CLAUDE_ADAPTIVE };
const OPENAI_REASONING: ModelGates =
    ModelGates { thinks: Thinks::Effort, refuses_sampling: true, refuses_stop: true, refuses_max_tokens: true, ..ANY };
const OPENAI_O: ModelGates = ModelGates { refuses_parallel: true, ..OPENAI_REASONING };
const GROK_THINKING: ModelGates = ModelGates { refuses_stop: true, ..ANY };
/// From gpt-5.1 on: they need not think.
const OPENAI_5_1: ModelGates =
    ModelGates { refuses_sampling: false, samples_without_thinking: true, ..OPENAI_REASONING };
const OPENAI_5_2: ModelGates = ModelGates { xhigh: true, ..OPENAI_5_1 };
const OPENAI_5_5: ModelGates = ModelGates { thinks_unasked: true, ..OPENAI_5_2 };
const GEMINI_2_5: ModelGates =
    ModelGates { thinks: Thinks::Budget, default_max_tokens: 65_536, max_budget: 24_576, ..ANY };
const GEMINI_2_5_PRO: ModelGates = ModelGates { can_stop_thinking: false, max_budget: 32_768, ..GEMINI_2_5 };
const GEMINI_3: ModelGates = ModelGates { thinks: Thinks::Level, can_stop_thinking: false, ..GEMINI_2_5 };

/// Beginnings of names and what holds for them; the first row that fits wins, so the longer stands before the shorter.
/// A name counts from its family on: `us.anthropic.claude-…` and `vendor/claude-…` are `claude-…`.
const TABLE: &[(&str, ModelGates)] = &[
    ("claude-opus-4-7", CLAUDE_ADAPTIVE),
    ("claude-opus-4-8", CLAUDE_ADAPTIVE),
    ("claude-opus-4-6", CLAUDE_4_6),
    ("claude-sonnet-4-6", CLAUDE_4_6),
    ("claude-opus-4-5", CLAUDE_4_5),
    ("claude-sonnet-4-5", CLAUDE_4_5),
    ("claude-haiku-4-5", CLAUDE_4_5),
    ("claude-opus-4-1", ModelGates { json_schema: true, one_of_temperature_and_top_p: true, ..CLAUDE_BUDGET }),
    ("claude-opus-4", CLAUDE_BUDGET),
    ("claude-sonnet-4", ModelGates { default_max_tokens: 64_000, ..CLAUDE_BUDGET }),
    ("claude-opus-5", CLAUDE_ADAPTIVE),
    ("claude-sonnet-5", CLAUDE_ADAPTIVE),
    ("claude-haiku-5", CLAUDE_ADAPTIVE),
    ("claude-fable", CLAUDE_MYTHOS),
    ("claude-mythos", CLAUDE_MYTHOS),
    ("claude-3-7", CLAUDE_BUDGET),
    ("claude-3-5", CLAUDE_3_5),
    ("claude-3", CLAUDE_3),
    ("claude-2", CLAUDE_3),
    ("claude", CLAUDE_4_6),
    ("gpt-3.5-turbo", ModelGates { most_tokens: 4096, ..ANY }),
    ("gpt-4.1", ModelGates { most_tokens: 32_768, ..ANY }),
    ("gpt-4o", ModelGates { most_tokens: 16_384, ..ANY }),
    ("gpt-4-turbo", ModelGates { most_tokens: 4096, ..ANY }),
    ("gpt-5-chat", ModelGates { most_tokens: 16_384, ..ANY }),
    ("gpt-5.1-codex-max", OPENAI_5_2),
    ("gpt-5.1", OPENAI_5_1),
    ("gpt-5.2", OPENAI_5_2),
    ("gpt-5.3", OPENAI_5_2),
    ("gpt-5.4", OPENAI_5_2),
    ("gpt-5.", OPENAI_5_5),
    ("gpt-5", OPENAI_REASONING),
    ("gpt-6", OPENAI_5_5),
    ("codex", OPENAI_REASONING),
    ("o1", OPENAI_O),
    ("o3", OPENAI_O),
    ("o4", OPENAI_O),
    ("gpt-oss", ModelGates { thinks: Thinks::Effort, can_stop_thinking: false, ..ANY }),
    ("grok-3-mini", ModelGates { thinks: Thinks::Effort, ..GROK_THINKING }),
    ("grok-4.3", ModelGates { thinks: Thinks::Effort, ..GROK_THINKING }),
    ("grok-4-fast-non-reasoning", ANY),
    ("grok-4-1-fast-non-reasoning", ANY),
    ("grok-4", GROK_THINKING),
    ("grok-code", GROK_THINKING),
    ("gemini-3", GEMINI_3),
    ("gemini-2.5-pro", GEMINI_2_5_PRO),
    ("gemini-2.5", GEMINI_2_5),
    ("gemini-1", ModelGates { takes_json_schema: false, default_max_tokens: 8192, ..ANY }),
    ("gemini-2.0", ModelGates { takes_json_schema: false, default_max_tokens: 8192, ..ANY }),
    ("gemini", GEMINI_2_5),
];

/// What is known of a model by its name.
#[must_use]
pub fn model_gates(model: &str) -> ModelGates {
    let name = family_name(model);
    TABLE.iter().find(|(start, _)| starts_with(name, start)).map_or(ANY, |(_, gates)| *gates)
}

/// Whether a model of OpenAI's is offered by Responses only: those for code, deep research and computer use, and the `pro`
/// ones.
#[must_use]
pub fn is_responses_only(model: &str) -> bool {
    let name = family_name(model);
    let is_openai = name.starts_with("gpt-") || name.starts_with("codex") || starts_with_o(name);
    let word = |word: &str| name.split(['-', '.']).any(|part| part == word);
    (is_openai && (word("codex") || word("pro") || name.contains("deep-research")))
        || name.starts_with("computer-use-preview")
}

fn starts_with_o(name: &str) -> bool {
    ["o1", "o3", "o4"].iter().any(|series| starts_with(name, series))
}

/// The name from its family on: without a vendor's path, a region's prefix or a publisher.
fn family_name(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    // By the hyphens behind families, because this is asked for every request, and most names are of none.
    let begins = |dash: usize| {
        let family = ["claude", "gemini", "gpt"].into_iter().find(|family| name[..dash].ends_with(family))?;
        Some(dash - family.len())
    };
    let at = name.match_indices('-').find_map(|(dash, _)| begins(dash));
    at.map_or(name, |at| &name[at..])
}

/// Whether a name begins with a row's; `o1` is `o1` and `o1-mini` but not `o10`.
fn starts_with(name: &str, start: &str) -> bool {
    let Some(rest) = name.strip_prefix(start) else { return false };
    !(start.ends_with(|c: char| c.is_ascii_digit()) && rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_spelling() {
        for (name, thinks) in [
            ("claude-opus-4-7", Thinks::Adaptive),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Thinks::Budget),
            ("anthropic/claude-opus-4-6", Thinks::BudgetOrAdaptive),
            ("claude-sonnet-4@20250514", Thinks::Budget),
            ("claude-3-5-haiku-latest", Thinks::Unknown),
            ("gpt-4o", Thinks::Unknown),
            ("openai/gpt-5-mini", Thinks::Effort),
            ("o3-mini", Thinks::Effort),
            ("o10", Thinks::Unknown),
            ("models/gemini-3-pro-preview", Thinks::Level),
            ("gemini-2.5-flash", Thinks::Budget),
            ("llama-3", Thinks::Unknown),
        ] {
            assert_eq!(model_gates(name).thinks, thinks, "{name}");
        }
        for (name, expect) in [
            ("gpt-5-codex", true),
            ("gpt-5.1-codex-mini", true),
            ("codex-mini-latest", true),
            ("o3-pro", true),
            ("gpt-5-pro-2025-10-06", true),
            ("o4-mini-deep-research", true),
            ("computer-use-preview", true),
            ("gpt-5", false),
            ("gpt-4o-mini", false),
            ("gemini-2.5-pro", false),
            ("other-pro", false),
        ] {
            assert_eq!(is_responses_only(name), expect, "{name}");
        }
        assert!(model_gates("gpt-5").refuses_sampling && !model_gates("gpt-5.1").refuses_sampling);
    }
}
