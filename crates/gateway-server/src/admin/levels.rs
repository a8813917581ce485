//! What limits and budgets stand at.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_core::Tag;
use tollgate_usage::directory::AuditEntry;
use tollgate_usage::quota::{self, Amount, Each, Match, Rule};

use super::keys::KeyId;
use super::rest::{Call, Failure, Json, Kind, Name, Nothing, PathText, Time};
use super::rules::{RuleId, RuleKind};
use crate::gateway::Gateway;

/// Which counter of a rule.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct LevelQuery {
    /// That of the key with this name, if the rule counts for each key.
    key: Option<Name>,
    /// That of this path, if the rule counts for each path.
    path: Option<PathText>,
}

/// What a counter is set to.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    /// That of the key with this name, if the budget counts for each key.
    key: Option<Name>,
    /// That of this path, if the budget counts for each path.
    path: Option<PathText>,
}

/// What a counter stands at. Numbers of a budget are nano-dollars.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Level {
    /// What the rule is known by; that of a configured one says where it is written.
    rule: String,
    /// What clients are told it is called.
    name: String,
    unit: Unit,
    /// The span of a limit, the period of a budget; null for requests at the same time.
    per: Option<&'static str>,
    /// Whether requests beyond it are refused.
    hard: bool,
    limit: u64,
    /// What was used.
    used: u64,
    /// What is held for requests that have not ended.
    held: u64,
    /// What is left; 0 if it is exceeded.
    remaining: u64,
    /// When the counter is at zero again if nothing more is used; null if it has no such time.
    resets_at: Option<Time>,
}

#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "LevelUnit"))]
#[serde(rename_all = "snake_case")]
enum Unit {
    Requests,
    Tokens,
    ConcurrentRequests,
    NanoUsd,
}

/// The levels of a key.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Levels {
    /// One for each limit and budget that all requests of the key count for. Those that depend on the model, the provider or
    /// tags that a client gives are not among them.
    items: Vec<Level>,
}

/// `GET limits/{id}/level`, `GET budgets/{id}/level`
pub(super) async fn get<R: RuleKind>(call: Call<RuleId, LevelQuery>) -> Result<Json<Level>, Failure> {
    let LevelQuery { key, path } = &call.query;
    let matched = find::<R>(&call.gateway, &call.path, key.as_ref(), path.as_ref())?;
    Ok(Json(of(&call.gateway, &matched).await?))
}

/// `POST budgets/{id}/reset`
pub(super) async fn reset<R: RuleKind>(call: Call<RuleId, Nothing, Json<Reset>>) -> Result<Json<Level>, Failure> {
    let Reset { key, path } = &call.body.0;
    let matched = find::<R>(&call.gateway, &call.path, key.as_ref(), path.as_ref())?;
    let before = of(&call.gateway, &matched).await?;
    call.gateway.limits().quotas().reset(&matched, 0).await.map_err(|error| away(&error))?;
    let entry = AuditEntry::new(&call.actor, R::KIND, &call.path.id.0, "reset");
    let counter = &*matched.counter;
    let told = |used: u64| json!({ "counter": counter, "used": used });
    call.gateway.managed.record(entry.before(told(before.used)).after(told(0)));
    Ok(Json(of(&call.gateway, &matched).await?))
}

/// `GET keys/{key}/levels`
pub(super) async fn of_key(call: Call<KeyId>) -> Result<Json<Levels>, Failure> {
    let key = call.directory()?.find_key(&call.path.key.0).await?;
    let tags = key.tags.iter();
    let tags: Vec<_> =
        tags.map(|(name, value)| Tag { name: name.as_str().into(), value: value.as_str().into() }).collect();
    let path = key.path.as_ref().map(ToString::to_string);
    let facts = quota::Facts { key: Some(&key.name), path: path.as_deref(), tags: &tags, target: None };
    Ok(Json(Levels { items: all(&call.gateway, &facts).await? }))
}

/// What all rules stand at that requests with these facts count for.
pub(super) async fn all(gateway: &Gateway, facts: &quota::Facts<'_>) -> Result<Vec<Level>, Failure> {
    let mut levels = Vec::new();
    for cache_hits in [quota::CacheHits::Count, quota::CacheHits::Free] {
        for matched in gateway.limits().quotas().matching(facts, cache_hits) {
            levels.push(of(gateway, &matched).await?);
        }
    }
    Ok(levels)
}

async fn of(gateway: &Gateway, matched: &Match) -> Result<Level, Failure> {
    let level = gateway.limits().quotas().level(matched).await.map_err(|error| away(&error))?;
    Ok(Level::new(&matched.rule, level))
}

/// The counter of a rule that a document says.
fn find<R: RuleKind>(
    gateway: &Gateway,
    path_of_rule: &RuleId,
    key: Option<&Name>,
    path: Option<&PathText>,
) -> Result<Match, Failure> {
    let id = crate::rules::id_of(R::KIND, &path_of_rule.id.0);
    let rules = gateway.limits().quotas().book().rules();
    let missing = || Failure::new(Kind::NotFound, format!("There is no {} `{}`.", R::KIND, path_of_rule.id.0));
    let rule = rules.get(&id).ok_or_else(missing)?;
    let needs = |what: &str| Failure::new(Kind::Conflict, format!("This rule counts for each {what}; say which."));
    let counter = match rule.each {
        Each::Together => rule.id.to_string(),
        Each::Key => format!("{}|{}", rule.id, key.ok_or_else(|| needs("key"))?.0),
        Each::PathDepth(_) => format!("{}|{}", rule.id, path.ok_or_else(|| needs("path"))?.0),
    };
    Ok(Match { rule: rule.clone(), counter: counter.into() })
}

fn away(error: &quota::StoreError) -> Failure {
    tracing::warn!(error = error as &dyn std::error::Error, "the counters do not answer");
    Failure::new(Kind::Unavailable, "The counters do not answer; ask again.")
}

// === impl Level ===

impl Level {
    fn new(rule: &Rule, level: quota::Level) -> Self {
        let (unit, per, hard) = match &rule.amount {
            Amount::Requests { per, .. } => (Unit::Requests, Some(per.name()), true),
            Amount::Tokens { per, .. } => (Unit::Tokens, Some(per.name()), true),
            Amount::Concurrent { .. } => (Unit::ConcurrentRequests, None, true),
            Amount::Budget(budget) => (Unit::NanoUsd, Some(budget.per.name()), budget.is_hard),
        };
        let limit = rule.amount.limit();
        let taken = level.used.saturating_add(level.held);
        let resets_at = SystemTime::now().checked_add(level.reset).filter(|_| !level.reset.is_zero());
        Self {
            rule: rule.id.to_string(),
            name: rule.name.to_string(),
            unit,
            per,
            hard,
            limit,
            used: level.used,
            held: level.held,
            remaining: limit.saturating_sub(taken),
            resets_at: resets_at.map(Time),
        }
    }
}
