//! Whole answers of OpenAI Responses.

use bytes::Bytes;
use tollgate_core::ir::Answer;

use crate::codec::{DecodeError, Echo, Plan};

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(_body: &[u8], _plan: &Plan) -> Result<Answer, DecodeError> {
    Err(DecodeError::Invalid("not yet"))
}

/// Writes a whole answer for a client.
#[must_use]
pub fn encode(_answer: &Answer, _echo: &Echo) -> Bytes {
    Bytes::new()
}
