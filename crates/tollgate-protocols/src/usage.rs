//! Token counts in the words of each API, normalised to [`Usage`].
//!
//! The families differ in who includes what: OpenAI's `prompt_tokens` include cached tokens, Anthropic's `input_tokens`
//! do not; Gemini's `candidatesTokenCount` leaves thoughts out, OpenAI's `completion_tokens` holds them, xAI's Chat
//! Completions answers report them beside it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tollgate_core::{NanoUsd, Usage};

use crate::billing::{self, Billing};
use crate::json::{self, Fault, Scanner};

/// Reads a usage object in any of the known shapes: OpenAI Chat Completions and Responses, Anthropic, Gemini, Bedrock,
/// Cohere, Ollama. `None` if it holds no count.
#[must_use]
pub fn parse(json: &[u8]) -> Option<Usage> {
    Wire::read(json).and_then(|wire| wire.normalise())
}

/// The union of the shapes; their names do not collide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    // OpenAI Chat Completions, completions, embeddings
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    // OpenAI Responses and Anthropic
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    /// `prompt_tokens_details` or `input_tokens_details`
    input_details: Details,
    /// `completion_tokens_details` or `output_tokens_details`
    output_details: Details,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
    web_search_requests: Option<u64>,
    // DeepSeek, Moonshot
    prompt_cache_hit_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    // Gemini
    prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    /// `promptTokensDetails`
    prompt_modalities: Modalities,
    /// `candidatesTokensDetails`
    candidates_modalities: Modalities,
    // Bedrock
    bedrock_input: Option<u64>,
    bedrock_output: Option<u64>,
    bedrock_cache_read: Option<u64>,
    bedrock_cache_write: Option<u64>,
    /// `cacheDetails`
    bedrock_cache_write_1h: Option<u64>,
    // Ollama, in the answer itself
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    // Cohere
    cohere_input: Option<u64>,
    cohere_output: Option<u64>,
    billed_input: Option<u64>,
    billed_output: Option<u64>,
    search_units: Option<u64>,
    // What it cost: OpenRouter, xAI, Perplexity
    cost: Option<NanoUsd>,
    /// What OpenRouter says that it cost at a provider whose key is the user's own.
    upstream_cost: Option<NanoUsd>,
    is_own_key: bool,
    service_tier: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Details {
    cached: Option<u64>,
    cache_write: Option<u64>,
    audio: Option<u64>,
    image: Option<u64>,
    reasoning: Option<u64>,
    thinking: Option<u64>,
}

/// Gemini's counts by modality, as far as they are charged apart.
#[derive(Clone, Copy, Debug, Default)]
struct Modalities {
    audio: Option<u64>,
    image: Option<u64>,
}

/// How deep a usage object is nested at most; deeper parts are nobody's counts.
const MAX_DEPTH: usize = 32;

