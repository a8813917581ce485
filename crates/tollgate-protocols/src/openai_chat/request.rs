//! Requests of OpenAI Chat Completions.

use tollgate_core::ir::{Losses, Prompt};
use tollgate_core::{Error, ErrorKind};

use crate::codec::{Encoded, Target};

/// Reads a client's request.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(_body: &[u8]) -> Result<Prompt, Error> {
    Err(Error::new(ErrorKind::UnsupportedOperation, "not yet"))
}

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(_prompt: &Prompt, _target: &Target<'_>, _losses: &mut Losses) -> Result<Encoded, Error> {
    Err(Error::new(ErrorKind::UnsupportedOperation, "not yet"))
}
