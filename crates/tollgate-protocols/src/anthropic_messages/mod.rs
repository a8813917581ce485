//! Anthropic Messages, after Anthropic's API description of version 2023-06-01.
//!
//! Signatures of other makers travel in the fields of Anthropic's own, under a name. A call has no such field, so Gemini's
//! signature of a call travels as a thinking block without text before it, and that of a text behind it.

pub mod error;
pub mod request;
pub mod response;
pub mod stream;
mod types;
