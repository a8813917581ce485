//! Requests of Gemini `generateContent`.

mod config;
mod contents;
mod decode;
mod encode;
mod media;
mod settings;
mod tools;
mod turns;

#[cfg(test)]
mod tests;

pub use decode::decode;
pub(super) use decode::decode_value;
pub use encode::encode;
pub(super) use encode::write_prompt;
