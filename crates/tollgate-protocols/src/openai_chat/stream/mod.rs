//! Streams of OpenAI Chat Completions.

mod calls;
mod decoder;
mod encoder;
mod state;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;
