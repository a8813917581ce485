//! Ollama's `/api/chat`, and what its clients ask for beside it.

pub mod embed;
pub mod error;
pub mod request;
pub mod response;
pub mod stream;
pub mod tags;
mod types;

#[cfg(test)]
mod tests;
