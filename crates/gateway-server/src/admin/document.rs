//! The OpenAPI document, as it is in the repository at `docs/openapi.json`.

use flate2::read::GzDecoder;
use http::{HeaderValue, StatusCode, header};
use tollgate_core::Body;

use super::rest::{Answer, Call, Failure, Kind};

/// Compressed by the build script, since most of it is repetition.
const COMPRESSED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

/// The document.
pub(super) struct Document {
    is_compressed: bool,
    body: Body,
}

/// `GET openapi.json`
pub(super) async fn get(call: Call) -> Result<Document, Failure> {
    let accepts = call.headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_gzip = |coding: &str| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    };
    if accepts.split(',').any(is_gzip) {
        return Ok(Document { is_compressed: true, body: COMPRESSED.into() });
    }
    let mut plain = Vec::new();
    std::io::copy(&mut GzDecoder::new(COMPRESSED), &mut plain).map_err(|error| {
        tracing::error!(%error, "the document in this program is damaged");
        Failure::new(Kind::Internal, "The document could not be read.")
    })?;
    Ok(Document { is_compressed: false, body: plain.into() })
}

impl Answer for Document {
    const STATUS: StatusCode = StatusCode::OK;

    fn into_response(self) -> http::Response<Body> {
        let mut response = http::Response::new(self.body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if self.is_compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    #[cfg(feature = "schema")]
    fn describe(_: &mut schemars::SchemaGenerator) -> super::rest::Contents {
        let schema = schemars::json_schema!({ "type": "object" });
        vec![super::rest::Content { media_type: "application/json", schema }]
    }
}
