//! OpenAI Chat Completions, after OpenAI's published API description, and what servers that are like it add to it.

mod details;
pub mod error;
pub mod request;
pub mod response;
pub mod stream;
mod types;
