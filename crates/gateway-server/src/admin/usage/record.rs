//! What a usage record looks like. Records write themselves; this only describes them, and a test holds the two together.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::admin::rest::Time;

/// One request.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(dead_code, reason = "only described")]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Always `usage`.
    event: String,
    /// When it was received.
    time: Time,
    /// Its id, as the client was told in `x-request-id`.
    request_id: String,
    /// The name of the client's key; null where none is asked for.
    key: Option<String>,
    /// Where the key belongs.
    #[serde(default)]
    path: Option<String>,
    /// The client's tags.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// What was asked for.
    operation: String,
    /// Whether a stream was asked for.
    stream: bool,
    /// The provider asked last; null if none was.
    provider: Option<String>,
    /// The model as the client named it.
    model_asked: Option<String>,
    /// The model as the provider was asked for it.
    model: Option<String>,
    /// The model as the provider named it in its answer.
    model_answered: Option<String>,
    /// The HTTP status; 499 if the client went away before the answer was complete.
    status: u16,
    /// The stable code of what went wrong, also where it went wrong after the status was sent.
    error: Option<String>,
    /// The request's fields that a translation for the provider dropped or changed.
    #[serde(default)]
    dropped: Option<String>,
    /// Tokens of input, cached ones included.
    input_tokens: Option<u64>,
    /// Tokens of output, reasoning included.
    output_tokens: Option<u64>,
    /// Tokens of input that the provider read from its cache.
    #[serde(default)]
    cache_read_tokens: Option<u64>,
    /// Tokens of input that the provider wrote to its cache.
    #[serde(default)]
    cache_creation_tokens: Option<u64>,
    /// Tokens of output spent on reasoning.
    #[serde(default)]
    reasoning_tokens: Option<u64>,
    /// Tokens of sound that was put in.
    #[serde(default)]
    audio_input_tokens: Option<u64>,
    /// Tokens of sound that came out.
    #[serde(default)]
    audio_output_tokens: Option<u64>,
    /// Whether tokens were estimated, because the provider did not say.
    estimated: bool,
    /// The class of service that the provider says it answered with.
    #[serde(default)]
    service_tier: Option<String>,
    /// What it cost, in nano-dollars; null if that is not known.
    cost_nano_usd: Option<u64>,
    /// The price by which it was computed, or `reported` if the provider said so itself.
    #[serde(default)]
    price: Option<String>,
    /// What it would have cost, had a cache not answered, in nano-dollars.
    #[serde(default)]
    saved_nano_usd: Option<u64>,
    /// What caches did.
    #[serde(default)]
    cache: Option<String>,
    /// More about it.
    #[serde(default)]
    cache_detail: Option<String>,
    /// Tokens of input that were not spent because of it.
    #[serde(default)]
    saved_input_tokens: Option<u64>,
    /// Tokens of output that were not spent because of it.
    #[serde(default)]
    saved_output_tokens: Option<u64>,
    /// From receiving the request to the end of the answer, in milliseconds.
    latency_ms: f64,
    /// From receiving the request to the first token of a streamed answer, in milliseconds.
    time_to_first_token_ms: Option<f64>,
    /// How many times a provider was asked.
    attempts: u32,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_core::{
        CacheOutcome, CacheStatus, Context, Cost, Identity, NanoUsd, Operation, Outcome, Tag, Target, Usage,
    };
    use tollgate_usage::UsageRecord;

    use super::*;

    #[track_caller]
    fn described(record: &UsageRecord) -> Record {
        let mut json = Vec::new();
        record.write_json(&mut json);
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json)))
    }

    #[test]
    fn a_record_with_everything_is_as_described() {
        let context = Context::builder("r-1")
            .identity(Identity::of_key("default"))
            .tags(vec![Tag { name: "team".into(), value: "a".into() }])
            .build();
        context.observe(|observed| {
            observed.target = Some(Target::new("openai", "m"));
            observed.usage = Some(Usage { input: Some(1), output: Some(2), ..Usage::default() });
            observed.outcome = Outcome::Failed("upstream_error");
            let saved = Usage { input: Some(5), output: Some(6), ..Usage::default() };
            observed.cache = Some(CacheOutcome::new(CacheStatus::Hit).saved(Some(saved)));
            observed.losses.drop("top_k");
        });
        let mut record = UsageRecord::new(Operation::ChatCompletions, Some("fast".into()), true, 200, &context);
        record.path = Some("acme/search".into());
        record.cost = Some(Cost { amount: NanoUsd(7), price: "p-1".into() });
        record.saved = Some(NanoUsd(8));
        record.service_tier = Some("flex".into());
        record.time_to_first_token = Some(Duration::from_millis(3));
        let kinds = &mut record.usage;
        (kinds.cache_read, kinds.cache_creation, kinds.reasoning) = (Some(1), Some(2), Some(3));
        (kinds.audio_input, kinds.audio_output) = (Some(4), Some(5));
        let read = described(&record);
        assert_eq!((read.cost_nano_usd, read.saved_nano_usd, read.price.as_deref()), (Some(7), Some(8), Some("p-1")));
        assert_eq!((read.tags["team"].as_str(), read.path.as_deref()), ("a", Some("acme/search")));
    }

    #[test]
    fn a_record_with_little_is_as_described() {
        let context = Context::builder("r-1").build();
        let read = described(&UsageRecord::new(Operation::Embeddings, None, false, 400, &context));
        assert_eq!((read.event.as_str(), read.attempts, read.cost_nano_usd), ("usage", 0, None));
    }
}
