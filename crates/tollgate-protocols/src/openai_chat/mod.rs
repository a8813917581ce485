//! OpenAI Chat Completions, after OpenAI's published API description, and what servers that are like it add to it.

pub mod completions;
mod details;
pub mod error;
pub mod request;
pub mod response;
mod settings;
pub mod stream;
mod types;
