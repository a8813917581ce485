//! Records as a file.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use serde::Deserialize;
use tollgate_core::{Body, Error, ErrorKind};
use tollgate_usage::RecordQuery;
use tollgate_usage::export::{Export, Format};

use super::filter::narrowing;
use crate::admin::rest::{Answer, Call, Failure, List, Nothing, PathText, TagPair, Time, Word};

/// Which records, and in which form.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ExportQuery {
    /// The form of the file.
    format: FormatName,
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
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
enum FormatName {
    Csv,
    Jsonl,
    Parquet,
}

/// A file that is written while it is sent.
pub(in crate::admin) struct File {
    export: Export,
    format: Format,
}

/// `GET usage/export`
pub(in crate::admin) async fn export(call: Call<Nothing, ExportQuery>) -> Result<File, Failure> {
    let query = call.query;
    let format = match query.format {
        FormatName::Csv => Format::Csv,
        FormatName::Jsonl => Format::JsonLines,
        FormatName::Parquet => Format::Parquet,
    };
    let records = RecordQuery {
        from: query.from.map(|time| time.0),
        until: query.until.map(|time| time.0),
        filter: narrowing!(query).into(),
        ..RecordQuery::first(1)
    };
    let reader = call.gateway.accounts.reader().await;
    // A ledger that does not answer should be an error while there is still a status to tell it with.
    reader.records(&records).await?;
    Ok(File { export: Export::new(reader, records, format), format })
}

impl Answer for File {
    const STATUS: StatusCode = StatusCode::OK;

    fn into_response(self) -> http::Response<Body> {
        let pieces = stream::unfold(self.export, |mut export| async {
            let piece = match export.next().await {
                Ok(piece) => Ok(Frame::data(Bytes::from(piece?))),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "an export breaks off");
                    Err(Error::new(ErrorKind::AccountsUnavailable, "The ledger does not answer any more."))
                }
            };
            Some((piece, export))
        });
        let mut response = http::Response::new(Body::arriving(StreamBody::new(pieces)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.format.media_type()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let name = format!("attachment; filename=\"usage.{}\"", self.format.extension());
        if let Ok(name) = name.parse() {
            headers.insert(header::CONTENT_DISPOSITION, name);
        }
        response
    }

    #[cfg(feature = "schema")]
    fn describe(_: &mut schemars::SchemaGenerator) -> crate::admin::rest::Contents {
        let file = |media_type| crate::admin::rest::Content { media_type, schema: schemars::json_schema!({}) };
        vec![file("text/csv"), file("application/jsonl"), file("application/vnd.apache.parquet")]
    }
}
