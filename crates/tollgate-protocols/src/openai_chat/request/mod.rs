//! Requests of OpenAI Chat Completions.

mod decode;
mod encode;
mod fields;
pub(crate) mod ids;
mod media;
mod messages;
mod parts;
mod settings;
mod tools;
mod turns;

#[cfg(test)]
mod tests;

pub use decode::decode;

pub use encode::encode;

pub(super) use parts::{of_url, thinking_text};