impl Wire {
    /// Reads the members that are known and of the right type. Written by hand because it runs for every answer, where a
    /// derived reader that forgives odd types costs more than the rest of the answer's handling.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        Self::read_at(json, &mut Scanner::new(json, MAX_DEPTH).ok()?).ok()?
    }

    /// Reads the value that a scanner of `json` has come to; `None` if that is no object.
    pub(crate) fn read_at(json: &[u8], scanner: &mut Scanner<'_>) -> Result<Option<Self>, Fault> {
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Ok(None);
        }
        let mut wire = Self::default();
        scanner.object(|scanner, key| wire.member(json, scanner, &key.name()))?;
        Ok(Some(wire))
    }

    fn member(&mut self, json: &[u8], scanner: &mut Scanner<'_>, name: &[u8]) -> Result<(), Fault> {
        if scanner.peek() == Some(b'{') {
            return self.nested(json, scanner, name);
        }
        let value = &json[scanner.value()?];
        if self.of_billing(name, value) {
            return Ok(());
        }
        let field = match name {
            b"prompt_tokens" => &mut self.prompt_tokens,
            b"completion_tokens" => &mut self.completion_tokens,
            b"total_tokens" => &mut self.total_tokens,
            b"input_tokens" => &mut self.input_tokens,
            b"output_tokens" => &mut self.output_tokens,
            b"cache_read_input_tokens" => &mut self.cache_read_input_tokens,
            b"cache_creation_input_tokens" => &mut self.cache_creation_input_tokens,
            b"prompt_cache_hit_tokens" => &mut self.prompt_cache_hit_tokens,
            b"cached_tokens" => &mut self.cached_tokens,
            b"promptTokenCount" => &mut self.prompt_token_count,
            b"candidatesTokenCount" => &mut self.candidates_token_count,
            b"thoughtsTokenCount" => &mut self.thoughts_token_count,
            b"toolUsePromptTokenCount" => &mut self.tool_use_prompt_token_count,
            b"cachedContentTokenCount" => &mut self.cached_content_token_count,
            b"inputTokens" => &mut self.bedrock_input,
            b"outputTokens" => &mut self.bedrock_output,
            b"cacheReadInputTokens" => &mut self.bedrock_cache_read,
            b"cacheWriteInputTokens" => &mut self.bedrock_cache_write,
            b"prompt_eval_count" => &mut self.prompt_eval_count,
            b"eval_count" => &mut self.eval_count,
            _ => return Ok(()),
        };
        *field = count(value);
        Ok(())
    }

    /// Takes a member that is no count of tokens; whether it is one of those.
    fn of_billing(&mut self, name: &[u8], value: &[u8]) -> bool {
        match name {
            b"cost" => self.cost = billing::dollars(value),
            // A tick is a ten-billionth of a dollar.
            b"cost_in_usd_ticks" => self.cost = count(value).map(|ticks| NanoUsd(ticks.saturating_add(5) / 10)),
            b"is_byok" => self.is_own_key = value == b"true",
            b"service_tier" | b"serviceTier" => self.service_tier = json::decode(value),
            b"cacheDetails" => self.bedrock_cache_write_1h = written_for_an_hour(value),
            b"promptTokensDetails" => self.prompt_modalities = Modalities::read(value),
            b"candidatesTokensDetails" => self.candidates_modalities = Modalities::read(value),
            _ => return false,
        }
        true
    }

    fn nested(&mut self, json: &[u8], scanner: &mut Scanner<'_>, name: &[u8]) -> Result<(), Fault> {
        if matches!(name, b"cost" | b"cost_details") {
            scanner.object(|scanner, key| {
                let amount = billing::dollars(&json[scanner.value()?]);
                match &*key.name() {
                    b"total_cost" => self.cost = amount,
                    b"upstream_inference_cost" => self.upstream_cost = amount,
                    _ => {}
                }
                Ok(())
            })?;
            return Ok(());
        }
        let mut counts = |take: &mut dyn FnMut(&[u8], Option<u64>)| {
            scanner.object(|scanner, key| {
                let span = scanner.value()?;
                take(&key.name(), count(&json[span]));
                Ok(())
            })
        };
        match name {
            b"prompt_tokens_details" | b"input_tokens_details" => {
                counts(&mut |name, value| self.input_details.set(name, value))?;
            }
            b"completion_tokens_details" | b"output_tokens_details" => {
                counts(&mut |name, value| self.output_details.set(name, value))?;
            }
            b"tokens" => {
                counts(&mut |name, value| match name {
                    b"input_tokens" => self.cohere_input = value,
                    b"output_tokens" => self.cohere_output = value,
                    _ => {}
                })?;
            }
            // What is paid for, where nothing else is said.
            b"billed_units" => {
                counts(&mut |name, value| match name {
                    b"input_tokens" => self.billed_input = value,
                    b"output_tokens" => self.billed_output = value,
                    b"search_units" => self.search_units = value,
                    _ => {}
                })?;
            }
            b"cache_creation" => {
                counts(&mut |name, value| {
                    if name == b"ephemeral_1h_input_tokens" {
                        self.ephemeral_1h_input_tokens = value;
                    }
                })?;
            }
            b"server_tool_use" => {
                counts(&mut |name, value| {
                    if name == b"web_search_requests" {
                        self.web_search_requests = value;
                    }
                })?;
            }
            _ => {
                scanner.value()?;
            }
        }
        Ok(())
    }
}

impl Details {
    fn set(&mut self, name: &[u8], value: Option<u64>) {
        match name {
            b"cached_tokens" => self.cached = value,
            b"cache_write_tokens" => self.cache_write = value,
            b"audio_tokens" => self.audio = value,
            b"image_tokens" => self.image = value,
            b"reasoning_tokens" => self.reasoning = value,
            b"thinking_tokens" => self.thinking = value,
            _ => {}
        }
    }
}

impl Modalities {
    /// Reads a list of `{"modality": "AUDIO", "tokenCount": 7}`. The scanner has no lists, and only Google has such a one.
    fn read(value: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Detail<'a> {
            #[serde(borrow)]
            modality: std::borrow::Cow<'a, str>,
            #[serde(rename = "tokenCount")]
            tokens: Option<u64>,
        }
        let details: Vec<Detail<'_>> = serde_json::from_slice(value).unwrap_or_default();
        let of = |modality| details.iter().find(|detail| detail.modality == modality).and_then(|detail| detail.tokens);
        Self { audio: of("AUDIO"), image: of("IMAGE") }
    }
}

