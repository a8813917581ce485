//! Errors of OpenAI Responses, which are those of OpenAI's other endpoints.

use bytes::Bytes;
use http::StatusCode;
use tollgate_core::Error;

use crate::openai;

/// The body of an error answer in this protocol.
#[must_use]
pub fn body(error: &Error) -> Bytes {
    openai::error_body(error)
}

/// The status that goes with it.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    error.status()
}
