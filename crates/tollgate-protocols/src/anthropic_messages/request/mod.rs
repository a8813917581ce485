//! Requests of Anthropic Messages, after Anthropic's API description.

mod arrange;
mod blocks;
mod content;
mod decode;
mod encode;
mod media;
mod platform;
mod settings;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;

pub use decode::decode;
pub use encode::{encode, encode_count};
pub use platform::{Platform, for_platform};
