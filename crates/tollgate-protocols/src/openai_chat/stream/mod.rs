//! Streams of OpenAI Chat Completions.

mod calls;
mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;
