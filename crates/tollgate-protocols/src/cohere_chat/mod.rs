//! Cohere's v2 chat, and its embeddings.

pub mod embed;
pub mod error;
pub mod request;
pub mod response;
pub mod stream;
mod types;

#[cfg(test)]
mod tests;
