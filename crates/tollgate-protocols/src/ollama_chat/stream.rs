//! Streams of Ollama's `/api/chat`.

use tollgate_core::ir::Event;

use crate::codec::{DecodeError, DecodeStream, Echo, EncodeStream, Plan};

/// Reads a provider's stream.
#[derive(Debug)]
pub struct Decoder {}

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(_plan: &Plan) -> Self {
        Self {}
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, _data: &[u8], _out: &mut Vec<Event>) -> Result<(), DecodeError> {
        Err(DecodeError::Invalid("not yet"))
    }

    fn finish(&mut self, _out: &mut Vec<Event>) -> Result<(), DecodeError> {
        Err(DecodeError::Invalid("not yet"))
    }
}

/// Writes a client's stream.
#[derive(Debug)]
pub struct Encoder {}

impl Encoder {
    /// A writer of one stream.
    #[must_use]
    pub fn new(_echo: Echo) -> Self {
        Self {}
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, _event: &Event, _out: &mut Vec<u8>) {}
}
