//! Limits and budgets.

use http::Uri;

use super::Check;
use super::sections::zeros;
use crate::config::types::{BudgetEntry, ConfigFile, RateLimit, RedisServer};

pub(super) fn check(check: &mut Check<'_>, file: &ConfigFile) {
    for (name, limit) in file.rate_limits.iter() {
        let path = format!("rate_limits.{name}");
        named(check, &path, name);
        rate_limit(check, &path, limit);
        scope(check, &path, limit.model.as_deref(), limit.path.as_deref());
    }
    for (name, budget) in file.budgets.iter() {
        let path = format!("budgets.{name}");
        named(check, &path, name);
        self::budget(check, &path, budget);
        scope(check, &path, budget.model.as_deref(), budget.path.as_deref());
    }
    let quota = &file.quota;
    zeros(check, &[("quota.lease", quota.lease.is_zero())], "nothing would be held", "write a time such as 60s");
    if !matches!(quota.budget_status, 402 | 429) {
        check.wrong("quota.budget_status", "must be 402 or 429", "leave it out for 402");
    }
    if let Some(redis) = &quota.redis {
        redis_server(check, redis);
    }
    if let Some(webhook) = &quota.webhook {
        let uri = webhook.url.as_ref().and_then(|url| url.0.expose().parse::<Uri>().ok());
        let is_url = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        if !is_url {
            check.wrong("quota.webhook.url", "not an address", "write url: https://hooks.example.com/budgets");
        }
        if webhook.token.as_ref().is_some_and(|token| http::HeaderValue::from_str(token.0.expose()).is_err()) {
            check.wrong("quota.webhook.token", "not fit for a header", "write visible ASCII characters only");
        }
    }
}

fn rate_limit(check: &mut Check<'_>, path: &str, limit: &RateLimit) {
    if limit.requests.is_none() && limit.tokens.is_none() && limit.concurrent.is_none() {
        let hint = "write requests: 60/minute, tokens: 100000/minute or concurrent: 10";
        check.wrong(path, "this limits nothing", hint);
    }
    zeros(
        check,
        &[
            (&format!("{path}.requests"), limit.requests.is_some_and(|per| per.limit == 0)),
            (&format!("{path}.tokens"), limit.tokens.is_some_and(|per| per.limit == 0)),
            (&format!("{path}.concurrent"), limit.concurrent == Some(0)),
        ],
        "a limit of zero would let nothing through",
        "write how much is allowed, or leave the key out for no limit",
    );
}

fn budget(check: &mut Check<'_>, path: &str, budget: &BudgetEntry) {
    match budget.limit {
        None => check.wrong(path, "a budget needs a limit", "write limit: 500 for so many dollars"),
        Some(limit) if limit.get().0 == 0 => {
            check.wrong(&format!("{path}.limit"), "must be more than nothing", "write an amount such as 12.50");
        }
        Some(_) => {}
    }
    if budget.warn_at.iter().any(|percent| !(1..=100).contains(percent)) {
        check.wrong(&format!("{path}.warn_at"), "must be percentages from 1 to 100", "write warn_at: [80, 100]");
    }
}

fn named(check: &mut Check<'_>, path: &str, name: &str) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(is_plain) {
        let error = check.document.key_error(path, "a name has letters, digits, `-`, `_` and `.`");
        check.report(error);
    }
}

fn scope(check: &mut Check<'_>, path: &str, model: Option<&str>, subtree: Option<&str>) {
    let halves = model.map(|model| model.split_once('/').unwrap_or_default());
    if halves.is_some_and(|(provider, model)| provider.is_empty() || model.is_empty()) {
        check.wrong(&format!("{path}.model"), "not the full name of a model", "write provider/model, not an alias");
    }
    if subtree.is_some_and(|subtree| subtree.split('/').any(str::is_empty)) {
        let hint = "write it like acme/search, without a slash at either end";
        check.wrong(&format!("{path}.path"), "a path has no empty parts", hint);
    }
}

fn redis_server(check: &mut Check<'_>, redis: &RedisServer) {
    match &redis.url {
        None => check.wrong("quota.redis.url", "a server needs an address", "write url: redis://host:6379"),
        Some(url) if tollgate_cache::redis::RedisClient::builder(url.0.clone()).build().is_err() => {
            let hint = "write redis://user:password@host:port/database";
            check.wrong("quota.redis.url", "not an address of Redis", hint);
        }
        Some(_) => {}
    }
    let times = [
        ("quota.redis.read_timeout", redis.read_timeout.is_zero()),
        ("quota.redis.write_timeout", redis.write_timeout.is_zero()),
    ];
    zeros(check, &times, "a time of zero would end everything at once", "leave it out for the default");
}
