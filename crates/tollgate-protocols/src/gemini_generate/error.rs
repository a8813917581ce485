//! Errors of Gemini `generateContent`.

use bytes::Bytes;
use http::StatusCode;
use tollgate_core::Error;

/// The body of an error answer in this protocol.
#[must_use]
pub fn body(_error: &Error) -> Bytes {
    Bytes::new()
}

/// The status that goes with it.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    error.status()
}
