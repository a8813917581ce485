//! Errors of Cohere's v2 chat: `{"id", "message"}`, and ends of answers that are failures.

use bytes::Bytes;

use crate::json;

/// The error body for an answer that ended with `ERROR` or `TIMEOUT`.
#[must_use]
pub fn failed(reason: &str, message: Option<&str>) -> Bytes {
    Bytes::from(json::object(128, |o| {
        o.string("message", message.unwrap_or("The provider failed while it answered."));
        o.string("type", reason);
        o.uint("status_code", if reason == "TIMEOUT" { 504 } else { 500 });
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure;

    #[test]
    fn failures_are_understood() {
        let timeout = failure::read(&failed("TIMEOUT", None));
        assert_eq!((timeout.status, timeout.kind.as_deref()), (Some(504), Some("TIMEOUT")));
        let error = failure::read(&failed("ERROR", Some("oops")));
        assert_eq!((error.status, error.message.as_deref()), (Some(500), Some("oops")));
        assert_eq!(
            failure::read(br#"{"id":"x","message":"invalid api token"}"#).message.as_deref(),
            Some("invalid api token")
        );
    }
}
