//! The adapter for APIs over HTTP.
//!
//! A request goes through [`address`](self::address) and [`request`](self::request) (headers, edits), its answer through [`answer`](self::answer):
//! a failure becomes an [`Error`], a whole answer is read, a stream is held until its first event and then tapped
//! ([`body`](self::body)).

mod address;
mod answer;
mod body;
mod builder;
mod cloud;
mod failure;
mod keys;
mod models;
mod provider;
mod request;
mod tap;

pub use builder::{BuildError, HttpProviderBuilder};
pub use provider::{AdapterLimits, HttpProvider};
