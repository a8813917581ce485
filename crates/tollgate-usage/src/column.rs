//! The columns of a record: one table for the journal, for databases and for exports.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserializer, MapAccess, Visitor};
use tollgate_core::{CacheOutcome, CacheStatus, Cost, NanoUsd, Operation, Tag, Usage};

use crate::UsageRecord;
use crate::json::Object;
use crate::words::{self, lasting};

/// A value of a column. Whole numbers are those that databases have: what is larger than `i64::MAX` counts as that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// There is none.
    Null,
    /// A whole number, never negative.
    Integer(i64),
    /// Yes or no.
    Flag(bool),
    /// Text.
    Text(Cow<'a, str>),
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Yes or no; never absent.
    Flag,
    /// Text.
    Text,
}

/// A column of a record.
pub struct Column {
    /// Its name, with the unit.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    get: for<'a> fn(&'a UsageRecord) -> Value<'a>,
    set: fn(&mut UsageRecord, Value<'_>),
}

/// The most bytes of a text; the rest of a longer one is left out. Names come from clients, and a database must take them.
const MAX_TEXT: usize = 2048;

/// The most bytes of all tags together; those that go beyond are left out.
const MAX_TAGS: usize = 8192;

/// Every column. The place of a column is its number in the journal, so new ones go to the end and none is taken out.
pub const COLUMNS: &[Column] = &[
    Column::text(
        "request_id",
        |r| text(Some(&r.request_id)),
        |r, v| r.request_id = v.as_str().unwrap_or_default().into(),
    ),
    Column::integer("received_us", |r| integer(micros_of(r.received_at)), |r, v| r.received_at = time_of(v.number())),
    Column::text("key", |r| text(r.key.as_ref()), |r, v| r.key = v.shared()),
    Column::text("path", |r| text(r.path.as_ref()), |r, v| r.path = v.shared()),
    Column::text("tags", |r| tags_text(&r.tags), |r, v| r.tags = v.as_str().map(read_tags).unwrap_or_default()),
    Column::text("operation", |r| word(r.operation.as_str()), |r, v| r.operation = operation(v.as_str())),
    Column::flag("stream", |r| Value::Flag(r.stream), |r, v| r.stream = v.is_set()),
    Column::text("provider", |r| text(r.provider.as_ref()), |r, v| r.provider = v.shared()),
    Column::text("model_asked", |r| text(r.model_asked.as_ref()), |r, v| r.model_asked = v.shared()),
    Column::text("model", |r| text(r.model.as_ref()), |r, v| r.model = v.shared()),
    Column::text("model_answered", |r| text(r.model_answered.as_ref()), |r, v| r.model_answered = v.shared()),
    Column::integer("status", |r| integer(r.status.into()), |r, v| r.status = u16::try_from(v.number()).unwrap_or(0)),
    Column::text("error", |r| r.error.map_or(Value::Null, word), |r, v| r.error = v.as_str().map(lasting)),
    Column::text("dropped", |r| dropped(&r.dropped), |r, v| r.dropped = read_dropped(v.as_str())),
    Column::integer("input_tokens", |r| optional(r.usage.input), |r, v| r.usage.input = v.optional()),
    Column::integer("output_tokens", |r| optional(r.usage.output), |r, v| r.usage.output = v.optional()),
    Column::integer("cache_read_tokens", |r| optional(r.usage.cache_read), |r, v| r.usage.cache_read = v.optional()),
    Column::integer(
        "cache_creation_tokens",
        |r| optional(r.usage.cache_creation),
        |r, v| r.usage.cache_creation = v.optional(),
    ),
    Column::integer("reasoning_tokens", |r| optional(r.usage.reasoning), |r, v| r.usage.reasoning = v.optional()),
    Column::integer("audio_input_tokens", |r| optional(r.usage.audio_input), |r, v| r.usage.audio_input = v.optional()),
    Column::integer(
        "audio_output_tokens",
        |r| optional(r.usage.audio_output),
        |r, v| r.usage.audio_output = v.optional(),
    ),
    Column::flag("estimated", |r| Value::Flag(r.usage.estimated), |r, v| r.usage.estimated = v.is_set()),
    Column::text("service_tier", |r| text(r.service_tier.as_ref()), |r, v| r.service_tier = v.shared()),
    Column::integer("cost_nano_usd", |r| optional(r.cost.as_ref().map(|cost| cost.amount.0)), |r, v| set_cost(r, &v)),
    Column::text("price", |r| text(r.cost.as_ref().map(|cost| &cost.price)), |r, v| set_price(r, &v)),
    Column::integer(
        "saved_nano_usd",
        |r| optional(r.saved.map(|saved| saved.0)),
        |r, v| {
            r.saved = v.optional().map(NanoUsd);
        },
    ),
    Column::text(
        "cache",
        |r| r.cache.as_ref().map_or(Value::Null, |cache| word(cache.status.as_str())),
        |r, v| set_cache(r, &v),
    ),
    Column::text(
        "cache_detail",
        |r| r.cache.as_ref().and_then(|cache| cache.detail).map_or(Value::Null, word),
        |r, v| {
            if let (Some(cache), Some(detail)) = (&mut r.cache, v.as_str()) {
                cache.detail = Some(lasting(detail));
            }
        },
    ),
    Column::integer(
        "saved_input_tokens",
        |r| optional(saved(r).and_then(|saved| saved.input)),
        |r, v| {
            set_saved(r, &v, |saved, tokens| saved.input = Some(tokens));
        },
    ),
    Column::integer(
        "saved_output_tokens",
        |r| optional(saved(r).and_then(|saved| saved.output)),
        |r, v| {
            set_saved(r, &v, |saved, tokens| saved.output = Some(tokens));
        },
    ),
    Column::integer("latency_us", |r| integer(micros(r.latency)), |r, v| r.latency = Duration::from_micros(v.number())),
    Column::integer(
        "time_to_first_token_us",
        |r| optional(r.time_to_first_token.map(micros)),
        |r, v| {
            r.time_to_first_token = v.optional().map(Duration::from_micros);
        },
    ),
    Column::integer(
        "attempts",
        |r| integer(r.attempts.into()),
        |r, v| {
            r.attempts = u32::try_from(v.number()).unwrap_or(u32::MAX);
        },
    ),
    Column::integer(
        "cache_creation_1h_tokens",
        |r| optional(r.usage.cache_creation_1h),
        |r, v| r.usage.cache_creation_1h = v.optional(),
    ),
    Column::integer("image_input_tokens", |r| optional(r.usage.image_input), |r, v| r.usage.image_input = v.optional()),
    Column::integer(
        "image_output_tokens",
        |r| optional(r.usage.image_output),
        |r, v| r.usage.image_output = v.optional(),
    ),
    Column::integer("images", |r| optional(r.usage.images), |r, v| r.usage.images = v.optional()),
    Column::integer("searches", |r| optional(r.usage.searches), |r, v| r.usage.searches = v.optional()),
];

// === impl Column ===

type Get = for<'a> fn(&'a UsageRecord) -> Value<'a>;
type Set = fn(&mut UsageRecord, Value<'_>);

impl Column {
    const fn integer(name: &'static str, get: Get, set: Set) -> Self {
        Self { name, kind: Kind::Integer, get, set }
    }

    const fn flag(name: &'static str, get: Get, set: Set) -> Self {
        Self { name, kind: Kind::Flag, get, set }
    }

    const fn text(name: &'static str, get: Get, set: Set) -> Self {
        Self { name, kind: Kind::Text, get, set }
    }

    /// A record's value.
    #[must_use]
    pub fn get<'a>(&self, record: &'a UsageRecord) -> Value<'a> {
        (self.get)(record)
    }

    /// Gives a record this value. What does not fit the column counts as absent.
    pub fn set(&self, record: &mut UsageRecord, value: Value<'_>) {
        (self.set)(record, value);
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

// === impl Value ===

impl Value<'_> {
    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text that many records have.
    fn shared(&self) -> Option<Arc<str>> {
        self.as_str().map(words::shared)
    }

    fn optional(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn number(&self) -> u64 {
        self.optional().unwrap_or(0)
    }

    fn is_set(&self) -> bool {
        matches!(self, Self::Flag(true))
    }
}

/// A record of which nothing is known, to be filled.
#[cfg(any(test, feature = "durable"))]
pub(crate) fn blank() -> UsageRecord {
    UsageRecord {
        request_id: Arc::default(),
        received_at: UNIX_EPOCH,
        key: None,
        path: None,
        tags: Vec::new(),
        operation: Operation::Passthrough,
        stream: false,
        provider: None,
        model_asked: None,
        model: None,
        model_answered: None,
        dropped: Vec::new(),
        usage: Usage::default(),
        service_tier: None,
        cost: None,
        saved: None,
        cache: None,
        status: 0,
        error: None,
        latency: Duration::ZERO,
        time_to_first_token: None,
        attempts: 0,
    }
}

/// Microseconds since 1970.
pub(crate) fn micros_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, micros)
}

