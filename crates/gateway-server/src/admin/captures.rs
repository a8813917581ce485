//! What clients said and were answered, where that is kept.

use serde::{Deserialize, Serialize};
use tollgate_usage::directory;

use super::rest::{Call, Cursor, Failure, Json, Limit, Nothing, Page, Time, Word, page};

/// Which captures.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct CapturesQuery {
    /// Only that of the request with this id.
    request_id: Option<Word>,
    /// Only those of the key with this name.
    key: Option<Word>,
    /// Only those at this time or later.
    from: Option<Time>,
    /// Only those before this time.
    until: Option<Time>,
    /// How many.
    #[serde(default)]
    limit: Limit,
    /// Where to go on.
    cursor: Option<Cursor>,
}

/// A request and its answer, without credentials and with what the rules say taken out.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Capture {
    /// Its number; later captures have larger ones.
    id: u64,
    /// When the request was received.
    at: Time,
    request_id: String,
    /// The name of the client's key.
    key: Option<String>,
    /// Where the key belongs.
    path: Option<String>,
    /// What was asked for.
    operation: String,
    /// The model as the client named it.
    model: Option<String>,
    /// Who answered, as `provider/model`.
    target: Option<String>,
    /// The HTTP status; 499 if the client went away.
    status: u16,
    /// From receiving the request to the end of the answer, in milliseconds.
    latency_ms: u64,
    /// Names and values.
    request_headers: Vec<(String, String)>,
    request: CapturedBody,
    /// Names and values.
    response_headers: Vec<(String, String)>,
    /// That of a stream is its events.
    response: CapturedBody,
}

/// What is kept of a body.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct CapturedBody {
    /// Its text as far as it is kept.
    text: String,
    /// How many bytes it had, as far as they were seen.
    bytes: u64,
    /// Whether `text` lacks something at its end.
    truncated: bool,
    /// How many values were taken out.
    redacted: u64,
}

/// `GET captures`
pub(super) async fn list(call: Call<Nothing, CapturesQuery>) -> Result<Json<Page<Capture>>, Failure> {
    let directory = call.directory()?.clone();
    let CapturesQuery { request_id, key, from, until, limit, cursor } = call.query;
    let filter = directory::CaptureFilter {
        request_id: request_id.map(Into::into),
        key: key.map(Into::into),
        from: from.map(|time| time.0),
        until: until.map(|time| time.0),
    };
    Ok(Json(Page::of(directory.captures(&filter, &page(limit, cursor)).await?)))
}

impl From<directory::Capture> for Capture {
    fn from(capture: directory::Capture) -> Self {
        Self {
            id: capture.id,
            at: Time(capture.at),
            request_id: capture.request_id,
            key: capture.key,
            path: capture.path,
            operation: capture.operation,
            model: capture.model,
            target: capture.target,
            status: capture.status,
            latency_ms: capture.latency_ms,
            request_headers: capture.request_headers,
            request: capture.request.into(),
            response_headers: capture.response_headers,
            response: capture.response.into(),
        }
    }
}

impl From<directory::CapturedBody> for CapturedBody {
    fn from(body: directory::CapturedBody) -> Self {
        let directory::CapturedBody { text, bytes, truncated, redacted } = body;
        Self { text, bytes, truncated, redacted }
    }
}
