//! Streams of Gemini `generateContent`: chunks that are each a whole response with the new parts only.

mod choice;
mod decoder;
mod encoder;
mod partial;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;
