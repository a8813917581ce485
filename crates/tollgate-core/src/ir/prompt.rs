//! What is asked of a model.

use super::{Block, Protocol, Tool, ToolChoice};

/// A request for an answer: a conversation so far, tools and settings. Every setting is optional; absent means that the
/// client did not say, and the provider's default holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The protocol that it came by. [`Extra`]s are in its words.
    pub protocol: Protocol,
    /// The model as the client named it; empty where the protocol has it elsewhere.
    pub model: String,
    /// The conversation so far, oldest first. System texts are turns like others, usually the first ones.
    pub turns: Vec<Turn>,
    /// Whether the first turn is what Responses calls `instructions`, and not an item of its input.
    pub instructions: bool,
    /// The tools that may be called.
    pub tools: Vec<Tool>,
    /// Which of them.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several may be called at once.
    pub parallel_tool_calls: Option<bool>,
    /// The form of the answer.
    pub format: Option<Format>,
    /// Thinking before answering.
    pub reasoning: Reasoning,
    /// How tokens are chosen, and when to stop.
    pub sampling: Sampling,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the client asked for the usage at the end of the stream, in protocols where it must.
    pub stream_usage: bool,
    /// Who the client's user is.
    pub user: Option<String>,
    /// Labels, as the JSON text of an object.
    pub metadata: Option<String>,
    /// Whether the provider should keep the answer.
    pub store: Option<bool>,
    /// The class of service in OpenAI's words: `auto`, `default`, `flex`, `priority`.
    pub service_tier: Option<String>,
    /// How wordy the answer should be: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// A key for prompts that share a prefix (OpenAI's `prompt_cache_key`).
    pub prompt_cache_key: Option<String>,
    /// Members that the codec does not know, or that mean something to one provider only.
    pub extras: Vec<Extra>,
}

/// One speaker's part of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub blocks: Vec<Block>,
    /// The participant's name (OpenAI's `name`).
    pub name: Option<String>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Whoever runs the application.
    System,
    /// The same, in the words of OpenAI's newer models.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// Tools. Holds [`Block::ToolResult`]s; codecs whose protocol has results in the user's turn may use [`Role::User`]
    /// as well.
    Tool,
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// The schema's name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The JSON Schema as JSON text.
        schema: String,
        /// Whether it must be followed exactly.
        strict: Option<bool>,
    },
}

/// Thinking before answering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// How much, in OpenAI's words.
    pub effort: Option<Effort>,
    /// How much, as Anthropic and Gemini say it.
    pub thought: Option<Thought>,
    /// Whether to show a summary, in the words of Responses: `auto`, `concise`, `detailed`.
    pub summary: Option<String>,
    /// Whether thoughts should be in the answer (Gemini's `includeThoughts`, Anthropic's `display`).
    pub include: Option<bool>,
}

/// How much to think, as a switch or a number of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thought {
    /// Not at all.
    Disabled,
    /// As much as the model finds right.
    Adaptive,
    /// At most so many tokens.
    Budget(u64),
}

/// How much to think, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// As much as possible.
    Max,
}

/// How tokens are chosen, and when to stop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The most tokens to generate.
    pub max_tokens: Option<u64>,
    /// Randomness, 0 to 2 in most protocols.
    pub temperature: Option<f64>,
    /// Nucleus sampling: the share of probability to choose from.
    pub top_p: Option<f64>,
    /// How many tokens to choose from.
    pub top_k: Option<u64>,
    /// The least probability relative to the most probable token.
    pub min_p: Option<f64>,
    /// Penalty for tokens that occurred, -2 to 2.
    pub presence_penalty: Option<f64>,
    /// Penalty for tokens by how often they occurred, -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// Factor against repetition.
    pub repetition_penalty: Option<f64>,
    /// Bias by token as the JSON text of an object.
    pub logit_bias: Option<String>,
    /// Texts at which to stop.
    pub stop: Vec<String>,
    /// A seed for repeatable answers.
    pub seed: Option<i64>,
    /// How many answers.
    pub n: Option<u64>,
    /// Whether to give the log probabilities of the answer's tokens.
    pub logprobs: Option<bool>,
    /// Of how many alternatives to give them too.
    pub top_logprobs: Option<u64>,
}

/// A member that the codec does not know, or that means something to one provider only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Extra {
    /// Its name, with a path where it is nested: `generationConfig.speechConfig`.
    pub name: String,
    /// Its value as JSON text.
    pub json: String,
}

// === impl Prompt ===

impl Prompt {
    /// An empty prompt of a protocol.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            model: String::new(),
            turns: Vec::new(),
            instructions: false,
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            format: None,
            reasoning: Reasoning::default(),
            sampling: Sampling::default(),
            stream: false,
            stream_usage: false,
            user: None,
            metadata: None,
            store: None,
            service_tier: None,
            verbosity: None,
            prompt_cache_key: None,
            extras: Vec::new(),
        }
    }

    /// The JSON text of an extra member.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.extras.iter().find(|extra| extra.name == name).map(|extra| &*extra.json)
    }
}

impl Turn {
    /// A turn of one speaker.
    #[must_use]
    pub fn new(role: Role, blocks: Vec<Block>) -> Self {
        Self { role, blocks, name: None }
    }
}

impl Effort {
    /// OpenAI's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort that a word stands for, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        const ALL: [Effort; 7] =
            [Effort::None, Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];
        ALL.into_iter().find(|effort| effort.as_str().eq_ignore_ascii_case(word))
    }
}
