//! Requests of OpenAI Responses.

mod decode;
mod encode;
mod input;
mod output;
mod parts;
mod tools;

pub use decode::decode;
pub use encode::encode;
pub(super) use input::thoughts;
pub(super) use output::instructions;
pub(super) use parts::write_annotations;
pub(super) use parts::{citation, citations};
pub(super) use tools::{Manner, write_choice, write_format, write_tools};
