//! In what servers differ that speak one protocol, as data.

/// In what a provider differs from its protocol's owner. Most flags are about servers that speak Chat Completions; the
/// facts are from the providers' descriptions and from recorded traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The field for the limit on generated tokens.
    pub max_tokens: MaxTokensField,
    /// Whether members that OpenAI does not know are refused, so that none may be passed on.
    pub refuses_unknown: bool,
    /// Whether the role `developer` is known; where it is not, `system` is sent.
    pub developer_role: bool,
    /// Whether text content must be a string and not a list of parts.
    pub content_string_only: bool,
    /// Whether `response_format: json_schema` is known; where it is not, `json_object` is sent.
    pub json_schema: bool,
    /// Whether `parallel_tool_calls` is known.
    pub parallel_tool_calls: bool,
    /// Whether penalties are known.
    pub penalties: bool,
    /// Whether `logprobs` and `top_logprobs` are known.
    pub logprobs: bool,
    /// Whether `logit_bias` is known.
    pub logit_bias: bool,
    /// Whether `n` above 1 is known.
    pub n: bool,
    /// Whether `stop` is known.
    pub stop: bool,
    /// Whether tools are known.
    pub tools: bool,
    /// Whether `top_k`, `min_p` and `repetition_penalty` are known.
    pub top_k: bool,
    /// Whether `store`, `metadata`, `service_tier`, `verbosity`, `prediction` and their kin are known.
    pub platform: bool,
    /// Whether `stream_options.include_usage` may be asked for.
    pub stream_usage: bool,
    /// The field for the seed.
    pub seed_field: &'static str,
    /// The word for a tool choice of at least one.
    pub required_word: &'static str,
    /// The form that ids of tool calls must have.
    pub tool_ids: ToolIds,
    /// The field that thoughts are sent back in.
    pub reasoning_field: ReasoningField,
    /// Which thoughts must be sent back.
    pub reasoning_replay: ReasoningReplay,
    /// How much to think is said by `reasoning_effort`; where it is not known, it is left out.
    pub reasoning_effort: bool,
    /// Whether `reasoning_effort` is refused for models that do not think, so that it goes to those only that are known to.
    pub effort_of_known: bool,
    /// Whether a stream ends without `[DONE]`, so that the connection's end after a finish is a good end.
    pub ends_without_done: bool,
    /// Whether prompt cache breakpoints (`cache_control` in content parts) are understood.
    pub cache_control: bool,
}

/// The field for the limit on generated tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_completion_tokens`, as OpenAI wants it.
    Completion,
    /// `max_tokens`, which nearly everybody else understands.
    Plain,
    /// Either; `max_tokens` is preferred.
    Both,
}

/// The form that ids of tool calls must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolIds {
    /// Anything.
    Any,
    /// Exactly nine letters or digits (Mistral).
    NineAlphanumerics,
}

/// The field in which thoughts are sent back to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningField {
    /// `reasoning_content`.
    ReasoningContent,
    /// `reasoning`.
    Reasoning,
    /// `reasoning_details`, with signatures, as OpenRouter has them.
    Details,
    /// Content parts of type `thinking` (Mistral).
    ContentParts,
}

/// Which thoughts a server wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningReplay {
    /// None; it may refuse them.
    None,
    /// Those of turns with tool calls.
    ToolTurns,
    /// All.
    All,
}

impl Dialect {
    /// OpenAI itself.
    pub const OPENAI: Self = Self {
        max_tokens: MaxTokensField::Completion,
        refuses_unknown: true,
        developer_role: true,
        content_string_only: false,
        json_schema: true,
        parallel_tool_calls: true,
        penalties: true,
        logprobs: true,
        logit_bias: true,
        n: true,
        stop: true,
        tools: true,
        top_k: false,
        platform: true,
        stream_usage: true,
        seed_field: "seed",
        required_word: "required",
        tool_ids: ToolIds::Any,
        reasoning_field: ReasoningField::ReasoningContent,
        reasoning_replay: ReasoningReplay::None,
        reasoning_effort: true,
        effort_of_known: true,
        ends_without_done: false,
        cache_control: false,
    };

    /// Any server that is like OpenAI's and more forgiving.
    pub const GENERIC: Self = Self {
        max_tokens: MaxTokensField::Plain,
        refuses_unknown: false,
        developer_role: false,
        effort_of_known: false,
        top_k: true,
        platform: false,
        ..Self::OPENAI
    };

    /// DeepSeek, whose thinking models want their thoughts back.
    pub const DEEPSEEK: Self = Self {
        content_string_only: true,
        json_schema: false,
        top_k: false,
        reasoning_replay: ReasoningReplay::ToolTurns,
        ..Self::GENERIC
    };

    /// Mistral, which refuses what it does not know.
    pub const MISTRAL: Self = Self {
        refuses_unknown: true,
        effort_of_known: true,
        logprobs: false,
        logit_bias: false,
        top_k: false,
        stream_usage: false,
        seed_field: "random_seed",
        required_word: "any",
        tool_ids: ToolIds::NineAlphanumerics,
        reasoning_field: ReasoningField::ContentParts,
        reasoning_replay: ReasoningReplay::All,
        ..Self::GENERIC
    };

    /// Groq.
    pub const GROQ: Self = Self {
        max_tokens: MaxTokensField::Completion,
        logprobs: false,
        logit_bias: false,
        n: false,
        effort_of_known: true,
        top_k: false,
        reasoning_field: ReasoningField::Reasoning,
        ..Self::GENERIC
    };

    /// xAI.
    pub const XAI: Self = Self {
        effort_of_known: true,
        penalties: false,
        logit_bias: false,
        top_k: false,
        max_tokens: MaxTokensField::Completion,
        ..Self::GENERIC
    };

    /// OpenRouter, which hands on signatures and cache breakpoints.
    pub const OPENROUTER: Self = Self {
        reasoning_field: ReasoningField::Details,
        reasoning_replay: ReasoningReplay::All,
        cache_control: true,
        developer_role: true,
        max_tokens: MaxTokensField::Both,
        ..Self::GENERIC
    };

    /// Perplexity, whose streams end without `[DONE]`.
    pub const PERPLEXITY: Self = Self {
        logit_bias: false,
        logprobs: false,
        n: false,
        stop: false,
        tools: false,
        stream_usage: false,
        ends_without_done: true,
        ..Self::GENERIC
    };

    /// Cerebras.
    pub const CEREBRAS: Self = Self {
        effort_of_known: true,
        penalties: false,
        logit_bias: false,
        top_k: false,
        max_tokens: MaxTokensField::Completion,
        reasoning_field: ReasoningField::Reasoning,
        ..Self::GENERIC
    };

    /// vLLM, SGLang and their kin.
    pub const VLLM: Self = Self { reasoning_field: ReasoningField::Reasoning, ..Self::GENERIC };
}
