//! Streams of Anthropic Messages.

mod decoder;
mod encoder;
mod opaque;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;
