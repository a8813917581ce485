//! Stored answers, and which of them a request is about.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tollgate_cache::{Entry, Freshness, Key, Payload, now_millis};

use crate::admin::rest::{Call, Failure, Json, Limit, Nothing};

/// Which entries, and how many.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheEntriesQuery"))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct EntriesQuery {
    /// Those with this tag.
    tag: Option<String>,
    /// Those of this model, as `provider/model`.
    model: Option<String>,
    /// Those that only the key of this name shares.
    key: Option<String>,
    /// Those of this scope.
    scope: Option<String>,
    /// How many.
    #[serde(default)]
    limit: Limit,
}

/// The id of an entry.
#[derive(Clone)]
pub(in crate::admin) struct EntryId(pub(super) Key);

/// What entries something is about: those that have all of these.
#[derive(Default)]
pub(super) struct Selection {
    pub(super) tag: Option<String>,
    pub(super) model: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) entry: Option<Key>,
}

/// Stored answers.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheEntries"))]
pub(in crate::admin) struct Entries {
    entries: Vec<Described>,
}

/// What is known of a stored answer.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheEntry"))]
struct Described {
    id: String,
    kind: Kind,
    provider: Arc<str>,
    model: Arc<str>,
    /// Who shares it.
    scope: Arc<str>,
    tags: Vec<Arc<str>>,
    age_ms: u64,
    ttl_ms: u64,
    is_fresh: bool,
    bytes: usize,
    /// How often it was served.
    uses: u32,
    /// Tokens of input that were spent on it; null if unknown.
    input_tokens: Option<u64>,
    /// Tokens of output that were spent on it; null if unknown.
    output_tokens: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheEntryKind"))]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// An answer that every protocol can be told.
    Answer,
    /// An answer kept as it came.
    Text,
}

/// `GET cache/entries`
pub(in crate::admin) async fn entries(call: Call<Nothing, EntriesQuery>) -> Result<Json<Entries>, Failure> {
    let EntriesQuery { tag, model, key, scope, limit } = call.query;
    let selection = Selection { tag, model, scope: of_key(scope, key), entry: None };
    let generation = call.gateway.current();
    let (cache, now) = (&generation.cache, now_millis());
    let mut entries = Vec::new();
    cache.memory().visit(|key, entry, uses| {
        if selection.matches(key, entry) && cache.epochs().is_current(entry.stamps()) {
            entries.push(describe(key, entry, uses, now));
        }
        entries.len() < limit.0
    });
    Ok(Json(Entries { entries }))
}

/// A scope by its name or by the key that has it.
pub(super) fn of_key(scope: Option<String>, key: Option<String>) -> Option<String> {
    scope.or_else(|| key.map(|key| format!("key:{key}")))
}

fn describe(key: &Key, entry: &Entry, uses: u32, now: u64) -> Described {
    let usage = entry.usage().unwrap_or_default();
    Described {
        id: key.to_string(),
        kind: match entry.payload {
            Payload::Answer(_) => Kind::Answer,
            Payload::Text(_) => Kind::Text,
        },
        provider: entry.provenance.provider.clone(),
        model: entry.provenance.model.clone(),
        scope: entry.provenance.scope.clone(),
        tags: entry.tag_names().map(Arc::from).collect(),
        age_ms: u64::try_from(entry.age(now).as_millis()).unwrap_or(u64::MAX),
        ttl_ms: entry.ttl,
        is_fresh: entry.freshness(now) == Freshness::Fresh,
        bytes: entry.size(),
        uses: uses.saturating_sub(1),
        input_tokens: usage.input,
        output_tokens: usage.output,
    }
}

// === impl Selection ===

impl Selection {
    pub(super) fn matches(&self, key: &Key, entry: &Entry) -> bool {
        let is_model = |model: &String| {
            model.split_once('/').is_some_and(|(provider, model)| {
                *provider == *entry.provenance.provider && *model == *entry.provenance.model
            })
        };
        self.tag.as_ref().is_none_or(|tag| entry.tag_names().any(|known| known == tag))
            && self.model.as_ref().is_none_or(is_model)
            && self.scope.as_ref().is_none_or(|scope| *scope == *entry.provenance.scope)
            && self.entry.as_ref().is_none_or(|wanted| wanted == key)
    }
}

// === impl EntryId ===

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Key::parse(&text).map(Self).ok_or_else(|| D::Error::custom("must be the id of an entry"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for EntryId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CacheEntryId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" })
    }
}
