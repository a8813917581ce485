//! What is cached: statistics, entries, and how they are forgotten.

use serde_json::{Value, json};
use tollgate_cache::semantic::SemanticCache;
use tollgate_cache::{Entry, Freshness, Key, Payload, Subject, now_millis};
use tollgate_core::{Error, ErrorKind};

use super::query::{bad, pairs, unknown};
use crate::gateway::Gateway;

const MAX_LISTED: usize = 1000;
/// Of namespaces only the busiest are shown.
const MAX_NAMESPACES: usize = 100;
/// How like a text a prompt must be to be purged with it.
const DEFAULT_SIMILARITY: f32 = 0.8;

/// `GET cache/stats`
pub(super) fn stats(gateway: &Gateway) -> Vec<u8> {
    let generation = gateway.current();
    let cache = &generation.cache;
    let memory = cache.memory().stats();
    let mut json = json!(cache.statistics().counts());
    if let Value::Object(members) = &mut json {
        members.insert("entries".to_owned(), memory.entries.into());
        members.insert("bytes".to_owned(), memory.bytes.into());
        members.insert("evicted".to_owned(), memory.evicted.into());
        members.insert("flights".to_owned(), cache.flights().len().into());
        members.insert("seats".to_owned(), cache.flights().seats().into());
        if let Some(semantic) = cache.semantic() {
            members.insert("semantic".to_owned(), semantic_stats(semantic));
        }
    }
    json.to_string().into()
}

fn semantic_stats(semantic: &SemanticCache) -> Value {
    let stats = semantic.stats();
    let workloads: Vec<Value> = stats
        .workloads
        .iter()
        .map(|workload| {
            json!({
                "requests": workload.requests, "hits": workload.hits, "coverage": workload.coverage(),
                "observing": workload.observing, "bar": workload.bar,
                "shadowed": workload.shadowed, "miss_labels": workload.miss_labels, "hit_labels": workload.hit_labels,
                "false_hits": workload.false_hits, "error_rate": workload.error_rate,
                "error_rate_upper": workload.error_rate_upper, "recent_error_rate": workload.recent_error_rate,
                "alarms": workload.alarms,
            })
        })
        .collect();
    let mut namespaces = semantic.namespaces();
    namespaces.sort_by_key(|(_, info)| std::cmp::Reverse(info.requests));
    let namespaces: Vec<Value> = namespaces
        .iter()
        .take(MAX_NAMESPACES)
        .map(|(namespace, info)| {
            json!({ "namespace": namespace.to_string(), "scope": info.scope, "target": info.target,
                "requests": info.requests, "hits": info.hits, "saved_tokens": info.saved_tokens })
        })
        .collect();
    json!({ "embedder": semantic.embedder().id(), "clusters": stats.clusters, "quarantined": stats.quarantined,
        "killed": stats.killed, "workloads": workloads, "namespaces": namespaces })
}

/// What entries a request is about.
#[derive(Default)]
struct Selection {
    all: bool,
    tag: Option<String>,
    model: Option<String>,
    scope: Option<String>,
    entry: Option<Key>,
}

