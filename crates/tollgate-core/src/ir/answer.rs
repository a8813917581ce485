//! What a model answers.

use super::{Block, Extra};
use crate::Usage;

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Answer {
    /// The provider's id for it.
    pub id: Option<String>,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// When, in seconds since 1970.
    pub created: Option<u64>,
    /// The answers; one, unless more were asked for. Empty where a provider blocked the prompt.
    pub choices: Vec<Choice>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// The class of service that was given, in OpenAI's words.
    pub service_tier: Option<String>,
    /// Members that only one protocol has.
    pub extras: Vec<Extra>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Choice {
    /// What is said.
    pub blocks: Vec<Block>,
    /// Why it ended.
    pub finish: Finish,
    /// Log probabilities as the JSON text of OpenAI's `logprobs`.
    pub logprobs: Option<String>,
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Finish {
    /// The reason.
    pub reason: FinishReason,
    /// The provider's own word, where it says more than the reason does.
    pub native: Option<String>,
    /// The text that stopped it.
    pub stop_sequence: Option<String>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FinishReason {
    /// The model had said what it had to say.
    #[default]
    Stop,
    /// It came to a text at which it was to stop.
    StopSequence,
    /// It came to a limit of tokens.
    Length,
    /// It waits for tools.
    ToolCalls,
    /// It was stopped, or refused to go on.
    ContentFilter,
    /// The provider paused in the middle of its own tools; the turn can be sent back as it is.
    Pause,
}

impl Finish {
    /// An end for a reason.
    #[must_use]
    pub fn new(reason: FinishReason) -> Self {
        Self { reason, native: None, stop_sequence: None }
    }
}

impl Answer {
    /// The first answer's blocks.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        self.choices.first().map(|choice| &choice.blocks[..]).unwrap_or_default()
    }
}
