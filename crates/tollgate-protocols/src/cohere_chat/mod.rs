//! Cohere v2 chat.

pub mod error;
pub mod request;
pub mod response;
pub mod stream;
mod types;
