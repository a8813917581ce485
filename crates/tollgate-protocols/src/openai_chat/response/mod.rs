//! Whole answers of OpenAI Chat Completions.

mod decode;
mod encode;

#[cfg(test)]
mod tests;

pub use decode::decode;
pub(super) use decode::{annotation, custom_input, finish, is_error, picture, sources};
pub use encode::encode;
pub(super) use encode::{is_extra, write_annotation, write_finish, write_image, write_logprobs, write_usage};
