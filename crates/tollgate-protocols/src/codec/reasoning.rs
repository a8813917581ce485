//! How much to think, from one protocol's words into another's.

use tollgate_core::ir::{Effort, Reasoning, Thought};

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
