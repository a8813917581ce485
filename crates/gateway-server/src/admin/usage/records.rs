//! Single requests.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_usage::{RecordQuery, UsageRecord};

use super::filter::narrowing;
use crate::admin::rest::{
    Call, Failure, Json, Kind, Limit, List, Nothing, Page, PathText, RecordCursor, TagPair, Time, Word,
};

/// Which records.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct RecordsQuery {
    /// Only requests received from this time on.
    from: Option<Time>,
    /// Only requests received before this time.
    until: Option<Time>,
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
    /// How many.
    #[serde(default)]
    limit: Limit,
    /// Where to go on.
    cursor: Option<RecordCursor>,
}

/// A record as it writes itself.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(transparent)]
pub(in crate::admin) struct Written(Box<RawValue>);

/// `GET usage/records`
pub(in crate::admin) async fn records(call: Call<Nothing, RecordsQuery>) -> Result<Json<Page<Written>>, Failure> {
    let query = call.query;
    let query = RecordQuery {
        from: query.from.map(|time| time.0),
        until: query.until.map(|time| time.0),
        after: query.cursor.map(|cursor| cursor.0),
        limit: query.limit.0,
        filter: narrowing!(query).into(),
    };
    let page = call.gateway.accounts.reader().await.records(&query).await?;
    let records = page.records.iter().map(write).collect::<Result<_, _>>()?;
    Ok(Json(Page::new(records, page.next.map(|next| next.to_string()))))
}

fn write(record: &UsageRecord) -> Result<Written, Failure> {
    let mut json = Vec::with_capacity(512);
    record.write_json(&mut json);
    serde_json::from_slice(&json).map(Written).map_err(|error| {
        tracing::error!(%error, "a record is not JSON");
        Failure::new(Kind::Internal, "The records could not be written; the log says why.")
    })
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Written {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        super::record::Record::json_schema(generator)
    }
}
