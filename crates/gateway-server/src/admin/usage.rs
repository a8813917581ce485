//! What was used.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tollgate_usage::database::DatabaseError;
use tollgate_usage::{GroupBy, Query};

use super::rest::{Call, Failure, Json, Kind, Limit, List, Nothing, Time};
use super::sums::Sums;

/// What to sum.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SummaryQuery {
    /// Only requests from this time on, rounded down to the hour.
    from: Option<Time>,
    /// Only requests from before this time, rounded down to the hour.
    until: Option<Time>,
    /// One group for each combination of these: `provider`, `model`, `key`, `path`, `path:N` for
    /// its first N parts, `operation`, `cache`, `error`, `hour`, `day` and `tag:NAME`.
    #[serde(default)]
    group_by: List<By>,
}

/// A property to group by.
pub(super) struct By(GroupBy);

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        GroupBy::parse(&text).map(Self).ok_or_else(|| D::Error::custom(format_args!("must be {}", GroupBy::FORMS)))
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
        schemars::json_schema!({ "type": "string", "pattern": "^(provider|model|key|path|path:[1-9][0-9]{0,8}|operation|cache|error|hour|day|tag:[^,]+)$" })
    }
}

/// Sums, all together and by group.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Summary {
    /// Everything together.
    total: Sums,
    /// One for each group, the largest number of tokens first.
    groups: Vec<Group>,
}

/// The sums of one group.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Group {
    /// The values grouped by; null where requests have none.
    by: BTreeMap<String, Option<String>>,
    #[serde(flatten)]
    sums: Sums,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RecentQuery {
    /// How many.
    #[serde(default)]
    limit: Limit,
}

/// Records.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Recent {
    #[cfg_attr(feature = "schema", schemars(with = "Vec<super::record::Record>"))]
    records: Vec<Box<RawValue>>,
}

/// `GET usage/summary`
pub(super) async fn summary(call: Call<Nothing, SummaryQuery>) -> Result<Json<Summary>, Failure> {
    let SummaryQuery { from, until, group_by } = call.query;
    let query = Query {
        from: from.map(|time| time.0),
        until: until.map(|time| time.0),
        group_by: group_by.into_iter().map(|by| by.0).collect(),
        ..Query::default()
    };
    let summary = call.gateway.accounts.reader().await.summary(&query).await;
    let tollgate_usage::Summary { total, groups, .. } = summary.map_err(|error| away(&error))?;
    let groups = groups.into_iter().map(|group| Group { by: group.by, sums: group.totals.into() });
    Ok(Json(Summary { total: total.into(), groups: groups.collect() }))
}

/// `GET usage/recent`
pub(super) async fn recent(call: Call<Nothing, RecentQuery>) -> Result<Json<Recent>, Failure> {
    let records = call.gateway.accounts.memory.recent(call.query.limit.0);
    let records = records.iter().map(|record| {
        let mut json = Vec::with_capacity(512);
        record.write_json(&mut json);
        serde_json::from_slice(&json)
    });
    let records = records.collect::<Result<_, _>>();
    records.map(|records| Json(Recent { records })).map_err(|error| {
        tracing::error!(%error, "a record is not JSON");
        Failure::new(Kind::Internal, "The records could not be written; the log says why.")
    })
}

/// What a database says is for the operator's log; it may name hosts and users.
fn away(error: &DatabaseError) -> Failure {
    tracing::warn!(%error, "the ledger could not be asked");
    Failure::new(Kind::Unavailable, "The ledger cannot be asked at present; the log says why.")
}