/// Bedrock's tokens written to a cache for an hour, of a list of `{"ttl": "1h", "inputTokens": 7}`.
fn written_for_an_hour(value: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Detail<'a> {
        #[serde(borrow)]
        ttl: std::borrow::Cow<'a, str>,
        #[serde(rename = "inputTokens")]
        tokens: u64,
    }
    let details: Vec<Detail<'_>> = serde_json::from_slice(value).ok()?;
    details.iter().find(|detail| detail.ttl == "1h").map(|detail| detail.tokens)
}

/// Two counts together. They are what a provider says, so they may be anything.
fn sum(a: Option<u64>, b: Option<u64>) -> u64 {
    a.unwrap_or(0).saturating_add(b.unwrap_or(0))
}

/// A count; servers in Python and JavaScript write some of them as `12.0`.
fn count(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().or_else(|| {
        let float: f64 = text.parse().ok()?;
        let is_whole = float.fract() == 0.0 && (0.0..9e15).contains(&float);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and in the range of doubles"
        )]
        is_whole.then_some(float as u64)
    })
}

impl<'de> Deserialize<'de> for Wire {
    /// For use as a field of something that serde reads.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Self::read(raw.get().as_bytes()).ok_or_else(|| D::Error::custom("not a usage object"))
    }
}

impl Wire {
    /// What the provider says of what it charges.
    pub(crate) fn billing(&self) -> Billing {
        // With a key of the user's own, OpenRouter's cost is its fee alone.
        let upstream = self.upstream_cost.filter(|_| self.is_own_key).unwrap_or_default();
        Billing {
            service_tier: self.service_tier.as_deref().map(Into::into),
            reported_cost: self.cost.map(|cost| cost.saturating_add(upstream)),
        }
    }

    /// The counts in one convention; `None` if there are none.
    pub(crate) fn normalise(&self) -> Option<Usage> {
        let mut usage = if self.prompt_token_count.is_some() || self.candidates_token_count.is_some() {
            self.gemini()
        } else if self.bedrock_input.is_some() || self.bedrock_output.is_some() {
            self.bedrock()
        } else if self.prompt_eval_count.is_some() || self.eval_count.is_some() {
            Usage { input: self.prompt_eval_count, output: self.eval_count, ..Usage::default() }
        } else if self.cohere_input.is_some() || self.cohere_output.is_some() {
            let cache_read = self.cached_tokens;
            Usage { input: self.cohere_input, output: self.cohere_output, cache_read, ..Usage::default() }
        } else if self.billed_input.is_some() || self.billed_output.is_some() {
            Usage { input: self.billed_input, output: self.billed_output, ..Usage::default() }
        } else if self.prompt_tokens.is_none() && self.is_anthropic() {
            self.anthropic()
        } else {
            self.openai()
        };
        usage.searches = self.web_search_requests.or(self.search_units);
        (!usage.is_empty()).then_some(usage)
    }

    fn is_anthropic(&self) -> bool {
        self.cache_read_input_tokens.is_some() || self.cache_creation_input_tokens.is_some()
    }

