//! How stored answers are forgotten.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use tollgate_cache::{AnswerCache, Subject};
use tollgate_usage::directory::{Actor, AuditEntry};

use super::entries::{EntryId, Selection, of_key};
use crate::admin::rest::{Call, Failure, Json, Kind, Nothing};
use crate::gateway::Gateway;

/// What to forget: at least one property must be given.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("anyOf" = schemas::one_property())))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Purge {
    /// Everything.
    #[serde(default)]
    all: bool,
    /// What has this tag.
    tag: Option<String>,
    /// What this model answered, as `provider/model`.
    model: Option<String>,
    /// What only the key of this name shares.
    key: Option<String>,
    /// What has this scope.
    scope: Option<String>,
    /// The entry of this id.
    entry: Option<EntryId>,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// A text that prompts are like.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct PurgeNear {
    /// The text.
    text: String,
    /// How like the text a prompt must be: a cosine from 0 to 1.
    #[serde(default)]
    similarity: Similarity,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// A similarity from 0 to 1.
#[derive(Serialize)]
struct Similarity(f32);

/// What was forgotten.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(in crate::admin) struct Purged {
    /// Whether it was only counted.
    dry_run: bool,
    /// How many entries of this process.
    entries: usize,
}

/// `POST cache/purge`
pub(in crate::admin) async fn purge(call: Call<Nothing, Nothing, Json<Purge>>) -> Result<Json<Purged>, Failure> {
    let Purge { all, tag, model, key, scope, entry, dry_run } = call.body.0;
    let selection = Selection { tag, model, scope: of_key(scope, key), entry: entry.map(|entry| entry.0) };
    if !all && selection.is_empty() {
        let message = "Say what to purge, by one of `tag`, `model`, `key`, `scope`, `entry` and `all`.";
        return Err(Failure::new(Kind::Invalid, message));
    }
    let generation = call.gateway.current().clone();
    let cache = &generation.cache;
    if dry_run {
        let mut entries = 0;
        cache.memory().visit(|key, entry, _| {
            entries += usize::from(selection.matches(key, entry) && cache.epochs().is_current(entry.stamps()));
            true
        });
        return Ok(Json(Purged { dry_run, entries }));
    }
    let entries = forget(cache, &selection).await?;
    tracing::info!(entries, "cache purged");
    remember(&call.gateway, &call.actor, selection.told(entries));
    Ok(Json(Purged { dry_run, entries }))
}

async fn forget(cache: &AnswerCache, selection: &Selection) -> Result<usize, Failure> {
    let is_everywhere = match selection.subject() {
        Some(subject) => cache.invalidate(&subject).await,
        None => true,
    };
    if let (Some(key), Some(shared)) = (&selection.entry, cache.shared()) {
        shared.remove(key).await;
    }
    if !is_everywhere {
        let message = "It was purged from this process only, because the shared store does not answer; try again.";
        return Err(Failure::new(Kind::Unavailable, message));
    }
    Ok(cache.memory().forget_where(|key, entry| selection.matches(key, entry)))
}

/// `POST cache/purge-near`
pub(in crate::admin) async fn purge_near(
    call: Call<Nothing, Nothing, Json<PurgeNear>>,
) -> Result<Json<Purged>, Failure> {
    let PurgeNear { text, similarity, dry_run } = call.body.0;
    let generation = call.gateway.current().clone();
    let cache = &generation.cache;
    let semantic = cache.semantic().ok_or_else(|| {
        Failure::new(Kind::Conflict, "There is no semantic cache, so nothing is known of what prompts are like.")
    })?;
    let entries = semantic.purge_near(cache, &text, similarity.0, dry_run).await.map_err(|error| {
        tracing::warn!(%error, "the vector of a text to purge by could not be made");
        Failure::new(Kind::Unavailable, "The prompts like this could not be looked for; try again.")
    })?;
    if !dry_run {
        // The text may be what somebody said, so it is not told.
        let what = json!({ "near": true, "similarity": similarity.0, "entries": entries });
        remember(&call.gateway, &call.actor, what);
    }
    Ok(Json(Purged { dry_run, entries }))
}

fn remember(gateway: &Gateway, actor: &Actor, what: Value) {
    gateway.managed.record(AuditEntry::new(actor, "cache", "answers", "purge").after(what));
}

// === impl Selection ===

impl Selection {
    /// What the audit log is told.
    fn told(&self, entries: usize) -> Value {
        let Self { tag, model, scope, entry } = self;
        let entry = entry.as_ref().map(ToString::to_string);
        json!({ "tag": tag, "model": model, "scope": scope, "entry": entry, "entries": entries })
    }

    fn is_empty(&self) -> bool {
        let Self { tag, model, scope, entry } = self;
        tag.is_none() && model.is_none() && scope.is_none() && entry.is_none()
    }

    /// What is invalidated in one step, where the selection is just that.
    fn subject(&self) -> Option<Subject> {
        match self {
            Self { tag: None, model: None, scope: None, entry: None } => Some(Subject::All),
            Self { tag: Some(tag), model: None, scope: None, entry: None } => Some(Subject::Tag(tag.clone())),
            Self { tag: None, model: Some(model), scope: None, entry: None } => Some(Subject::Model(model.clone())),
            Self { tag: None, model: None, scope: Some(scope), entry: None } => Some(Subject::Scope(scope.clone())),
            _ => None,
        }
    }
}

// === impl Similarity ===

impl Default for Similarity {
    fn default() -> Self {
        Self(0.8)
    }
}

impl<'de> Deserialize<'de> for Similarity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let similarity = f32::deserialize(deserializer)?;
        let is_one = (0.0..=1.0).contains(&similarity);
        is_one.then_some(Self(similarity)).ok_or_else(|| D::Error::custom("a similarity is from 0 to 1"))
    }
}

#[cfg(feature = "schema")]
mod schemas {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde_json::{Value, json};

    pub(super) fn one_property() -> Value {
        let given = |name: &str, is: Value| json!({ "required": [name], "properties": { name: is } });
        let mut each: Vec<Value> =
            ["tag", "model", "key", "scope", "entry"].map(|name| given(name, json!({ "type": "string" }))).into();
        each.push(given("all", json!({ "const": true })));
        each.into()
    }

    impl JsonSchema for super::Similarity {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Similarity".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
        }
    }
}
