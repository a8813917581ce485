//! What bodies become.

use serde_json::json;
use tollgate_core::NanoUsd;
use tollgate_usage::quota::{self, Amount, Each, OnError, Period, Rate, Unpriced};

use super::*;

#[track_caller]
fn rule(kind: &str, body: &Value) -> quota::Rule {
    convert::rule(kind, "r", body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[test]
fn a_limit_with_little_said() {
    let rule = rule(kinds::LIMIT, &json!({ "limit": 60, "unit": "requests_per_minute" }));
    assert_eq!(rule, quota::Rule::new("r", Amount::Requests { limit: 60, per: Rate::Minute }));
}

#[test]
fn a_limit_with_everything_said() {
    let scope = json!({ "key": "web", "path": "acme/search", "tags": { "a": "b" }, "model": "up/m", "provider": "up" });
    let body = json!({ "name": "n", "scope": scope, "each": "path:2", "limit": 9.0, "unit": "tokens_per_day",
        "cache_hits": "count", "on_error": "closed" });
    let rule = rule(kinds::LIMIT, &body);
    assert_eq!((&*rule.name, rule.each), ("n", Each::PathDepth(2)));
    assert_eq!(rule.amount, Amount::Tokens { limit: 9, per: Rate::Day });
    assert_eq!((rule.cache_hits, rule.on_error), (quota::CacheHits::Count, OnError::Closed));
    assert_eq!((rule.scope.key.as_deref(), rule.scope.model.as_deref()), (Some("web"), Some("up/m")));
    assert_eq!((rule.scope.path.as_deref(), rule.scope.tags.len()), (Some("acme/search"), 1));
}

#[test]
fn budgets_are_hard_unless_it_is_said_otherwise() {
    let hard = rule(kinds::BUDGET, &json!({ "limit_nano_usd": 5, "per": "month" }));
    assert_eq!(hard, quota::Rule::new("r", Amount::Budget(quota::Budget::hard(NanoUsd(5), Period::Month))));
    let body = json!({ "limit_nano_usd": 5, "per": "total", "hard": false, "warn_at": [50], "unpriced": "allow" });
    let soft = rule(kinds::BUDGET, &body);
    let budget = soft.budget().expect("a budget");
    assert_eq!((budget.is_hard, &*budget.warn_at, budget.unpriced), (false, &[50][..], Unpriced::Allow));
    assert_eq!(soft.on_error, OnError::Open);
}

#[test]
fn what_makes_no_sense() {
    for (kind, body) in [
        (kinds::LIMIT, json!({ "limit": 60 })),
        (kinds::LIMIT, json!({ "limit": -1, "unit": "requests_per_minute" })),
        (kinds::LIMIT, json!({ "limit": 1.5, "unit": "requests_per_minute" })),
        (kinds::LIMIT, json!({ "limit": 1, "unit": "requests_per_week" })),
        (kinds::LIMIT, json!({ "limit": 1, "unit": "requests_per_minute", "scopes": {} })),
        (kinds::LIMIT, json!({ "limit": 1, "unit": "requests_per_minute", "each": "path:9" })),
        (kinds::LIMIT, json!({ "limit": 1, "unit": "requests_per_minute", "scope": { "model": "no-provider" } })),
        (kinds::BUDGET, json!({ "limit_nano_usd": 1, "per": "year" })),
        (kinds::BUDGET, json!({ "limit_nano_usd": 1, "per": "day", "warn_at": [101] })),
        (kinds::BUDGET, json!("5 dollars")),
    ] {
        assert!(check(kind, &body).is_err(), "{body}");
    }
    assert_eq!(check("other", &json!(1)), Ok(()));
}