/// The time of microseconds since 1970.
pub(crate) fn time_of(micros: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros)
}

/// The largest whole number of databases for what is larger.
pub(crate) fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Tags as a JSON object.
pub(crate) fn tags_json(tags: &[Tag]) -> String {
    let mut out = Vec::with_capacity(64);
    let mut object = Object::begin(&mut out);
    let mut left = MAX_TAGS;
    for tag in tags {
        let Some(rest) = left.checked_sub(tag.name.len() + tag.value.len()) else { break };
        left = rest;
        object.foreign_text(&tag.name, &tag.value);
    }
    object.end();
    String::from_utf8(out).unwrap_or_default()
}

/// Tags of a JSON object, in its order.
pub(crate) fn read_tags(json: &str) -> Vec<Tag> {
    struct Tags;

    impl<'de> Visitor<'de> for Tags {
        type Value = Vec<Tag>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of texts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Tag>, A::Error> {
            let mut tags = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, String>()? {
                tags.push(Tag { name: name.into(), value: value.into() });
            }
            Ok(tags)
        }
    }

    serde_json::Deserializer::from_str(json).deserialize_map(Tags).unwrap_or_default()
}

/// The operation of a word; one of a newer version is something that was forwarded.
pub(crate) fn operation(word: Option<&str>) -> Operation {
    const ALL: [Operation; 16] = [
        Operation::ChatCompletions,
        Operation::Completions,
        Operation::Embeddings,
        Operation::Responses,
        Operation::Messages,
        Operation::GenerateContent,
        Operation::OllamaChat,
        Operation::CountTokens,
        Operation::Compact,
        Operation::Rerank,
        Operation::Moderations,
        Operation::Images,
        Operation::Speech,
        Operation::Transcriptions,
        Operation::StoredResponse,
        Operation::Passthrough,
    ];
    ALL.into_iter().find(|operation| Some(operation.as_str()) == word).unwrap_or(Operation::Passthrough)
}

