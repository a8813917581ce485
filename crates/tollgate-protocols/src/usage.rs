//! Token counts in the words of each API, normalised to [`Usage`].
//!
//! The families differ in who includes what: OpenAI's `prompt_tokens` include cached tokens, Anthropic's `input_tokens`
//! do not; Gemini's `candidatesTokenCount` leaves thoughts out, OpenAI's `completion_tokens` holds them, xAI's Chat
//! Completions answers report them beside it.

use serde::Deserialize;
use tollgate_core::Usage;

use crate::lenient::{count, lenient};

/// Reads a usage object in any of the known shapes: OpenAI Chat Completions and Responses, Anthropic, Gemini, Bedrock,
/// Cohere, Ollama. `None` if it holds no count.
#[must_use]
pub fn parse(json: &[u8]) -> Option<Usage> {
    serde_json::from_slice::<Wire>(json).ok().and_then(|wire| wire.normalise())
}

/// The union of the shapes; their names do not collide.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wire {
    // OpenAI Chat Completions, completions, embeddings
    #[serde(deserialize_with = "count")]
    prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    completion_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    prompt_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient")]
    completion_tokens_details: Option<Details>,
    // OpenAI Responses and Anthropic
    #[serde(deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    input_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient")]
    output_tokens_details: Option<Details>,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: Option<u64>,
    // DeepSeek, Moonshot
    #[serde(deserialize_with = "count")]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<u64>,
    // Gemini
    #[serde(rename = "promptTokenCount", deserialize_with = "count")]
    prompt_token_count: Option<u64>,
    #[serde(rename = "candidatesTokenCount", deserialize_with = "count")]
    candidates_token_count: Option<u64>,
    #[serde(rename = "thoughtsTokenCount", deserialize_with = "count")]
    thoughts_token_count: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount", deserialize_with = "count")]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(rename = "cachedContentTokenCount", deserialize_with = "count")]
    cached_content_token_count: Option<u64>,
    // Bedrock
    #[serde(rename = "inputTokens", deserialize_with = "count")]
    bedrock_input: Option<u64>,
    #[serde(rename = "outputTokens", deserialize_with = "count")]
    bedrock_output: Option<u64>,
    #[serde(rename = "cacheReadInputTokens", deserialize_with = "count")]
    bedrock_cache_read: Option<u64>,
    #[serde(rename = "cacheWriteInputTokens", deserialize_with = "count")]
    bedrock_cache_write: Option<u64>,
    // Ollama, in the answer itself
    #[serde(deserialize_with = "count")]
    prompt_eval_count: Option<u64>,
    #[serde(deserialize_with = "count")]
    eval_count: Option<u64>,
    // Cohere
    #[serde(deserialize_with = "lenient")]
    tokens: Option<CohereTokens>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_write_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    audio_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    reasoning_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    thinking_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CohereTokens {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<u64>,
}

impl Wire {
    /// The counts in one convention; `None` if there are none.
    pub(crate) fn normalise(&self) -> Option<Usage> {
        let usage = if self.prompt_token_count.is_some() || self.candidates_token_count.is_some() {
            self.gemini()
        } else if self.bedrock_input.is_some() || self.bedrock_output.is_some() {
            self.bedrock()
        } else if self.prompt_eval_count.is_some() || self.eval_count.is_some() {
            Usage { input: self.prompt_eval_count, output: self.eval_count, ..Usage::default() }
        } else if let Some(tokens) = self.tokens {
            Usage { input: tokens.input_tokens, output: tokens.output_tokens, ..Usage::default() }
        } else if self.prompt_tokens.is_none() && self.is_anthropic() {
            self.anthropic()
        } else {
            self.openai()
        };
        (!usage.is_empty()).then_some(usage)
    }

    fn is_anthropic(&self) -> bool {
        self.cache_read_input_tokens.is_some() || self.cache_creation_input_tokens.is_some()
    }

    fn openai(&self) -> Usage {
        let prompt = self.prompt_tokens_details.as_ref().or(self.input_tokens_details.as_ref());
        let completion = self.completion_tokens_details.as_ref().or(self.output_tokens_details.as_ref());
        let reasoning = completion.and_then(|details| details.reasoning_tokens.or(details.thinking_tokens));
        let input = self.prompt_tokens.or(self.input_tokens);
        Usage {
            input,
            output: self.openai_output(input, reasoning),
            cache_read: prompt
                .and_then(|details| details.cached_tokens)
                .or(self.cached_tokens)
                .or(self.prompt_cache_hit_tokens),
            cache_creation: prompt.and_then(|details| details.cache_write_tokens),
            reasoning,
            audio_input: prompt.and_then(|details| details.audio_tokens),
            audio_output: completion.and_then(|details| details.audio_tokens),
            estimated: false,
        }
    }

