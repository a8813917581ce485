//! Sums.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tollgate_usage::{GroupBy, Quantiles, Query};

use super::filter::narrowing;
use super::sums::Sums;
#[cfg(feature = "schema")]
use crate::admin::rest::TAG_PATTERN;
use crate::admin::rest::{Call, Failure, Json, List, Nothing, PathText, TagPair, Time, Word, is_tag};

/// What to sum.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct SummaryQuery {
    /// Only requests from this time on, rounded down to the hour.
    from: Option<Time>,
    /// Only requests from before this time, rounded down to the hour.
    until: Option<Time>,
    /// One group for each combination of these: `provider`, `model`, `key`, `path`, `path:N` (its first N parts),
    /// `operation`, `cache`, `error`, `hour`, `day` and `tag:NAME`.
    #[serde(default)]
    group_by: List<By>,
    /// Whether to tell how long requests took as well.
    #[serde(default)]
    quantiles: bool,
    /// Only those of the key with this name.
    key: Option<Word>,
    /// Only those of this path or one below it.
    path: Option<PathText>,
    /// Only those with all of these tags.
    #[serde(default)]
    tags: List<TagPair>,
    /// Only those of this model, as the provider was asked for it.
    model: Option<Word>,
    /// Only those of this provider.
    provider: Option<Word>,
    /// Only those of this operation.
    operation: Option<Word>,
    /// Only those of which caches did this, such as `hit` or `miss`.
    cache: Option<Word>,
    /// Only those that failed with this code.
    error: Option<Word>,
}

/// A property to group by.
struct By(GroupBy);

/// Sums, all together and by group.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(in crate::admin) struct Summary {
    /// Everything together.
    total: Total,
    /// One for each group, the largest number of tokens first.
    groups: Vec<Group>,
}

/// The sums of everything.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Total {
    #[serde(flatten)]
    sums: Sums,
    #[serde(flatten)]
    times: Times,
}

/// The sums of one group.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Group {
    /// The values grouped by; null where requests have none.
    by: BTreeMap<String, Option<String>>,
    #[serde(flatten)]
    sums: Sums,
    #[serde(flatten)]
    times: Times,
}

/// How long requests took; left out unless it was asked for.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Times {
    /// From receiving a request to the end of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Distribution>,
    /// From receiving a request to the first token of a streamed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_to_first_token: Option<Distribution>,
}

/// Quantiles in milliseconds, off by at most a sixteenth.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Distribution {
    /// Half of the times are at most this.
    p50_ms: f64,
    /// Nine of ten are at most this.
    p90_ms: f64,
    /// All but one in a hundred are at most this.
    p99_ms: f64,
}

/// `GET usage/summary`
pub(in crate::admin) async fn summary(call: Call<Nothing, SummaryQuery>) -> Result<Json<Summary>, Failure> {
    let query = call.query;
    let query = Query {
        from: query.from.map(|time| time.0),
        until: query.until.map(|time| time.0),
        group_by: query.group_by.into_iter().map(|by| by.0).collect(),
        quantiles: query.quantiles,
        filter: narrowing!(query).into(),
    };
    Ok(Json(call.gateway.accounts.reader().await.summary(&query).await?.into()))
}

impl From<tollgate_usage::Summary> for Summary {
    fn from(summary: tollgate_usage::Summary) -> Self {
        let tollgate_usage::Summary { total, times, groups } = summary;
        let groups = groups.into_iter().map(|tollgate_usage::Group { by, totals, times }| Group {
            by,
            sums: totals.into(),
            times: times.into(),
        });
        Self { total: Total { sums: total.into(), times: times.into() }, groups: groups.collect() }
    }
}

// === impl Times ===

impl From<tollgate_usage::Times> for Times {
    fn from(times: tollgate_usage::Times) -> Self {
        let tollgate_usage::Times { latency, time_to_first_token } = times;
        let distribution = |Quantiles { p50_ms, p90_ms, p99_ms }| Distribution { p50_ms, p90_ms, p99_ms };
        Self { latency: latency.map(distribution), time_to_first_token: time_to_first_token.map(distribution) }
    }
}

// === impl By ===

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = match text.split_once(':') {
            Some(("tag", name)) => is_tag(name),
            // A plus sign or a zero in front would be another way to write the same group.
            Some(("path", parts)) => matches!(parts.as_bytes(), [b'1'..=b'8']),
            _ => true,
        };
        let parsed = GroupBy::parse(&text).filter(|_| is_plain);
        parsed.map(Self).ok_or_else(|| D::Error::custom(format_args!("must be one of {}", GroupBy::FORMS)))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for By {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GroupBy".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words = "provider|model|key|path|path:[1-8]|operation|cache|error|hour|day";
        schemars::json_schema!({ "type": "string", "pattern": format!("^({words}|tag:{TAG_PATTERN})$") })
    }
}
