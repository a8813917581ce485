//! Caching of language-model answers, without any plumbing.
//!
//! - [`AnswerCache`]: all of it together.
//! - [`KeyMaker`]: what must be equal for two requests to have the same answer.
//! - [`admission`]: which answers may be stored.
//! - [`store`]: where they are kept.
//! - [`Epochs`]: invalidation without searching.
//! - [`flight`]: requests in flight that share one answer.
//! - [`semantic`]: reuse of answers for rephrased requests, within a stated rate of errors.
//! - [`index`]: where the vectors of cached prompts are searched.
//! - `redis`: the connection to Redis or Valkey that `tollgate-remote` has, with the feature of that name.

pub mod admission;
mod cache;
mod entry;
mod epochs;
pub mod flight;
mod hashed;
pub mod index;
mod key;
mod memo;
mod packed;
mod packed_usage;
mod provenance;
mod room;
pub mod semantic;
mod settings;
mod slot_table;
mod statistics;
pub mod store;
mod written;

pub use cache::{AnswerCache, AnswerCacheBuilder, Filled, Found, Lookup, Plan, Replay, naming};
pub use entry::{Entry, Freshness, Pace, Payload, now_millis};
pub use epochs::{Epochs, Stamp, Subject};
pub use key::{Key, KeyMaker, KeyParts};
pub use packed::Packed;
pub use packed_usage::PackedUsage;
pub use provenance::Provenance;
pub use settings::{Scope, Settings};
pub use statistics::{Counts, Statistics};
#[cfg(feature = "redis")]
pub use tollgate_remote::redis;