    fn openai(&self) -> Usage {
        let reasoning = self.output_details.reasoning.or(self.output_details.thinking);
        // Some embeddings have nothing but a total.
        let is_total_only = self.completion_tokens.is_none() && self.output_tokens.is_none();
        let total = self.total_tokens.filter(|_| is_total_only);
        let input = self.prompt_tokens.or(self.input_tokens).or(total);
        Usage {
            input,
            output: self.openai_output(input, reasoning),
            cache_read: self.input_details.cached.or(self.cached_tokens).or(self.prompt_cache_hit_tokens),
            cache_creation: self.input_details.cache_write,
            reasoning,
            audio_input: self.input_details.audio,
            audio_output: self.output_details.audio,
            image_input: self.input_details.image,
            image_output: self.output_details.image,
            ..Usage::default()
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
        let cached = sum(self.cache_read_input_tokens, self.cache_creation_input_tokens);
        Usage {
            input: self.input_tokens.map(|input| input.saturating_add(cached)),
            output: self.output_tokens,
            cache_read: self.cache_read_input_tokens,
            cache_creation: self.cache_creation_input_tokens,
            cache_creation_1h: self.ephemeral_1h_input_tokens,
            reasoning: self.output_details.thinking,
            ..Usage::default()
        }
    }

    fn gemini(&self) -> Usage {
        Usage {
            input: self.prompt_token_count.map(|input| sum(Some(input), self.tool_use_prompt_token_count)),
            output: match (self.candidates_token_count, self.thoughts_token_count) {
                (None, None) => None,
                (candidates, thoughts) => Some(sum(candidates, thoughts)),
            },
            cache_read: self.cached_content_token_count,
            reasoning: self.thoughts_token_count,
            audio_input: self.prompt_modalities.audio,
            audio_output: self.candidates_modalities.audio,
            image_input: self.prompt_modalities.image,
            image_output: self.candidates_modalities.image,
            ..Usage::default()
        }
    }

    fn bedrock(&self) -> Usage {
        let cached = sum(self.bedrock_cache_read, self.bedrock_cache_write);
        Usage {
            input: self.bedrock_input.map(|input| input.saturating_add(cached)),
            output: self.bedrock_output,
            cache_read: self.bedrock_cache_read,
            cache_creation: self.bedrock_cache_write,
            cache_creation_1h: self.bedrock_cache_write_1h,
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
        check(r#"{"billed_units":{"input_tokens":3,"output_tokens":7}}"#, 3, 7, None, None);
        check(
            r#"{"billed_units":{"input_tokens":3,"output_tokens":7},"tokens":{"input_tokens":5,"output_tokens":7}}"#,
            5,
            7,
            None,
            None,
        );
    }

    #[test]
    fn what_is_charged_apart() {
        let anthropic = parse(
            br#"{"input_tokens":10,"cache_creation_input_tokens":300,"cache_read_input_tokens":0,"output_tokens":5,
                "cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},
                "server_tool_use":{"web_search_requests":2,"web_fetch_requests":1}}"#,
        );
        let usage = anthropic.unwrap();
        assert_eq!((usage.cache_creation, usage.cache_creation_1h, usage.searches), (Some(300), Some(200), Some(2)));
        let gemini = parse(
            br#"{"promptTokenCount":100,"candidatesTokenCount":1290,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":40},{"modality":"AUDIO","tokenCount":60}],
                "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]}"#,
        );
        let usage = gemini.unwrap();
        assert_eq!((usage.audio_input, usage.image_input, usage.image_output), (Some(60), None, Some(1290)));
        let images = parse(br#"{"input_tokens":50,"input_tokens_details":{"image_tokens":10,"text_tokens":40}}"#);
        assert_eq!(images.unwrap().image_input, Some(10));
        let bedrock = parse(
            br#"{"inputTokens":10,"outputTokens":5,"cacheWriteInputTokens":300,
                "cacheDetails":[{"ttl":"5m","inputTokens":100},{"ttl":"1h","inputTokens":200}]}"#,
        );
        assert_eq!(bedrock.unwrap().cache_creation_1h, Some(200));
        let rerank = parse(br#"{"billed_units":{"search_units":3}}"#);
        assert_eq!(rerank.unwrap().searches, Some(3));
    }

    #[test]
    fn what_the_provider_says_that_it_cost() {
        for (json, nanos) in [
            (r#"{"prompt_tokens":1,"cost":0.0000102}"#, Some(10_200)),
            (
                r#"{"prompt_tokens":1,"cost":1.02e-05,"is_byok":false,"cost_details":{"upstream_inference_cost":1}}"#,
                Some(10_200),
            ),
            (r#"{"cost":5e-7,"is_byok":true,"cost_details":{"upstream_inference_cost":0.00001}}"#, Some(10_500)),
            (r#"{"prompt_tokens":1,"cost_in_usd_ticks":943000}"#, Some(94_300)),
            (r#"{"cost":{"input_tokens_cost":0.1,"total_cost":0.006}}"#, Some(6_000_000)),
            (r#"{"cost":"free"}"#, None),
            (r#"{"cost":-1}"#, None),
        ] {
            let billing = Wire::read(json.as_bytes()).unwrap().billing();
            assert_eq!(billing.reported_cost, nanos.map(NanoUsd), "{json}");
        }
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let max = u64::MAX;
        for json in [
            format!(r#"{{"input_tokens":1,"cache_read_input_tokens":{max},"cache_creation_input_tokens":1}}"#),
            format!(r#"{{"promptTokenCount":{max},"toolUsePromptTokenCount":1}}"#),
            format!(r#"{{"promptTokenCount":{max}}}"#),
            format!(r#"{{"inputTokens":1,"cacheReadInputTokens":{max},"cacheWriteInputTokens":1}}"#),
        ] {
            assert_eq!(parse(json.as_bytes()).unwrap().input, Some(max), "{json}");
        }
    }

    #[test]
    fn nothing_known_is_none() {
        for json in ["{}", "null", "[]", r#"{"prompt_tokens":"many"}"#, r#"{"prompt_tokens":-1}"#, "nonsense"] {
            assert_eq!(parse(json.as_bytes()), None, "{json}");
        }
    }
}
