//! Errors of Anthropic Messages.
//!
//! The shape and the words are those of Anthropic's API description: `{"type":"error","error":{"type","message"},
//! "request_id"}`, and the status 529 where there is no room.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use tollgate_core::Error;

use crate::codec::ErrorClass;
use crate::json;

/// The status for a server without room, which HTTP does not know.
const OVERLOADED: u16 = 529;

/// The body of an error answer in this protocol, and of the event `error` of a stream.
#[must_use]
pub fn body(error: &Error) -> Bytes {
    body_with_id(error, None)
}

/// The body with the id of the request, which clients show in their messages.
#[must_use]
pub fn body_with_id(error: &Error, request_id: Option<&str>) -> Bytes {
    let class = ErrorClass::of(error);
    let body = json::object(128 + error.message().len(), |o| {
        o.string("type", "error");
        o.object("error", |o| {
            o.string("type", error_type(class));
            o.string("message", &message(error, class));
            // Beside what Anthropic has: the gateway's stable word, and who failed.
            match error.provider() {
                Some(provider) if error.upstream_answer().is_some() => o.string("provider", provider),
                _ => o.string("code", error.code()),
            }
        });
        o.maybe_string("request_id", request_id);
    });
    body.into()
}

/// The message. Clients know by these words of Anthropic's that they must shorten the conversation, since it has no code.
fn message(error: &Error, class: ErrorClass) -> Cow<'_, str> {
    const TOO_LONG: &str = "prompt is too long";
    let message = error.message();
    if class == ErrorClass::ContextTooLong && !message.contains(TOO_LONG) {
        return Cow::Owned(format!("{TOO_LONG}: {message}"));
    }
    Cow::Borrowed(message)
}

/// The status that goes with it.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    match ErrorClass::of(error) {
        ErrorClass::Overloaded => StatusCode::from_u16(OVERLOADED).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
        ErrorClass::Authentication => StatusCode::UNAUTHORIZED,
        ErrorClass::Billing => StatusCode::PAYMENT_REQUIRED,
        ErrorClass::NotFound => StatusCode::NOT_FOUND,
        _ => error.status(),
    }
}

const fn error_type(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::InvalidRequest | ErrorClass::ContextTooLong | ErrorClass::ContentPolicy | ErrorClass::Conflict => {
            "invalid_request_error"
        }
        ErrorClass::Authentication => "authentication_error",
        ErrorClass::Billing => "billing_error",
        ErrorClass::Permission => "permission_error",
        ErrorClass::NotFound => "not_found_error",
        ErrorClass::TooLarge => "request_too_large",
        ErrorClass::Timeout => "timeout_error",
        ErrorClass::RateLimit => "rate_limit_error",
        ErrorClass::Overloaded => "overloaded_error",
        ErrorClass::Server => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tollgate_core::{ErrorKind, UpstreamAnswer};

    use super::*;

    #[test]
    fn words_and_status() {
        let busy = Error::new(ErrorKind::Overloaded, "Full.");
        assert_eq!(status(&busy).as_u16(), 529);
        assert_eq!(
            body_with_id(&busy, Some("req_1")),
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Full.","code":"overloaded"},"request_id":"req_1"}"#
        );
        let answer = UpstreamAnswer {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers: HeaderMap::new(),
            body: Bytes::from_static(br#"{"error":{"message":"m","code":"insufficient_quota"}}"#),
        };
        let error = Error::upstream("m", answer);
        assert_eq!(
            body(&error),
            r#"{"type":"error","error":{"type":"billing_error","message":"m","code":"upstream_error"}}"#
        );
        assert_eq!(status(&error), StatusCode::PAYMENT_REQUIRED);
        let answer = UpstreamAnswer {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: Bytes::from_static(br#"{"error":{"message":"m","code":"context_length_exceeded"}}"#),
        };
        let told = String::from_utf8(body(&Error::upstream("Your messages are 9 tokens.", answer)).to_vec()).unwrap();
        assert!(told.contains(r#""message":"prompt is too long: Your messages are 9 tokens.""#), "{told}");
    }
}
