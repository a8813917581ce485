//! Errors of Gemini `generateContent`: Google's error model (`google.rpc.Status` in JSON).

use bytes::Bytes;
use http::StatusCode;
use tollgate_core::Error;

use crate::codec::ErrorClass;
use crate::json;

const TYPES: &str = "type.googleapis.com/google.rpc.";

/// The body of an error answer in this protocol: `{"error": {"code", "message", "status", "details"}}`.
#[must_use]
pub fn body(error: &Error) -> Bytes {
    let capacity = 256 + error.message().len();
    json::object(capacity, |o| o.object("error", |o| write(error, o))).into()
}

/// The event that ends a stream which can no longer be answered with a status.
#[must_use]
pub fn event(error: &Error) -> Bytes {
    let mut out = b"data: ".to_vec();
    out.extend_from_slice(&body(error));
    out.extend_from_slice(b"\r\n\r\n");
    out.into()
}

/// The status that goes with it.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    match ErrorClass::of(error) {
        ErrorClass::ContextTooLong | ErrorClass::ContentPolicy => StatusCode::BAD_REQUEST,
        ErrorClass::Authentication => StatusCode::UNAUTHORIZED,
        ErrorClass::Billing | ErrorClass::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        ErrorClass::Permission => StatusCode::FORBIDDEN,
        ErrorClass::NotFound => StatusCode::NOT_FOUND,
        ErrorClass::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorClass::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorClass::Conflict => StatusCode::CONFLICT,
        ErrorClass::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorClass::InvalidRequest | ErrorClass::Server => error.status(),
    }
}

fn word(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::InvalidRequest | ErrorClass::ContextTooLong | ErrorClass::ContentPolicy | ErrorClass::TooLarge => {
            "INVALID_ARGUMENT"
        }
        ErrorClass::Authentication => "UNAUTHENTICATED",
        ErrorClass::Billing | ErrorClass::RateLimit => "RESOURCE_EXHAUSTED",
        ErrorClass::Permission => "PERMISSION_DENIED",
        ErrorClass::NotFound => "NOT_FOUND",
        ErrorClass::Timeout => "DEADLINE_EXCEEDED",
        ErrorClass::Conflict => "ABORTED",
        ErrorClass::Overloaded => "UNAVAILABLE",
        ErrorClass::Server => "INTERNAL",
    }
}

fn write(error: &Error, o: &mut json::Object<'_>) {
    let class = ErrorClass::of(error);
    o.uint("code", u64::from(status(error).as_u16()));
    o.string("message", error.message());
    o.string("status", word(class));
    o.array("details", |details| {
        details.object(|o| {
            o.string("@type", &format!("{TYPES}ErrorInfo"));
            let reason = if class == ErrorClass::Authentication { "API_KEY_INVALID" } else { error.code() };
            o.string("reason", reason);
            o.string("domain", "tollgate");
            if let Some(provider) = error.provider() {
                o.object("metadata", |o| o.string("provider", provider));
            }
        });
        if let Some(param) = error.param() {
            details.object(|o| {
                o.string("@type", &format!("{TYPES}BadRequest"));
                o.array("fieldViolations", |a| {
                    a.object(|o| {
                        o.string("field", param);
                        o.string("description", error.message());
                    });
                });
            });
        }
        if let Some(wait) = error.retry_after() {
            details.object(|o| {
                o.string("@type", &format!("{TYPES}RetryInfo"));
                o.string("retryDelay", &format!("{}s", wait.as_secs_f64()));
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_core::ErrorKind;

    use super::*;
    use crate::failure;

    #[test]
    fn what_is_written_is_read_back() {
        let error = Error::invalid_request("no such role", Some("contents[0].role"));
        let text = body(&error);
        let value = json::parse(&text).unwrap();
        let inner = value.get("error").unwrap();
        assert_eq!((inner.u64("code"), inner.str("status")), (Some(400), Some("INVALID_ARGUMENT")));
        let violation = &inner.array("details")[1].array("fieldViolations")[0];
        assert_eq!(violation.str("field"), Some("contents[0].role"));
        assert_eq!(failure::read(&text).message.as_deref(), Some("no such role"));
    }

    #[test]
    fn classes_and_waits() {
        for (kind, code, word) in [
            (ErrorKind::InvalidApiKey, 401, "UNAUTHENTICATED"),
            (ErrorKind::ModelNotFound, 404, "NOT_FOUND"),
            (ErrorKind::UpstreamTimeout, 504, "DEADLINE_EXCEEDED"),
            (ErrorKind::Overloaded, 503, "UNAVAILABLE"),
        ] {
            let error = Error::new(kind, "m").with_retry_after(Some(Duration::from_millis(1500)));
            let text = body(&error);
            let value = json::parse(&text).unwrap();
            let inner = value.get("error").unwrap();
            assert_eq!((inner.u64("code"), inner.str("status")), (Some(code), Some(word)), "{kind:?}");
            assert_eq!(failure::read(&text).retry_after_ms, Some(1500));
        }
        assert!(event(&Error::new(ErrorKind::Overloaded, "m")).ends_with(b"}\r\n\r\n"));
    }
}
