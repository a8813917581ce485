//! From what is written to rules.

use std::sync::Arc;

use tollgate_core::Tag;
use tollgate_usage::quota::{Amount, Budget, CacheHits, Each, OnError, Period, Rate, Rule, Scope, Unpriced};

use crate::config::Config;
use crate::config::types::{
    BudgetEntry, BudgetMode, CacheHitsName, EachName, Entries, OnErrorName, PerSpan, PeriodName, RateLimit, SpanUnit,
    UnpricedName,
};

/// The rules of a configuration. An id says where its rule is written, so that it stays the same from start to start.
pub(super) fn of(config: &Config) -> Vec<Rule> {
    let limits = config.rate_limits.iter().flat_map(|(name, limit)| rate_limit(name, limit));
    limits.chain(config.budgets.iter().filter_map(|(name, entry)| budget(name, entry))).collect()
}

fn rate_limit(name: &str, limit: &RateLimit) -> Vec<Rule> {
    let scope = scope(&limit.key, &limit.path, &limit.tags, &limit.model, &limit.provider);
    let rate = |per: PerSpan| match per.unit {
        SpanUnit::Minute => Rate::Minute,
        SpanUnit::Hour => Rate::Hour,
        SpanUnit::Day => Rate::Day,
    };
    let amounts = [
        ("requests", limit.requests.map(|per| Amount::Requests { limit: per.limit, per: rate(per) })),
        ("tokens", limit.tokens.map(|per| Amount::Tokens { limit: per.limit, per: rate(per) })),
        ("concurrent", limit.concurrent.map(|limit| Amount::Concurrent { limit })),
    ];
    let rule = |(kind, amount): (&str, Option<Amount>)| {
        let rule = Rule::new(format!("rate_limits.{name}.{kind}"), amount?);
        Some(Rule {
            name: name.into(),
            scope: scope.clone(),
            each: each(limit.each),
            cache_hits: match limit.cache_hits {
                CacheHitsName::Free => CacheHits::Free,
                CacheHitsName::Count => CacheHits::Count,
            },
            on_error: limit.on_error.map_or(rule.on_error, on_error),
            ..rule
        })
    };
    amounts.into_iter().filter_map(rule).collect()
}

/// Nothing without a limit, which the checks do not let pass.
fn budget(name: &str, entry: &BudgetEntry) -> Option<Rule> {
    let amount = Amount::Budget(Budget {
        limit: entry.limit?.get(),
        per: match entry.per {
            PeriodName::Hour => Period::Hour,
            PeriodName::Day => Period::Day,
            PeriodName::Week => Period::Week,
            PeriodName::Month => Period::Month,
            PeriodName::Total => Period::Total,
        },
        is_hard: entry.mode == BudgetMode::Hard,
        warn_at: entry.warn_at.clone(),
        unpriced: match entry.unpriced {
            UnpricedName::Refuse => Unpriced::Refuse,
            UnpricedName::Allow => Unpriced::Allow,
        },
    });
    let rule = Rule::new(format!("budgets.{name}"), amount);
    Some(Rule {
        name: name.into(),
        scope: scope(&entry.key, &entry.path, &entry.tags, &entry.model, &entry.provider),
        each: each(entry.each),
        on_error: entry.on_error.map_or(rule.on_error, on_error),
        ..rule
    })
}

fn scope(
    key: &Option<String>,
    path: &Option<String>,
    tags: &Entries<String>,
    model: &Option<String>,
    provider: &Option<String>,
) -> Scope {
    let text = |text: &Option<String>| text.as_deref().map(Arc::from);
    let tags = tags.iter().map(|(name, value)| Tag { name: name.into(), value: value.as_str().into() }).collect();
    Scope { key: text(key), path: text(path), tags, model: text(model), provider: text(provider) }
}

fn each(name: Option<EachName>) -> Each {
    match name {
        None => Each::Together,
        Some(EachName::Key) => Each::Key,
        Some(EachName::Path(depth)) => Each::PathDepth(depth),
    }
}

fn on_error(name: OnErrorName) -> OnError {
    match name {
        OnErrorName::Open => OnError::Open,
        OnErrorName::Closed => OnError::Closed,
    }
}
