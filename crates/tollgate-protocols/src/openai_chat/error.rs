//! Errors of OpenAI Chat Completions.

use bytes::Bytes;
use http::StatusCode;
use tollgate_core::{Error, ErrorKind};

use crate::codec::ErrorClass;
use crate::failure::{self, Failure};
use crate::json;

/// The body of an error answer in this protocol. A provider's own error in OpenAI's shape keeps every byte.
#[must_use]
pub fn body(error: &Error) -> Bytes {
    if error.upstream_answer().is_none_or(|answer| is_openai_shape(&answer.body)) {
        return crate::openai::error_body(error);
    }
    let upstream = error.upstream_answer().map(|answer| failure::read(&answer.body)).unwrap_or_default();
    let class = ErrorClass::of(error);
    let (kind, code) = words(class);
    json::object(256, |o| {
        o.object("error", |o| {
            o.string("message", error.message());
            o.string("type", kind);
            o.string_or_null("param", upstream.param.as_deref().or(error.param()));
            o.string_or_null("code", own_code(&upstream, class).or(code));
            o.maybe_string("provider", error.provider().map(|provider| &**provider));
        });
    })
    .into()
}

/// The status that goes with it: what OpenAI answers for the same failure, where providers differ.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    if error.kind() != ErrorKind::Upstream {
        return error.status();
    }
    match ErrorClass::of(error) {
        ErrorClass::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorClass::Authentication => StatusCode::UNAUTHORIZED,
        ErrorClass::NotFound => StatusCode::NOT_FOUND,
        _ => error.status(),
    }
}

/// Whether a body is `{"error": {"message", "type", …}}` and nothing that says otherwise. Anthropic's is like it, with a
/// `type` outside.
fn is_openai_shape(body: &[u8]) -> bool {
    let Ok(root) = json::parse(body) else { return false };
    root.get("type").is_none()
        && root.get("error").is_some_and(|error| error.str("message").is_some() && error.str("type").is_some())
}

/// A provider's own code, where it is one of OpenAI's family; a bare number or another protocol's word says nothing here.
fn own_code(upstream: &Failure, class: ErrorClass) -> Option<&str> {
    let is_specific = class == ErrorClass::InvalidRequest;
    upstream.code.as_deref().filter(|code| is_specific && !code.bytes().all(|byte| byte.is_ascii_digit()))
}

/// OpenAI's type and code for a class of failure.
fn words(class: ErrorClass) -> (&'static str, Option<&'static str>) {
    const INVALID: &str = "invalid_request_error";
    match class {
        ErrorClass::InvalidRequest | ErrorClass::TooLarge | ErrorClass::Conflict => (INVALID, None),
        ErrorClass::ContextTooLong => (INVALID, Some("context_length_exceeded")),
        ErrorClass::ContentPolicy => (INVALID, Some("content_filter")),
        ErrorClass::Authentication => (INVALID, Some("invalid_api_key")),
        ErrorClass::Billing => ("insufficient_quota", Some("insufficient_quota")),
        ErrorClass::Permission => ("permission_error", None),
        ErrorClass::NotFound => (INVALID, Some("model_not_found")),
        ErrorClass::Timeout => ("server_error", Some("timeout")),
        ErrorClass::RateLimit => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorClass::Overloaded => ("server_error", Some("overloaded")),
        ErrorClass::Server => ("server_error", None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderMap;
    use tollgate_core::UpstreamAnswer;

    use super::*;

    #[track_caller]
    fn check(status_code: u16, body_text: &'static str, expected: &str, expected_status: u16) {
        let answer = UpstreamAnswer {
            status: StatusCode::from_u16(status_code).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body_text.as_bytes()),
        };
        let error = Error::upstream("m", answer).with_provider(Arc::from("acme"));
        assert_eq!(body(&error), expected, "{body_text}");
        assert_eq!(status(&error), expected_status, "{body_text}");
    }

    #[test]
    fn failures_in_other_words() {
        check(
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            r#"{"error":{"message":"m","type":"server_error","param":null,"code":"overloaded","provider":"acme"}}"#,
            503,
        );
        check(
            400,
            r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}"#,
            r#"{"error":{"message":"m","type":"invalid_request_error","param":null,"code":"invalid_api_key","provider":"acme"}}"#,
            401,
        );
        check(
            429,
            r#"{"error":{"message":"m","type":"tokens","code":"x","param":null}}"#,
            r#"{"error":{"provider":"acme","message":"m","type":"tokens","code":"x","param":null}}"#,
            429,
        );
    }
}
