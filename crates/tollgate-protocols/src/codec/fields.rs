//! What clients call the fields that a translation could not carry.

use std::borrow::Cow;

use tollgate_core::ir::Protocol;

/// A row: the field as losses name it, and its name in Responses, Messages, Gemini and Ollama; empty where that is the same.
type Row = (&'static str, [&'static str; 4]);

const FIELDS: &[Row] = &[
    ("max_tokens", ["max_output_tokens", "", "generationConfig.maxOutputTokens", "options.num_predict"]),
    ("temperature", ["", "", "generationConfig.temperature", "options.temperature"]),
    ("top_p", ["", "", "generationConfig.topP", "options.top_p"]),
    ("top_k", ["", "", "generationConfig.topK", "options.top_k"]),
    ("min_p", ["", "", "", "options.min_p"]),
    ("presence_penalty", ["", "", "generationConfig.presencePenalty", "options.presence_penalty"]),
    ("frequency_penalty", ["", "", "generationConfig.frequencyPenalty", "options.frequency_penalty"]),
    ("repetition_penalty", ["", "", "", "options.repeat_penalty"]),
    ("stop", ["", "stop_sequences", "generationConfig.stopSequences", "options.stop"]),
    ("seed", ["", "", "generationConfig.seed", "options.seed"]),
    ("n", ["", "", "generationConfig.candidateCount", ""]),
    ("logprobs", ["include", "", "generationConfig.responseLogprobs", ""]),
    ("top_logprobs", ["", "", "generationConfig.logprobs", ""]),
    ("user", ["", "metadata.user_id", "", ""]),
    ("metadata", ["", "", "labels", ""]),
    ("service_tier", ["", "", "serviceTier", ""]),
    ("verbosity", ["text.verbosity", "", "", ""]),
    ("parallel_tool_calls", ["", "tool_choice.disable_parallel_tool_use", "", ""]),
    ("tool_choice", ["", "", "toolConfig.functionCallingConfig", ""]),
    ("response_format", ["text.format", "output_config.format", "generationConfig.responseJsonSchema", "format"]),
    ("response_format.strict", ["text.format.strict", "", "", ""]),
    ("reasoning_effort", ["reasoning.effort", "thinking", "generationConfig.thinkingConfig", "think"]),
    (
        "reasoning.budget",
        ["reasoning.effort", "thinking.budget_tokens", "generationConfig.thinkingConfig.thinkingBudget", "think"],
    ),
    ("reasoning.summary", ["", "thinking.display", "generationConfig.thinkingConfig.includeThoughts", ""]),
];

/// The name by which a protocol's clients know a field. Extra members, and fields that all protocols call the same, keep
/// their name.
#[must_use]
pub fn field_name<'a>(protocol: Protocol, field: &'a str) -> Cow<'a, str> {
    let column = match protocol {
        Protocol::OpenAiResponses => 0,
        Protocol::AnthropicMessages => 1,
        Protocol::GeminiGenerate => 2,
        Protocol::OllamaChat => 3,
        _ => return Cow::Borrowed(field),
    };
    let known = FIELDS.iter().find(|(name, _)| *name == field).map(|(_, names)| names[column]);
    Cow::Borrowed(known.filter(|name| !name.is_empty()).unwrap_or(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_reads_its_own_names() {
        for (protocol, expect) in [
            (Protocol::OpenAiChat, "stop"),
            (Protocol::OpenAiResponses, "stop"),
            (Protocol::AnthropicMessages, "stop_sequences"),
            (Protocol::GeminiGenerate, "generationConfig.stopSequences"),
            (Protocol::OllamaChat, "options.stop"),
        ] {
            assert_eq!(field_name(protocol, "stop"), expect);
            assert_eq!(field_name(protocol, "container"), "container");
        }
    }
}
