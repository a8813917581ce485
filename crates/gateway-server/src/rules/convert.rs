//! From bodies to rules.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tollgate_core::NanoUsd;
use tollgate_usage::directory::{Document, Snapshot, VirtualKey, kinds};
use tollgate_usage::quota::{self, Rate, Rule};

use super::body::{Budget, CacheHits, Limit, OnError, Period, Unit, Unpriced};
use super::scope::Scope;
use crate::texts::Object;

/// The rules of everything that is managed. What cannot be read is left out and logged: it was checked when it was written,
/// so only another version of the program can have written it.
pub(crate) fn of_snapshot(snapshot: &Snapshot) -> Vec<Rule> {
    let documents = snapshot.documents.iter().filter_map(|document| {
        let Document { kind, id, body, .. } = document;
        matches!(kind.as_str(), kinds::LIMIT | kinds::BUDGET).then(|| rule(kind, &id_of(kind, id), body))
    });
    let documents =
        documents.filter_map(|rule| rule.map_err(|error| tracing::error!(error, "a rule is not in use")).ok());
    documents.chain(snapshot.keys.iter().flat_map(of_key)).collect()
}

/// What the rule of a document is known by.
pub(crate) fn id_of(kind: &str, id: &str) -> String {
    format!("{kind}:{id}")
}

/// The rules of a virtual key. Each is known by the key and by its name, or else by what it is about, so that what was
/// counted stays when others come and go.
fn of_key(key: &VirtualKey) -> Vec<Rule> {
    let limits = key.limits.iter().map(|body| (kinds::LIMIT, body));
    let budgets = key.budgets.iter().map(|body| (kinds::BUDGET, body));
    let mut ids = HashSet::new();
    let rules = limits.chain(budgets).filter_map(|(kind, body)| {
        let id = format!("key:{}:{}", key.id, told_apart(kind, body));
        let mut rule = rule(kind, &id, body).map_err(|error| tracing::error!(error, "a rule is not in use")).ok()?;
        rule.scope.key = Some(key.name.as_str().into());
        let mut number = 2;
        while !ids.insert(rule.id.clone()) {
            rule.id = format!("{id}#{number}").into();
            number += 1;
        }
        Some(rule)
    });
    rules.collect()
}

/// The rule that a body is.
///
/// # Errors
/// What is wrong with it.
pub(super) fn rule(kind: &str, id: &str, body: &Value) -> Result<Rule, String> {
    Ok(match kind {
        kinds::BUDGET => read::<Budget<Scope>>(body)?.rule(id),
        _ => read::<Limit<Scope>>(body)?.rule(id),
    })
}

fn read<T: DeserializeOwned>(body: &Value) -> Result<T, String> {
    Object::deserialize(body).map(|object: Object<T>| object.0).map_err(|error| error.to_string())
}

/// What tells the rules of a key apart.
fn told_apart(kind: &str, body: &Value) -> String {
    let what = if kind == kinds::BUDGET {
        read::<Budget<Scope>>(body).map(|budget| (budget.name, budget.per.name().to_owned(), budget.scope.0))
    } else {
        read::<Limit<Scope>>(body).map(|limit| (limit.name, limit.unit.name().to_owned(), limit.scope.0))
    };
    match what {
        Ok((Some(name), ..)) => format!("{kind}:{}", name.0),
        Ok((None, what, scope)) => format!("{kind}:{what}{scope}"),
        Err(_) => kind.to_owned(),
    }
}

// === impl Limit ===

impl Limit<Scope> {
    fn rule(self, id: &str) -> Rule {
        let limit = self.limit.0;
        let amount = match self.unit {
            Unit::RequestsPerMinute => quota::Amount::Requests { limit, per: Rate::Minute },
            Unit::RequestsPerHour => quota::Amount::Requests { limit, per: Rate::Hour },
            Unit::RequestsPerDay => quota::Amount::Requests { limit, per: Rate::Day },
            Unit::TokensPerMinute => quota::Amount::Tokens { limit, per: Rate::Minute },
            Unit::TokensPerHour => quota::Amount::Tokens { limit, per: Rate::Hour },
            Unit::TokensPerDay => quota::Amount::Tokens { limit, per: Rate::Day },
            Unit::ConcurrentRequests => quota::Amount::Concurrent { limit },
        };
        Rule {
            name: self.name.map_or_else(|| Arc::from(id), |name| name.0.into()),
            scope: self.scope.0.into(),
            each: self.each.0,
            cache_hits: self.cache_hits.into(),
            on_error: self.on_error.into(),
            ..Rule::new(id, amount)
        }
    }
}

// === impl Budget ===

impl Budget<Scope> {
    fn rule(self, id: &str) -> Rule {
        let (limit, per) = (NanoUsd(self.limit_nano_usd.0), self.per.into());
        let mut budget = if self.hard { quota::Budget::hard(limit, per) } else { quota::Budget::soft(limit, per) };
        if let Some(warn_at) = self.warn_at {
            budget.warn_at = warn_at.into_iter().map(|percent| percent.0).collect();
        }
        budget.unpriced = self.unpriced.into();
        let rule = Rule::new(id, quota::Amount::Budget(budget));
        Rule {
            name: self.name.map_or_else(|| Arc::from(id), |name| name.0.into()),
            scope: self.scope.0.into(),
            each: self.each.0,
            cache_hits: self.cache_hits.into(),
            on_error: self.on_error.map_or(rule.on_error, Into::into),
            ..rule
        }
    }
}

// === impl Unit ===

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::RequestsPerHour => "requests_per_hour",
            Self::RequestsPerDay => "requests_per_day",
            Self::TokensPerMinute => "tokens_per_minute",
            Self::TokensPerHour => "tokens_per_hour",
            Self::TokensPerDay => "tokens_per_day",
            Self::ConcurrentRequests => "concurrent_requests",
        }
    }
}

// === impl Period ===

impl Period {
    fn name(self) -> &'static str {
        quota::Period::from(self).name()
    }
}

impl From<Period> for quota::Period {
    fn from(period: Period) -> Self {
        match period {
            Period::Hour => Self::Hour,
            Period::Day => Self::Day,
            Period::Week => Self::Week,
            Period::Month => Self::Month,
            Period::Total => Self::Total,
        }
    }
}

impl From<CacheHits> for quota::CacheHits {
    fn from(cache_hits: CacheHits) -> Self {
        match cache_hits {
            CacheHits::Count => Self::Count,
            CacheHits::Free => Self::Free,
        }
    }
}

impl From<OnError> for quota::OnError {
    fn from(on_error: OnError) -> Self {
        match on_error {
            OnError::Open => Self::Open,
            OnError::Closed => Self::Closed,
        }
    }
}

impl From<Unpriced> for quota::Unpriced {
    fn from(unpriced: Unpriced) -> Self {
        match unpriced {
            Unpriced::Refuse => Self::Refuse,
            Unpriced::Allow => Self::Allow,
        }
    }
}
