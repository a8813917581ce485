//! The record of one request.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_core::{CacheOutcome, Context, Cost, NanoUsd, Operation, Outcome, Tag, Usage};

use crate::json::{Object, write_thousandths};

/// What one request was, and what it took.
#[derive(Clone, Debug)]
pub struct UsageRecord {
    /// The request's id.
    pub request_id: Arc<str>,
    /// When it was received.
    pub received_at: SystemTime,
    /// The name of the client's key; `None` where none is asked for.
    pub key: Option<Arc<str>>,
    /// Where the key belongs, such as `acme/search/alice`; `None` where nobody said.
    pub path: Option<Arc<str>>,
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
    /// The request's fields that a translation for the provider dropped or changed, in the client's words.
    pub dropped: Vec<String>,
    /// Tokens by kind.
    pub usage: Usage,
    /// The class of service that the provider says it answered with.
    pub service_tier: Option<Arc<str>>,
    /// What it cost, and by which price; `None` if that is not known.
    pub cost: Option<Cost>,
    /// What it would have cost, had a cache not answered.
    pub saved: Option<NanoUsd>,
    /// What caches did; `None` where none was asked.
    pub cache: Option<CacheOutcome>,
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
            path: observed.identity.path,
            tags: context.tags().to_vec(),
            operation,
            stream,
            provider: observed.target.map(|target| target.provider),
            model_asked,
            model,
            model_answered: observed.model,
            dropped: observed.losses.fields().map(str::to_owned).collect(),
            usage: observed.usage.unwrap_or_default(),
            service_tier: observed.service_tier,
            cost: observed.cost,
            saved: observed.saved,
            cache: observed.cache,
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

impl UsageRecord {
    /// Appends the record as one flat JSON object with units in the names: a line of a log, a row of an export. Kinds of
    /// tokens that most providers do not tell apart are left out where they are not known.
    ///
    /// Written by hand, because it runs for every request and a derived serialiser takes as long as reading the request.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let usage = &self.usage;
        let mut object = Object::begin(out);
        object.text("event", Some("usage"));
        object.text_by("time", |out| write_rfc3339(self.received_at, out));
        object.text("request_id", Some(&self.request_id));
        object.text("key", self.key.as_deref());
        if self.path.is_some() {
            object.text("path", self.path.as_deref());
        }
        if !self.tags.is_empty() {
            object.nested("tags", |tags| self.tags.iter().for_each(|tag| tags.foreign_text(&tag.name, &tag.value)));
        }
        object.text("operation", Some(self.operation.as_str()));
        object.flag("stream", self.stream);
        object.text("provider", self.provider.as_deref());
        object.text("model_asked", self.model_asked.as_deref());
        object.text("model", self.model.as_deref());
        object.text("model_answered", self.model_answered.as_deref());
        object.number("status", Some(self.status.into()));
        object.text("error", self.error);
        if !self.dropped.is_empty() {
            object.text("dropped", Some(&self.dropped.join(", ")));
        }
        object.number("input_tokens", usage.input);
        object.number("output_tokens", usage.output);
        let kinds = [
            ("cache_read_tokens", usage.cache_read),
            ("cache_creation_tokens", usage.cache_creation),
            ("cache_creation_1h_tokens", usage.cache_creation_1h),
            ("reasoning_tokens", usage.reasoning),
            ("audio_input_tokens", usage.audio_input),
            ("audio_output_tokens", usage.audio_output),
            ("image_input_tokens", usage.image_input),
            ("image_output_tokens", usage.image_output),
            ("images", usage.images),
            ("searches", usage.searches),
        ];
        for (name, tokens) in kinds.into_iter().filter(|(_, tokens)| tokens.is_some()) {
            object.number(name, tokens);
        }
        object.flag("estimated", usage.estimated);
        if self.service_tier.is_some() {
            object.text("service_tier", self.service_tier.as_deref());
        }
        object.number("cost_nano_usd", self.cost.as_ref().map(|cost| cost.amount.0));
        if let Some(cost) = &self.cost {
            object.text("price", Some(&cost.price));
        }
        if let Some(saved) = self.saved {
            object.number("saved_nano_usd", Some(saved.0));
        }
        if let Some(cache) = &self.cache {
            object.text("cache", Some(cache.status.as_str()));
            object.text("cache_detail", cache.detail);
            if let Some(saved) = &cache.saved {
                object.number("saved_input_tokens", saved.input);
                object.number("saved_output_tokens", saved.output);
            }
        }
        object.millis("latency_ms", Some(self.latency));
        object.millis("time_to_first_token_ms", self.time_to_first_token);
        object.number("attempts", Some(self.attempts.into()));
        object.end();
    }
}

/// A time with milliseconds. All but those are the same for every request of a second, and kept.
fn write_rfc3339(time: SystemTime, out: &mut Vec<u8>) {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            let whole = UNIX_EPOCH + Duration::from_secs(since.as_secs());
            *text = jiff::Timestamp::try_from(whole).map(|time| format!("{time:.0}")).unwrap_or_default();
            text.truncate(text.trim_end_matches('Z').len());
            *second = since.as_secs();
        }
        out.extend_from_slice(text.as_bytes());
        out.push(b'.');
        write_thousandths(out, since.subsec_millis().into());
        out.push(b'Z');
    });
}

#[cfg(test)]
mod tests {
    use tollgate_core::{CacheStatus, Identity, Target};

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
            let saved = Usage { input: Some(5), output: Some(6), ..Usage::default() };
            observed.cache = Some(CacheOutcome::new(CacheStatus::Collapsed).saved(Some(saved)));
            observed.losses.drop("top_k");
            observed.losses.change("temperature");
        });
        let record = UsageRecord::new(Operation::ChatCompletions, Some("fast".into()), true, 200, &context);
        let mut written = Vec::new();
        record.write_json(&mut written);
        let json: serde_json::Value = serde_json::from_slice(&written).expect("is JSON");
        assert_eq!(json["tags"]["team"], "a");
        assert_eq!((&json["cache"], &json["saved_output_tokens"]), (&"collapsed".into(), &6.into()));
        assert_eq!(json["dropped"], "top_k, temperature");
        assert_eq!((&json["provider"], &json["model"]), (&"openai".into(), &"gpt-4o".into()));
        assert_eq!((&json["input_tokens"], &json["output_tokens"]), (&1.into(), &0.into()));
        assert_eq!(json["cache_read_tokens"], serde_json::Value::Null);
        assert_eq!(json["error"], "upstream_invalid_response");
        let time = json["time"].as_str().expect("a string");
        let parsed: jiff::Timestamp = time.parse().expect("a time");
        assert_eq!(time.len(), "2026-01-31T12:00:00.123Z".len(), "{time}");
        assert!(parsed <= jiff::Timestamp::now());
    }
}
