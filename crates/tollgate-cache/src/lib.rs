//! Caching of language-model answers, without any plumbing.
//!
//! - [`KeyMaker`]: what must be equal for two requests to have the same answer.
//! - [`admission`]: which answers may be stored.
//! - [`store`]: where they are kept.
//! - [`Epochs`]: invalidation without searching.
//! - [`flight`]: requests in flight that share one answer.
//! - [`semantic`]: reuse of answers for rephrased requests, within a stated rate of errors.
//! - [`index`]: where the vectors of cached prompts are searched.

pub mod admission;
mod entry;
mod epochs;
pub mod flight;
pub mod index;
mod key;
pub mod semantic;
pub mod store;

pub use entry::{Entry, Freshness, Payload, now_millis};
pub use epochs::{Epochs, Stamp, Subject};
pub use key::{Key, KeyMaker, KeyParts};