    /// Whether reasoning is outside `completion_tokens` shows in the total: it adds up only with the reasoning counted.
    fn openai_output(&self, input: Option<u64>, reasoning: Option<u64>) -> Option<u64> {
        let output = self.completion_tokens.or(self.output_tokens)?;
        let with_reasoning = output.saturating_add(reasoning.unwrap_or(0));
        let adds_up_only_with = self.total_tokens.is_some_and(|total| {
            let input = input.unwrap_or(0);
            total != input.saturating_add(output) && total == input.saturating_add(with_reasoning)
        });
        Some(if adds_up_only_with { with_reasoning } else { output })
    }

    fn anthropic(&self) -> Usage {
        let cached = self.cache_read_input_tokens.unwrap_or(0) + self.cache_creation_input_tokens.unwrap_or(0);
        Usage {
            input: self.input_tokens.map(|input| input.saturating_add(cached)),
            output: self.output_tokens,
            cache_read: self.cache_read_input_tokens,
            cache_creation: self.cache_creation_input_tokens,
            reasoning: self.output_tokens_details.as_ref().and_then(|details| details.thinking_tokens),
            ..Usage::default()
        }
    }

    fn gemini(&self) -> Usage {
        Usage {
            input: self.prompt_token_count.map(|input| input + self.tool_use_prompt_token_count.unwrap_or(0)),
            output: match (self.candidates_token_count, self.thoughts_token_count) {
                (None, None) => None,
                (candidates, thoughts) => Some(candidates.unwrap_or(0) + thoughts.unwrap_or(0)),
            },
            cache_read: self.cached_content_token_count,
            reasoning: self.thoughts_token_count,
            ..Usage::default()
        }
    }

    fn bedrock(&self) -> Usage {
        let cached = self.bedrock_cache_read.unwrap_or(0) + self.bedrock_cache_write.unwrap_or(0);
        Usage {
            input: self.bedrock_input.map(|input| input.saturating_add(cached)),
            output: self.bedrock_output,
            cache_read: self.bedrock_cache_read,
            cache_creation: self.bedrock_cache_write,
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, input: u64, output: u64, cache_read: Option<u64>, reasoning: Option<u64>) {
        let usage = parse(json.as_bytes()).unwrap();
        assert_eq!((usage.input, usage.output), (Some(input), Some(output)), "{json}");
        assert_eq!((usage.cache_read, usage.reasoning), (cache_read, reasoning), "{json}");
    }

    #[test]
    fn every_family() {
        check(r#"{"prompt_tokens":21,"completion_tokens":1,"total_tokens":22}"#, 21, 1, None, None);
        check(
            r#"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"prompt_tokens_details":{"cached_tokens":11},
                "completion_tokens_details":{"reasoning_tokens":290}}"#,
            12,
            291,
            Some(11),
            Some(290),
        );
        check(
            r#"{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":1000,"output_tokens":50}"#,
            1210,
            50,
            Some(1000),
            None,
        );
        check(
            r#"{"inputTokens":10,"outputTokens":50,"totalTokens":1260,"cacheReadInputTokens":1000,"cacheWriteInputTokens":200}"#,
            1210,
            50,
            Some(1000),
            None,
        );
        check(
            r#"{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":20,"thoughtsTokenCount":300,
                "toolUsePromptTokenCount":5,"totalTokenCount":425}"#,
            105,
            320,
            Some(60),
            Some(300),
        );
        check(r#"{"prompt_tokens":5.0,"completion_tokens":0}"#, 5, 0, None, None);
        check(r#"{"prompt_eval_count":5,"eval_count":7}"#, 5, 7, None, None);
        check(r#"{"tokens":{"input_tokens":5,"output_tokens":7}}"#, 5, 7, None, None);
    }

    #[test]
    fn nothing_known_is_none() {
        for json in ["{}", "null", "[]", r#"{"prompt_tokens":"many"}"#, r#"{"prompt_tokens":-1}"#, "nonsense"] {
            assert_eq!(parse(json.as_bytes()), None, "{json}");
        }
    }
}
