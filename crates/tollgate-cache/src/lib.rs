//! Caching of language-model answers, without any plumbing.
//!
//! - [`semantic`]: reuse of answers for rephrased requests, within a stated rate of errors.
//! - [`index`]: where the vectors of cached prompts are searched.
//! - `redis`: a connection to Redis or Valkey, with the feature of that name.

#[cfg(any(feature = "qdrant", feature = "redis"))]
mod breaker;
pub mod index;
#[cfg(feature = "redis")]
pub mod redis;
pub mod semantic;
