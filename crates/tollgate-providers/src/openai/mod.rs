//! The adapter for OpenAI-compatible APIs.
//!
//! A request goes through [`request`](self::request) (address, headers, edits), its answer through [`answer`](self::answer):
//! a failure becomes an [`Error`], a whole answer is read, a stream is held until its first event and then tapped
//! ([`body`](self::body)).

mod adapter;
mod answer;
mod body;
mod builder;
mod failure;
mod keys;
mod models;
mod request;

pub use adapter::{AdapterLimits, OpenAiCompatible};
pub use builder::{BuildError, OpenAiCompatibleBuilder};
