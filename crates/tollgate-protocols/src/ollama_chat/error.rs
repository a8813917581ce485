//! Errors of Ollama's `/api/chat`: `{"error": "…"}`, in a stream as a line of its own.

use bytes::Bytes;
use http::StatusCode;
use tollgate_core::Error;

use crate::json;

/// The body of an error answer in this protocol.
#[must_use]
pub fn body(error: &Error) -> Bytes {
    Bytes::from(json::object(128, |o| o.string("error", error.message())))
}

/// The status that goes with it.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    error.status()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_all_there_is() {
        let error = Error::invalid_request("Say \"hi\".", Some("messages"));
        assert_eq!(body(&error), r#"{"error":"Say \"hi\"."}"#);
        assert_eq!(status(&error), StatusCode::BAD_REQUEST);
    }
}
