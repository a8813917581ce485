//! How servers are asked that keep what several gateways share: never for long, and not while they are broken.
//!
//! - [`Breaker`]: a server that does not answer is left alone for a moment.
//! - `redis`: a connection to Redis or Valkey, with the feature of that name.
//! - `tls`: whom TLS trusts, with the feature of that name.
//! - `http`: a pooled HTTP client, with the feature of that name.

mod breaker;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "tls")]
pub mod tls;

pub use breaker::{Breaker, CoolDown, Permit};
