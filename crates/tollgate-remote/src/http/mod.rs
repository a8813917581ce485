//! HTTP to servers: one pooled client with TLS, without redirects and without decompression.
//!
//! There is one type of it, whatever is sent and to whom, because all of HTTP/2 is compiled anew for each.

mod client;
mod error;

pub use client::{HttpClient, HttpClientBuilder, Incoming};
pub use error::HttpError;
