//! How servers are asked that keep what several gateways share: never for long, and not while they are broken.
//!
//! - [`Breaker`]: a server that does not answer is left alone for a moment.
//! - `redis`: a connection to Redis or Valkey, with the feature of that name.

mod breaker;
#[cfg(feature = "redis")]
pub mod redis;

pub use breaker::{Breaker, CoolDown, Permit};
