//! Whole answers of AWS Bedrock Converse.

use tollgate_core::ir::Answer;

use crate::codec::{DecodeError, Plan};

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(_body: &[u8], _plan: &Plan) -> Result<Answer, DecodeError> {
    Err(DecodeError::Invalid("not yet"))
}
