//! Errors of AWS Bedrock Converse: exceptions, by name in the header `x-amzn-errortype` or as frames of a stream.

use bytes::Bytes;

use crate::json;

/// Statuses of exceptions, as the service model of `bedrock-runtime` has them.
const STATUSES: [(&str, u64); 15] = [
    ("AccessDenied", 403),
    ("Conflict", 409),
    ("ExpiredToken", 403),
    ("InternalServer", 500),
    ("InvalidSignature", 403),
    ("ModelError", 424),
    ("ModelNotReady", 429),
    ("ModelStreamError", 424),
    ("ModelTimeout", 408),
    ("ResourceNotFound", 404),
    ("ServiceQuotaExceeded", 400),
    ("ServiceUnavailable", 503),
    ("Throttling", 429),
    ("UnrecognizedClient", 403),
    ("Validation", 400),
];

/// The error body for an exception: its name as `type`, the status that it stands for as `status_code`, and everything
/// that the provider said. `name` is as the header or the frame has it, such as `throttlingException` or
/// `ValidationException:http://…`.
#[must_use]
pub fn exception(name: &str, payload: &[u8]) -> Bytes {
    let name = name.split([':', '#']).next().unwrap_or(name).trim();
    let value = json::parse(payload).ok();
    let said = value.as_ref();
    let message = said.and_then(|value| {
        // A model's own message says more than "the model returned an error".
        value.str("originalMessage").or_else(|| value.str("message")).or_else(|| value.str("Message"))
    });
    let plain = std::str::from_utf8(payload).map(str::trim).ok().filter(|text| said.is_none() && !text.is_empty());
    Bytes::from(json::object(128 + payload.len(), |o| {
        o.string("message", message.or(plain).unwrap_or("The provider reported a failure without a message."));
        o.string("type", name);
        o.uint("status_code", status(name));
        for (name, member) in said.into_iter().flat_map(json::Value::present) {
            if !["message", "Message", "type", "status_code", "code", "error"].contains(&name) {
                o.raw(name, member.raw());
            }
        }
    }))
}

/// The HTTP status that an exception stands for; 500 if it is not known.
fn status(name: &str) -> u64 {
    let stem = name.strip_suffix("Exception").or_else(|| name.strip_suffix("Error")).unwrap_or(name);
    let is = |known: &str| known.eq_ignore_ascii_case(stem) || known.eq_ignore_ascii_case(name);
    STATUSES.iter().find(|(known, _)| is(known)).map_or(500, |(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure;

    #[test]
    fn exceptions_are_understood() {
        for (name, payload, message, status) in [
            ("throttlingException", r#"{"message":"Too many"}"#, "Too many", 429),
            ("ValidationException:http://x/", r#"{"Message":"bad"}"#, "bad", 400),
            (
                "modelStreamErrorException",
                r#"{"message":"m","originalStatusCode":503,"originalMessage":"busy"}"#,
                "busy",
                424,
            ),
            ("com.amazon#Odd", "oops", "oops", 500),
            ("serviceUnavailableException", "", "The provider reported a failure without a message.", 503),
        ] {
            let failure = failure::read(&exception(name, payload.as_bytes()));
            assert_eq!((failure.message.as_deref(), failure.status), (Some(message), Some(status)), "{name}");
            assert!(failure.kind.is_some());
        }
    }
}
