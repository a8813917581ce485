//! The record of one request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tollgate_core::{Context, Operation, Outcome, Tag, Usage};

/// What one request was, and what it took.
#[derive(Clone, Debug)]
pub struct UsageRecord {
    /// The request's id.
    pub request_id: Arc<str>,
    /// When it was received.
    pub received_at: SystemTime,
    /// The name of the client's key; `None` where none is asked for.
    pub key: Option<Arc<str>>,
    /// The client's tags.
    pub tags: Vec<Tag>,
    /// What was asked for.
    pub operation: Operation,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The provider asked last; `None` if none was.
    pub provider: Option<Arc<str>>,
    /// The model as the client named it.
    pub model_asked: Option<Arc<str>>,
    /// The model as the provider was asked for it.
    pub model: Option<Arc<str>>,
    /// The model as the provider named it in its answer.
    pub model_answered: Option<Arc<str>>,
    /// Tokens by kind.
    pub usage: Usage,
    /// The HTTP status; 499 if the client went away before the answer was complete.
    pub status: u16,
    /// The stable code of what went wrong, also where it went wrong after the status was sent.
    pub error: Option<&'static str>,
    /// From receiving the request to the end of the answer.
    pub latency: Duration,
    /// From receiving the request to the first token of a streamed answer.
    pub time_to_first_token: Option<Duration>,
    /// How many times a provider was asked.
    pub attempts: u32,
}

impl UsageRecord {
    /// The status of a request whose client went away, as nginx writes it.
    pub const CLIENT_CLOSED: u16 = 499;

    /// The record of a request that ends now, from what was observed of it.
    #[must_use]
    pub fn new(
        operation: Operation,
        model_asked: Option<Arc<str>>,
        stream: bool,
        status: u16,
        context: &Context,
    ) -> Self {
        let observed = context.observed();
        let model = observed.target.as_ref().map(|target| target.model.clone()).filter(|model| !model.is_empty());
        Self {
            request_id: context.request_id().clone(),
            received_at: context.received_at(),
            key: observed.identity.key,
            tags: context.tags().to_vec(),
            operation,
            stream,
            provider: observed.target.map(|target| target.provider),
            model_asked,
            model,
            model_answered: observed.model,
            usage: observed.usage.unwrap_or_default(),
            status,
            error: match observed.outcome {
                Outcome::Failed(code) => Some(code),
                Outcome::Pending | Outcome::Complete => None,
            },
            latency: context.received().elapsed(),
            time_to_first_token: observed.first_token.map(|first| first.saturating_duration_since(context.received())),
            attempts: observed.attempts,
        }
    }
}

impl Serialize for UsageRecord {
    /// As one flat object with units in the names: a line of a log, a row of an export.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let usage = &self.usage;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &rfc3339(self.received_at))?;
        map.serialize_entry("request_id", &*self.request_id)?;
        map.serialize_entry("key", &self.key.as_deref())?;
        if !self.tags.is_empty() {
            map.serialize_entry("tags", &Tags(&self.tags))?;
        }
        map.serialize_entry("operation", self.operation.as_str())?;
        map.serialize_entry("stream", &self.stream)?;
        map.serialize_entry("provider", &self.provider.as_deref())?;
        map.serialize_entry("model_asked", &self.model_asked.as_deref())?;
        map.serialize_entry("model", &self.model.as_deref())?;
        map.serialize_entry("model_answered", &self.model_answered.as_deref())?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("error", &self.error)?;
        map.serialize_entry("input_tokens", &usage.input)?;
        map.serialize_entry("output_tokens", &usage.output)?;
        // Kinds that most providers do not tell apart are left out where they are not known.
        let kinds = [
            ("cache_read_tokens", usage.cache_read),
            ("cache_creation_tokens", usage.cache_creation),
            ("reasoning_tokens", usage.reasoning),
            ("audio_input_tokens", usage.audio_input),
            ("audio_output_tokens", usage.audio_output),
        ];
        for (name, tokens) in kinds {
            if let Some(tokens) = tokens {
                map.serialize_entry(name, &tokens)?;
            }
        }
        map.serialize_entry("estimated", &usage.estimated)?;
        map.serialize_entry("latency_ms", &millis(self.latency))?;
        map.serialize_entry("time_to_first_token_ms", &self.time_to_first_token.map(millis))?;
        map.serialize_entry("attempts", &self.attempts)?;
        map.end()
    }
}

struct Tags<'a>(&'a [Tag]);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|tag| (&*tag.name, &*tag.value)))
    }
}

/// Milliseconds with three decimals, which is as exact as latencies are.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|time| format!("{time:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tollgate_core::{Identity, Target};

    use super::*;

    #[test]
    fn a_record_is_one_flat_object() {
        let context = Context::builder("r-1")
            .identity(Identity::of_key("default"))
            .tags(vec![Tag { name: "team".into(), value: "a".into() }])
            .build();
        context.observe(|observed| {
            observed.target = Some(Target::new("openai", "gpt-4o"));
            observed.attempts = 2;
            observed.usage = Some(Usage { input: Some(1), output: Some(0), estimated: true, ..Usage::default() });
            observed.outcome = Outcome::Failed("upstream_invalid_response");
        });
        let record = UsageRecord::new(Operation::ChatCompletions, Some("fast".into()), true, 200, &context);
        let json = serde_json::to_value(&record).expect("serialises");
        assert_eq!(json["tags"]["team"], "a");
        assert_eq!((&json["provider"], &json["model"]), (&"openai".into(), &"gpt-4o".into()));
        assert_eq!((&json["input_tokens"], &json["output_tokens"]), (&1.into(), &0.into()));
        assert_eq!(json["cache_read_tokens"], serde_json::Value::Null);
        assert_eq!(json["error"], "upstream_invalid_response");
        assert!(json["time"].as_str().expect("a string").ends_with('Z'));
    }
}
