//! Errors as OpenAI's clients expect them.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_core::{Edits, Error, ErrorKind};

use crate::codec::ErrorClass;
use crate::json::{self, Scanner};

/// The body of an error answer. A provider's own error in this shape keeps every byte and gains a `provider`; anything
/// else becomes `{"error": {"message", "type", "param", "code"}}`.
#[must_use]
pub fn error_body(error: &Error) -> Bytes {
    named_upstream_body(error).unwrap_or_else(|| json!({ "error": error_object(error) }).to_string().into())
}

/// The event that ends a Chat Completions stream which can no longer be answered with a status.
#[must_use]
pub fn failed_chunk(error: &Error) -> Bytes {
    // The SDKs raise on a data event with an `error` member. There must be no [DONE] after it.
    format!("data: {}\n\n", json!({ "error": error_object(error) })).into()
}

/// The events that end a Responses stream which can no longer be answered with a status. `next` is the number of the first
/// of them; `created` is the response as its `response.created` had it, as JSON text.
#[must_use]
pub fn failed_response(error: &Error, next: u64, created: Option<&str>) -> Bytes {
    let code = code(error);
    let event = json!({
        "type": "error", "code": code, "message": error.message(), "param": error.param(), "sequence_number": next,
    });
    let snapshot = created.and_then(|created| serde_json::from_str(created).ok()).filter(Value::is_object);
    let mut response = snapshot.unwrap_or_else(|| json!({ "id": null, "object": "response", "output": [] }));
    response["status"] = json!("failed");
    response["error"] = json!({ "code": code, "message": error.message() });
    let failed = json!({ "type": "response.failed", "sequence_number": next + 1, "response": response });
    format!("event: error\ndata: {event}\n\nevent: response.failed\ndata: {failed}\n\n").into()
}

fn error_object(error: &Error) -> Value {
    let mut object = json!({
        "message": error.message(),
        "type": error_type(error),
        "param": error.param(),
        "code": code(error),
    });
    if let Some(provider) = error.provider() {
        object["provider"] = json!(&**provider);
    }
    object
}

/// The code: the provider's own where it gave one, else OpenAI's for the same failure, else the gateway's stable word.
fn code(error: &Error) -> String {
    let Some(answer) = error.upstream_answer() else { return error.code().to_owned() };
    let own = crate::failure::read(&answer.body).code;
    own.unwrap_or_else(|| code_of(ErrorClass::of(error)).unwrap_or(error.code()).to_owned())
}

/// What OpenAI calls a failure, as far as clients look for it.
const fn code_of(class: ErrorClass) -> Option<&'static str> {
    Some(match class {
        ErrorClass::ContextTooLong => "context_length_exceeded",
        ErrorClass::ContentPolicy => "content_policy_violation",
        ErrorClass::Authentication => "invalid_api_key",
        ErrorClass::Billing => "insufficient_quota",
        ErrorClass::NotFound => "model_not_found",
        ErrorClass::RateLimit => "rate_limit_exceeded",
        ErrorClass::Overloaded => "overloaded",
        _ => return None,
    })
}

fn error_type(error: &Error) -> &'static str {
    if let Some(answer) = error.upstream_answer() {
        return match answer.status.as_u16() {
            429 => "rate_limit_error",
            401 | 403 => "authentication_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        };
    }
    match error.kind() {
        ErrorKind::InvalidApiKey => "authentication_error",
        ErrorKind::PermissionDenied | ErrorKind::PriceUnknown => "permission_error",
        ErrorKind::RateLimited => "rate_limit_error",
        ErrorKind::BudgetExceeded => "insufficient_quota",
        ErrorKind::InvalidRequest
        | ErrorKind::ModelNotFound
        | ErrorKind::NotFound
        | ErrorKind::MethodNotAllowed
        | ErrorKind::RequestTooLarge
        | ErrorKind::RequestTimeout
        | ErrorKind::UnsupportedOperation
        | ErrorKind::UnsupportedParameter
        | ErrorKind::PreviousResponseNotFound => "invalid_request_error",
        _ => "server_error",
    }
}

