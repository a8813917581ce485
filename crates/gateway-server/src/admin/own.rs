//! What a client may know of itself: `GET /v1/usage`, with the client's own key. It is no part of the admin API, but made of
//! the same parts.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use tollgate_core::{Body, Identity};
use tollgate_http::{Authenticate, credential, request_id};
use tollgate_usage::quota::Facts;
use tollgate_usage::{Filter, GroupBy, Query};

use super::levels::{self, Level};
use super::rest::{Answer, Failure, Json, Kind, Time, read_query};
#[cfg(feature = "schema")]
use super::rest::{Documented, Nothing};
use super::usage::{Group, Sums};
use crate::gateway::{Gateway, Generation};

/// Since when, unless it is said.
const DEFAULT_SPAN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Which of one's requests.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct OwnUsageQuery {
    /// Only requests from this time on, rounded down to the hour. Left out: the last 30 days.
    from: Option<Time>,
    /// Only requests from before this time, rounded down to the hour.
    until: Option<Time>,
}

/// What the holder of a key has used, and what it may still use.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct OwnUsage {
    /// The name of the key.
    key: String,
    /// Where it belongs.
    path: Option<String>,
    from: Time,
    total: Sums,
    /// By day and model, the largest number of tokens first.
    groups: Vec<Group>,
    /// The limits and budgets that all requests of the key count for. Those that depend on the model, the provider or on tags
    /// that a request gives are not among them.
    limits: Vec<Level>,
}

/// Where it is, for the document.
#[cfg(feature = "schema")]
pub(super) const PATH: &str = "v1/usage";

/// What the document says of it.
#[cfg(feature = "schema")]
pub(super) fn documented() -> Documented {
    let mut documented = Documented::new::<Nothing, OwnUsageQuery, Nothing, Json<OwnUsage>>(
        "get_own_usage",
        "What the key that asks has used, and what it may still use.",
    );
    documented.notes = "Asked with a client's key, not with the admin key.";
    documented.failures = vec![Kind::Unavailable];
    documented
}

/// Answers a request for the client's own usage.
pub(crate) async fn answer(
    gateway: &Gateway,
    generation: &Arc<Generation>,
    method: &Method,
    headers: &HeaderMap,
    query: &str,
) -> http::Response<Body> {
    let id = request_id(headers);
    let mut response = match usage(gateway, generation, method, headers, query).await {
        Ok(usage) => Json(usage).into_response(),
        Err(failure) => failure.into_response(&id),
    };
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

async fn usage(
    gateway: &Gateway,
    generation: &Arc<Generation>,
    method: &Method,
    headers: &HeaderMap,
    query: &str,
) -> Result<OwnUsage, Failure> {
    if method != Method::GET {
        let message = format!("/v1/usage takes GET, not {method}.");
        return Err(Failure::new(Kind::MethodNotAllowed, message).with_allow("GET".to_owned()));
    }
    let Identity { key, path, tags, .. } = generation.keys.authenticate(credential(headers).as_ref()).await?;
    // Without a key, nobody can tell whose requests are whose.
    let key = key.ok_or_else(|| Failure::new(Kind::Forbidden, "Usage is told by key, and you have sent none."))?;
    let OwnUsageQuery { from, until } = read_query(query)?;
    let now = SystemTime::now();
    let from = from.map_or_else(|| now.checked_sub(DEFAULT_SPAN).unwrap_or(now), |time| time.0);
    let query = Query {
        from: Some(from),
        until: until.map(|time| time.0),
        group_by: vec![GroupBy::Day, GroupBy::Model],
        filter: Filter { key: Some(key.to_string()), ..Filter::default() },
        ..Query::default()
    };
    let summary = gateway.accounts.reader().await.summary(&query).await?;
    let facts =
        Facts { key: Some(&key), path: path.as_deref(), tags: tags.as_deref().unwrap_or_default(), target: None };
    Ok(OwnUsage {
        key: key.to_string(),
        path: path.as_deref().map(str::to_owned),
        from: Time(from),
        total: summary.total.into(),
        groups: summary.groups.into_iter().map(Into::into).collect(),
        limits: levels::all(gateway, &facts).await?,
    })
}