/// What a cache did, by its word; nothing is said of a word of a newer version.
pub(crate) fn cache_status(word: &str) -> Option<CacheStatus> {
    const ALL: [CacheStatus; 5] =
        [CacheStatus::Hit, CacheStatus::Stale, CacheStatus::Collapsed, CacheStatus::Miss, CacheStatus::Bypass];
    ALL.into_iter().find(|status| status.as_str() == word)
}

/// The beginning of a text that is too long for a column.
pub(crate) fn clip(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn word(word: &'static str) -> Value<'static> {
    Value::Text(Cow::Borrowed(word))
}

fn text(text: Option<&Arc<str>>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(Cow::Borrowed(clip(text))))
}

fn integer(number: u64) -> Value<'static> {
    Value::Integer(clamped(number))
}

fn optional(number: Option<u64>) -> Value<'static> {
    number.map_or(Value::Null, integer)
}

fn tags_text(tags: &[Tag]) -> Value<'_> {
    if tags.is_empty() { Value::Null } else { Value::Text(Cow::Owned(tags_json(tags))) }
}

fn dropped(fields: &[String]) -> Value<'_> {
    match fields {
        [] => Value::Null,
        [one] => Value::Text(Cow::Borrowed(clip(one))),
        several => Value::Text(Cow::Owned(clip(&several.join(", ")).to_owned())),
    }
}

fn read_dropped(text: Option<&str>) -> Vec<String> {
    text.map(|text| text.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

fn set_cost(record: &mut UsageRecord, value: &Value<'_>) {
    record.cost = value.optional().map(|amount| Cost { amount: NanoUsd(amount), price: Arc::default() });
}

fn set_price(record: &mut UsageRecord, value: &Value<'_>) {
    if let (Some(cost), Some(price)) = (&mut record.cost, value.shared()) {
        cost.price = price;
    }
}

fn set_cache(record: &mut UsageRecord, value: &Value<'_>) {
    record.cache = value.as_str().and_then(cache_status).map(CacheOutcome::new);
}

fn saved(record: &UsageRecord) -> Option<&Usage> {
    record.cache.as_ref()?.saved.as_ref()
}

fn set_saved(record: &mut UsageRecord, value: &Value<'_>, set: fn(&mut Usage, u64)) {
    if let (Some(cache), Some(tokens)) = (&mut record.cache, value.optional()) {
        set(cache.saved.get_or_insert_default(), tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_helpers::{full, sparse};

    #[test]
    fn every_column_comes_back() {
        for record in [full(), sparse()] {
            let mut copy = blank();
            COLUMNS.iter().for_each(|column| column.set(&mut copy, column.get(&record)));
            let json = |record: &UsageRecord| {
                let mut out = Vec::new();
                record.write_json(&mut out);
                String::from_utf8(out).unwrap()
            };
            assert_eq!(json(&copy), json(&record));
        }
        let is_there = |column: &&Column| column.get(&full()) != Value::Null;
        assert_eq!(COLUMNS.iter().filter(is_there).count(), COLUMNS.len(), "the example shows every column");
    }

    #[test]
    fn what_is_too_much_is_cut() {
        let long = "ä".repeat(5000);
        assert_eq!(clip(&long).chars().count(), 1024);
        assert_eq!(clip(&format!("x{long}")).len(), 2047);
        let tag = |name: &str| Tag { name: name.into(), value: "v".repeat(5000).into() };
        assert_eq!(read_tags(&tags_json(&[tag("a"), tag("b")])).len(), 1);
        assert_eq!(integer(u64::MAX), Value::Integer(i64::MAX));
    }

    #[test]
    fn words_of_a_newer_version() {
        assert_eq!(operation(Some("dreams")), Operation::Passthrough);
        assert_eq!(operation(Some("messages")), Operation::Messages);
        assert_eq!(cache_status("dreamt"), None);
    }
}
