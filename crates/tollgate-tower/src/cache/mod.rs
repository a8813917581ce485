//! Answers from a cache, and one call for equal requests in flight.
//!
//! Needs a request that was routed, because the model that answers is part of what an answer is kept under; so it belongs
//! inside of routing, and outside of retries. What it did is noted in the request's context, from where doors tell clients
//! and records tell the ledger. An answer is kept while it flows to its client, never held back, and only when it came to its
//! own end.
//!
//! Clients that ask for the same while it is being answered read that answer from its first byte. If it fails before it
//! begins, one of them asks once more for all the others.
//!
//! Where clients share answers, none of them is to tell what others have asked, unless the cache is
//! [set otherwise](tollgate_cache::Settings::conceal): stored answers come as slowly as they came when they were new, new ones
//! are written by the same writers and with the same headers as stored ones, only requests of one key share a call, and
//! nobody gets to know whether there is an answer without asking for one.
//!
//! ```
//! use std::sync::Arc;
//! use tollgate_cache::{AnswerCache, Settings};
//! use tollgate_core::ir::AnswerCodec;
//! use tollgate_tower::cache::CacheLayer;
//!
//! fn layer(codec: Arc<dyn AnswerCodec>) -> CacheLayer {
//!     CacheLayer::new(Arc::new(AnswerCache::builder(Settings::default(), codec).build()))
//! }
//! ```

mod background;
mod boarding;
mod body;
mod layer;
mod reuse;
mod service;
mod timed;

#[cfg(test)]
mod tests;

pub use layer::CacheLayer;
pub use service::Cache;
