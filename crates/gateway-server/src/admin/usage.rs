//! What was used.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate_core::Error;
use tollgate_usage::{GroupBy, Query};

use super::query::{bad, pairs, unknown};
use crate::gateway::Gateway;

const MAX_RECENT: usize = 1000;

/// `GET usage/summary?group_by=provider,model&from=…&until=…`
pub(super) fn summary(gateway: &Gateway, query: &str) -> Result<Vec<u8>, Error> {
    let mut wanted = Query::default();
    for (name, value) in pairs(query) {
        match name {
            "group_by" => {
                let parse = |by: &str| {
                    GroupBy::parse(by)
                        .ok_or_else(|| bad("group_by", "provider, model, key, operation, hour or tag:NAME"))
                };
                wanted.group_by = value.split(',').filter(|by| !by.is_empty()).map(parse).collect::<Result<_, _>>()?;
            }
            "from" => wanted.from = Some(time("from", &value)?),
            "until" => wanted.until = Some(time("until", &value)?),
            _ => return Err(unknown(name)),
        }
    }
    Ok(json!(gateway.ledger.summary(&wanted)).to_string().into())
}

/// `GET usage/recent?limit=100`, the newest first.
pub(super) fn recent(gateway: &Gateway, query: &str) -> Result<Vec<u8>, Error> {
    let mut limit = 100;
    for (name, value) in pairs(query) {
        match name {
            "limit" => limit = value.parse().map_err(|_| bad("limit", "a number"))?,
            _ => return Err(unknown(name)),
        }
    }
    let mut json = br#"{"records":["#.to_vec();
    for (index, record) in gateway.ledger.recent(limit.min(MAX_RECENT)).iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        record.write_json(&mut json);
    }
    json.extend_from_slice(b"]}");
    Ok(json)
}

/// Seconds since 1970, or a time of RFC 3339.
fn time(name: &'static str, value: &str) -> Result<SystemTime, Error> {
    let seconds = value.parse::<u64>().ok().and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    seconds
        .or_else(|| value.parse::<jiff::Timestamp>().ok().map(SystemTime::from))
        .ok_or_else(|| bad(name, "seconds since 1970 or a time such as 2026-01-31T12:00:00Z"))
}