/// The provider's body with the provider's name written into its error object.
fn named_upstream_body(error: &Error) -> Option<Bytes> {
    let body = &error.upstream_answer()?.body;
    let provider = error.provider()?;
    if is_foreign(body) {
        return None;
    }
    let mut inside = None;
    let mut scanner = Scanner::new(body, 64).ok()?;
    scanner
        .object(|scanner, key| {
            if &*key.name() == b"error" && scanner.peek() == Some(b'{') {
                let at = scanner.at() + 1;
                let (_, has_members) = scanner.object(|scanner, _| scanner.value().map(drop))?;
                inside = Some((at, has_members));
                return Ok(());
            }
            scanner.value().map(drop)
        })
        .ok()?;
    let (at, has_members) = inside?;
    let comma = if has_members { "," } else { "" };
    let mut edits = Edits::default();
    edits.insert(at, format!("\"provider\":{}{comma}", json::literal(provider)));
    Some(edits.apply(body))
}

/// Whether an error is in the words of Anthropic or Google, whose objects are alike and lack what OpenAI's clients look for.
fn is_foreign(body: &[u8]) -> bool {
    json::parse(body).is_ok_and(|root| {
        root.str("type") == Some("error") || root.get("error").is_some_and(|error| error.str("status").is_some())
    })
}

/// The last event number in a piece of a Responses stream.
#[must_use]
pub fn last_sequence_number(piece: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"\"sequence_number\"";
    let at = memchr::memmem::rfind(piece, NAME)?;
    let value = piece[at + NAME.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&value[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderMap, StatusCode};
    use tollgate_core::UpstreamAnswer;

    use super::*;

    fn upstream(body: &'static str) -> Error {
        let answer = UpstreamAnswer {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        Error::upstream("told", answer).with_provider(Arc::from("acme"))
    }

    #[test]
    fn a_providers_error_keeps_its_fields_and_names_the_provider() {
        let body = error_body(&upstream(r#"{"error": {"message":"m","innererror":{"x":1}} }"#));
        assert_eq!(body, r#"{"error": {"provider":"acme","message":"m","innererror":{"x":1}} }"#);
        assert_eq!(error_body(&upstream(r#"{"error":{}}"#)), r#"{"error":{"provider":"acme"}}"#);
    }

    #[test]
    fn a_foreign_shape_becomes_ours() {
        let body: Value = serde_json::from_slice(&error_body(&upstream(r#"{"code":"bad","error":"told"}"#))).unwrap();
        assert_eq!(
            body,
            json!({"error":{"message":"told","type":"invalid_request_error","param":null,"code":"bad","provider":"acme"}})
        );
    }

    #[test]
    fn errors_of_other_protocols_are_told_in_openais_words() {
        for (status, body, kind, code) in [
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                "server_error",
                "overloaded",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens"}}"#,
                "invalid_request_error",
                "context_length_exceeded",
            ),
            (
                429,
                r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#,
                "rate_limit_error",
                "rate_limit_exceeded",
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (5).","status":"INVALID_ARGUMENT"}}"#,
                "invalid_request_error",
                "context_length_exceeded",
            ),
            (404, r#"{"error":"model 'x' not found"}"#, "invalid_request_error", "model_not_found"),
            (
                400,
                r#"{"message":"Input is too long for requested model."}"#,
                "invalid_request_error",
                "context_length_exceeded",
            ),
            (500, r#"{"message":"m"}"#, "server_error", "upstream_error"),
        ] {
            let answer = UpstreamAnswer {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: Bytes::from_static(body.as_bytes()),
            };
            let error = Error::upstream("m", answer).with_provider(Arc::from("acme"));
            for told in [error_body(&error), failed_chunk(&error).slice(6..)] {
                let told: Value = serde_json::from_slice(&told).unwrap();
                let expected = json!({ "message": "m", "type": kind, "param": null, "code": code, "provider": "acme" });
                assert_eq!(told["error"], expected, "{body}");
            }
        }
    }

    #[test]
    fn a_broken_stream_ends_in_its_own_protocol() {
        let error = Error::new(ErrorKind::UpstreamInvalid, "broke off");
        let chat = failed_chunk(&error);
        assert!(chat.starts_with(b"data: {\"error\":{"));
        let events = failed_response(&error, 42, None);
        let events = std::str::from_utf8(&events).unwrap();
        assert!(events.contains(r#""sequence_number":42"#) && events.contains(r#""sequence_number":43"#), "{events}");
    }
}
