//! What a provider's error means.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tollgate_core::{Error, UpstreamAnswer};
use tollgate_protocols::failure;

/// An error from its status, headers and body.
pub(crate) fn from_answer(status: StatusCode, headers: HeaderMap, body: Bytes) -> Error {
    let failure = failure::read(&body);
    // Redirects are not followed, since the key would go along; they lead to the same place next time.
    let is_redirect = status.is_redirection();
    let status = if status.is_success() || status.is_redirection() || status.is_informational() {
        // An error in an answer of 200, or an answer that is neither: the status in the body, or a bad gateway.
        let told = failure.status.or_else(|| failure.kind.as_deref().and_then(status_of));
        told.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::BAD_GATEWAY)
    } else {
        status
    };
    let retry_after = retry_after(&headers).or(failure.retry_after_ms.map(Duration::from_millis));
    let retryable = match headers.get("x-should-retry").map(http::HeaderValue::as_bytes) {
        Some(b"true") => true,
        Some(b"false") => false,
        _ => !is_redirect && is_retryable(status, &failure),
    };
    let message = failure.message.unwrap_or_else(|| match status.canonical_reason() {
        Some(reason) => format!("The provider answered {} {reason}.", status.as_u16()),
        None => format!("The provider answered {}.", status.as_u16()),
    });
    Error::upstream(message, UpstreamAnswer { status, headers, body })
        .with_retry_after(retry_after)
        .with_retryable(retryable)
}

/// The status that goes with a word for an error, in the words of Anthropic, Google and AWS.
fn status_of(kind: &str) -> Option<u16> {
    Some(match kind {
        "invalid_request_error" | "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "validationException" => 400,
        "authentication_error" | "UNAUTHENTICATED" => 401,
        "billing_error" => 402,
        "permission_error" | "PERMISSION_DENIED" | "accessDeniedException" => 403,
        "not_found_error" | "NOT_FOUND" | "resourceNotFoundException" => 404,
        "modelTimeoutException" => 408,
        "request_too_large" => 413,
        "modelStreamErrorException" | "modelErrorException" => 424,
        "rate_limit_error" | "RESOURCE_EXHAUSTED" | "throttlingException" | "modelNotReadyException" => 429,
        "api_error" | "server_error" | "INTERNAL" | "internalServerException" => 500,
        "UNAVAILABLE" | "serviceUnavailableException" => 503,
        "timeout_error" | "DEADLINE_EXCEEDED" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

/// Whether the same request may succeed later. An exhausted account answers 429 like a rate limit, but stays exhausted.
fn is_retryable(status: StatusCode, failure: &failure::Failure) -> bool {
    let says = |word: &str| failure.code.as_deref() == Some(word) || failure.kind.as_deref() == Some(word);
    match status.as_u16() {
        429 => !says("insufficient_quota"),
        // 498 is Groq's, for a service tier without capacity.
        408 | 409 | 425 | 498 => true,
        501 | 505 => false,
        status => status >= 500,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    if let Some(millis) = text(headers, "retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return duration(millis / 1000.0);
    }
    let value = text(headers, header::RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        return duration(seconds);
    }
    httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok()
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(86_400.0)).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Error {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, http::HeaderValue::from_static(value));
        }
        from_answer(StatusCode::from_u16(status).unwrap(), map, Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn what_may_be_asked_again() {
        for (status, body, expect) in [
            (400, "{}", false),
            (401, "{}", false),
            (404, "{}", false),
            (408, "{}", true),
            (429, "{}", true),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, false),
            (429, r#"{"error":{"type":"insufficient_quota"}}"#, false),
            (500, "", true),
            (501, "", false),
            (529, "", true),
            (200, r#"{"error":{"code":502,"message":"x"}}"#, true),
            (200, r#"{"error":{"code":400,"message":"x"}}"#, false),
        ] {
            assert_eq!(error(status, &[], body).is_retryable(), expect, "{status} {body}");
        }
        assert!(!error(500, &[("x-should-retry", "false")], "").is_retryable());
        assert!(error(400, &[("x-should-retry", "true")], "").is_retryable());
    }

    #[test]
    fn when_to_come_back() {
        let after = |name, value| error(429, &[(name, value)], "").retry_after();
        assert_eq!(after("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(after("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(after("retry-after-ms", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(after("retry-after", "-1"), None);
        assert_eq!(after("retry-after", "soon"), None);
        assert_eq!(after("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), None);
    }

    #[test]
    fn status_and_message_are_the_providers() {
        let told = error(418, &[], r#"{"error":{"message":"short and stout"}}"#);
        assert_eq!(told.to_string(), "short and stout");
        assert_eq!(told.upstream_answer().unwrap().status.as_u16(), 418);
        assert_eq!(error(302, &[], "").upstream_answer().unwrap().status, StatusCode::BAD_GATEWAY);
    }
}
