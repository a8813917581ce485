//! How much to think, from one protocol's words into another's.

use tollgate_core::ir::{Effort, Reasoning, Thought};

use super::ModelGates;

/// The largest budget that any model takes.
pub(super) const LARGEST_BUDGET: u64 = 32_768;

/// The smallest budget that Anthropic takes.
pub const SMALLEST_BUDGET: u64 = 1024;

/// Budgets in tokens for efforts. No standard; these are within what existing software uses.
const BUDGETS: [(Effort, u64); 6] = [
    (Effort::Minimal, 1024),
    (Effort::Low, 2048),
    (Effort::Medium, 8192),
    (Effort::High, 24_576),
    (Effort::XHigh, 32_768),
    (Effort::Max, 32_768),
];

/// The budget that a request asks for; `Some(0)` means that it wants no thinking, `None` that it does not say.
#[must_use]
pub fn budget_of(reasoning: &Reasoning) -> Option<u64> {
    match (reasoning.thought, reasoning.effort) {
        (Some(Thought::Disabled), _) => Some(0),
        (Some(Thought::Budget(budget)), _) => Some(budget),
        (_, Some(Effort::None)) => Some(0),
        (_, Some(effort)) => BUDGETS.iter().find(|(known, _)| *known == effort).map(|(_, budget)| *budget),
        (Some(Thought::Adaptive), None) => Some(8192),
        (None, None) => None,
    }
}

/// An effort in a word that a model of OpenAI's knows: gpt-5 and the o-series think in any case, only gpt-5 itself has
/// `minimal`, and only later ones have `none` and `xhigh`.
#[must_use]
pub fn openai_effort(effort: Effort, model: &str, gates: &ModelGates) -> Effort {
    let always_thinks = gates.refuses_sampling || !gates.can_stop_thinking;
    let has_minimal = always_thinks && model.contains("gpt-5");
    match effort {
        Effort::Max | Effort::XHigh if gates.xhigh => Effort::XHigh,
        Effort::Max | Effort::XHigh => Effort::High,
        Effort::None | Effort::Minimal if has_minimal => Effort::Minimal,
        Effort::None if !always_thinks => Effort::None,
        Effort::None | Effort::Minimal => Effort::Low,
        effort => effort,
    }
}

/// Whether the target refuses temperature, penalties and log probabilities in the answer to a request.
#[must_use]
pub fn refuses_sampling(reasoning: &Reasoning, gates: &ModelGates) -> bool {
    let thinks = match effort_of(reasoning) {
        Some(effort) => effort != Effort::None,
        None => gates.thinks_unasked,
    };
    gates.refuses_sampling || (gates.samples_without_thinking && thinks)
}

/// The effort that a request asks for; `None` if it does not say.
#[must_use]
pub fn effort_of(reasoning: &Reasoning) -> Option<Effort> {
    match (reasoning.effort, reasoning.thought) {
        (_, Some(Thought::Disabled)) => Some(Effort::None),
        (Some(effort), _) => Some(effort),
        (None, Some(Thought::Budget(0))) => Some(Effort::None),
        (None, Some(Thought::Budget(budget))) => Some(match budget {
            0..=2048 => Effort::Low,
            2049..16_384 => Effort::Medium,
            _ => Effort::High,
        }),
        (None, Some(Thought::Adaptive)) => Some(Effort::Medium),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model_gates;
    use super::*;

    #[test]
    fn efforts_in_words_that_models_of_openais_know() {
        for (model, none, minimal, max) in [
            ("gpt-5-mini", Effort::Minimal, Effort::Minimal, Effort::High),
            ("o3", Effort::Low, Effort::Low, Effort::High),
            ("gpt-5.1", Effort::None, Effort::Low, Effort::High),
            ("gpt-5.4", Effort::None, Effort::Low, Effort::XHigh),
            ("openai/gpt-oss-120b", Effort::Low, Effort::Low, Effort::High),
        ] {
            let word = |effort| openai_effort(effort, model, &model_gates(model));
            assert_eq!((word(Effort::None), word(Effort::Minimal), word(Effort::Max)), (none, minimal, max), "{model}");
            assert_eq!(word(Effort::Medium), Effort::Medium);
        }
    }

    #[test]
    fn sampling_is_refused_while_a_model_thinks() {
        for (model, unasked, none, high) in [
            ("gpt-5", true, true, true),
            ("gpt-5.1", false, false, true),
            ("gpt-5.6-mini", true, false, true),
            ("gpt-4o", false, false, false),
            ("gpt-oss-20b", false, false, false),
        ] {
            let refuses = |effort| {
                let reasoning = Reasoning { effort, ..Reasoning::default() };
                refuses_sampling(&reasoning, &model_gates(model))
            };
            let told = (refuses(None), refuses(Some(Effort::None)), refuses(Some(Effort::High)));
            assert_eq!(told, (unasked, none, high), "{model}");
        }
    }
}
