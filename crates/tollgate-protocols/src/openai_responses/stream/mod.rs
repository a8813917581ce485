//! Streams of OpenAI Responses.

mod decoder;
mod encoder;
mod writer;

pub use decoder::Decoder;
pub use encoder::Encoder;