impl Selection {
    /// Takes a parameter; false if it is none of a selection.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Error> {
        match name {
            "all" => self.all = flag("all", value)?,
            "tag" => self.tag = Some(value.to_owned()),
            "model" => self.model = Some(value.to_owned()),
            "key" => self.scope = Some(format!("key:{value}")),
            "scope" => self.scope = Some(value.to_owned()),
            "entry" => {
                let key = Key::parse(value).ok_or_else(|| bad("entry", "the id of an entry"))?;
                self.entry = Some(key);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_empty(&self) -> bool {
        let Self { all, tag, model, scope, entry } = self;
        !all && tag.is_none() && model.is_none() && scope.is_none() && entry.is_none()
    }

    /// What is invalidated in one step, where the selection is just that.
    fn subject(&self) -> Option<Subject> {
        match self {
            Self { all: true, tag: None, model: None, scope: None, entry: None } => Some(Subject::All),
            Self { all: false, tag: Some(tag), model: None, scope: None, entry: None } => {
                Some(Subject::Tag(tag.clone()))
            }
            Self { all: false, tag: None, model: Some(model), scope: None, entry: None } => {
                Some(Subject::Model(model.clone()))
            }
            Self { all: false, tag: None, model: None, scope: Some(scope), entry: None } => {
                Some(Subject::Scope(scope.clone()))
            }
            _ => None,
        }
    }

    fn matches(&self, key: &Key, entry: &Entry) -> bool {
        let is_model = |model: &String| {
            model
                .split_once('/')
                .is_some_and(|(provider, model)| *provider == *entry.provider && *model == *entry.model)
        };
        self.tag.as_ref().is_none_or(|tag| entry.tags.iter().any(|known| **known == **tag))
            && self.model.as_ref().is_none_or(is_model)
            && self.scope.as_ref().is_none_or(|scope| *scope == *entry.scope)
            && self.entry.as_ref().is_none_or(|wanted| wanted == key)
    }
}

/// `GET cache/entries?tag=…&model=…&key=…&limit=100`: what is known of entries, without what was asked and answered.
pub(super) fn entries(gateway: &Gateway, query: &str) -> Result<Vec<u8>, Error> {
    let mut selection = Selection::default();
    let mut limit = 100;
    for (name, value) in pairs(query) {
        match name {
            "limit" => limit = value.parse().map_err(|_| bad("limit", "a number"))?,
            name if selection.take(name, &value)? => {}
            _ => return Err(unknown(name)),
        }
    }
    let generation = gateway.current();
    let (cache, now, limit) = (&generation.cache, now_millis(), limit.min(MAX_LISTED));
    let mut listed = Vec::new();
    cache.memory().visit(|key, entry, uses| {
        if selection.matches(key, entry) && cache.epochs().is_current(&entry.stamps) {
            listed.push(describe(key, entry, uses, now));
        }
        listed.len() < limit
    });
    Ok(json!({ "entries": listed }).to_string().into())
}

fn describe(key: &Key, entry: &Entry, uses: u32, now: u64) -> Value {
    let usage = entry.usage.unwrap_or_default();
    json!({
        "id": key.to_string(),
        "kind": match entry.payload { Payload::Answer(_) => "answer", Payload::Text(_) => "text" },
        "provider": entry.provider,
        "model": entry.model,
        "scope": entry.scope,
        "tags": entry.tags,
        "age_ms": u64::try_from(entry.age(now).as_millis()).unwrap_or(u64::MAX),
        "ttl_ms": entry.ttl,
        "is_fresh": entry.freshness(now) == Freshness::Fresh,
        "bytes": entry.size(),
        "uses": uses.saturating_sub(1),
        "input_tokens": usage.input,
        "output_tokens": usage.output,
    })
}

/// `POST cache/purge?tag=…|model=…|key=…|scope=…|entry=…|near=TEXT[&similarity=0.8]|all=true[&dry_run=true]`
///
/// What is named by one property is forgotten everywhere at once, by a new epoch; several properties together only in the
/// memory of this process. `near` forgets whatever was stored for prompts like a text.
pub(super) async fn purge(gateway: &Gateway, query: &str) -> Result<Vec<u8>, Error> {
    let (mut selection, mut dry_run) = (Selection::default(), false);
    let (mut near, mut similarity) = (None, DEFAULT_SIMILARITY);
    for (name, value) in pairs(query) {
        match name {
            "near" => near = Some(value),
            "similarity" => {
                let parsed = value.parse().ok().filter(|similarity| (0.0..=1.0).contains(similarity));
                similarity = parsed.ok_or_else(|| bad("similarity", "a number from 0 to 1"))?;
            }
            "dry_run" => dry_run = flag("dry_run", &value)?,
            name if selection.take(name, &value)? => {}
            _ => return Err(unknown(name)),
        }
    }
    let generation = gateway.current().clone();
    let cache = &generation.cache;
    if let Some(near) = near.filter(|_| selection.is_empty()) {
        let semantic = cache.semantic().ok_or_else(|| {
            let message = "There is no semantic cache, so nothing is known of what prompts are like.";
            Error::invalid_request(message, Some("near"))
        })?;
        let entries = semantic.purge_near(cache, &near, similarity, dry_run).await.map_err(|error| {
            let message = "The prompts like this could not be looked for; try again.";
            Error::new(ErrorKind::Overloaded, message).with_source(error)
        })?;
        return Ok(json!({ "dry_run": dry_run, "entries": entries }).to_string().into());
    }
    if selection.is_empty() {
        let message = "Say what to purge, by one of `tag`, `model`, `key`, `scope`, `entry`, `near` and `all=true`.";
        return Err(Error::new(ErrorKind::InvalidRequest, message));
    }
    let mut count = 0;
    if dry_run {
        cache.memory().visit(|key, entry, _| {
            count += usize::from(selection.matches(key, entry) && cache.epochs().is_current(&entry.stamps));
            true
        });
    } else {
        let is_everywhere = match selection.subject() {
            Some(subject) => cache.invalidate(&subject).await,
            None => true,
        };
        if let (Some(key), Some(shared)) = (&selection.entry, cache.shared()) {
            shared.remove(key).await;
        }
        if !is_everywhere {
            let message = "It was purged from this process only, because the shared store does not answer; try again.";
            return Err(Error::new(ErrorKind::Overloaded, message));
        }
        count = cache.memory().forget_where(|key, entry| selection.matches(key, entry));
        tracing::info!(entries = count, "cache purged");
    }
    Ok(json!({ "dry_run": dry_run, "entries": count }).to_string().into())
}

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    value.parse().map_err(|_| bad(name, "true or false"))
}
