//! Records for tests.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{CacheOutcome, CacheStatus, Context, Cost, Identity, NanoUsd, Operation, Tag, Target, Usage};

use crate::UsageRecord;

/// A record with everything.
pub(crate) fn full() -> UsageRecord {
    let tag = |name: &str, value: &str| Tag { name: name.into(), value: value.into() };
    let mut identity = Identity::of_key("alice");
    identity.path = Some("acme/search/alice".into());
    let context =
        Context::builder("r-1").identity(identity).tags(vec![tag("team", "a \"quoted\" one"), tag("app", "ü")]).build();
    context.observe(|observed| {
        observed.target = Some(Target::new("openai", "gpt-4o"));
        observed.model = Some("gpt-4o-2024-11-20".into());
        observed.attempts = 2;
        observed.usage = Some(Usage {
            input: Some(1000),
            output: Some(50),
            cache_read: Some(100),
            cache_creation: Some(0),
            reasoning: Some(20),
            audio_input: Some(1),
            audio_output: Some(2),
            cache_creation_1h: Some(0),
            image_input: Some(3),
            image_output: Some(4),
            images: Some(5),
            searches: Some(6),
            estimated: true,
        });
        observed.service_tier = Some("flex".into());
        observed.cost = Some(Cost { amount: NanoUsd(123_456), price: "openai/gpt-4o@1".into() });
        observed.saved = Some(NanoUsd(7));
        let saved = Usage { input: Some(5), output: Some(6), ..Usage::default() };
        let mut cache = CacheOutcome::new(CacheStatus::Hit).saved(Some(saved));
        cache.detail = Some("semantic");
        observed.cache = Some(cache);
        observed.losses.drop("top_k");
        observed.losses.change("temperature");
    });
    let mut record = UsageRecord::new(Operation::ChatCompletions, Some("fast".into()), true, 200, &context);
    record.error = Some("upstream_invalid_response");
    record.latency = Duration::from_micros(1_234_567);
    record.time_to_first_token = Some(Duration::from_micros(234_567));
    // Databases have no finer times.
    record.received_at = crate::column::time_of(crate::column::micros_of(record.received_at));
    record
}

/// A record with next to nothing.
pub(crate) fn sparse() -> UsageRecord {
    UsageRecord { request_id: Arc::from("r-2"), received_at: full().received_at, ..crate::column::blank() }
}
