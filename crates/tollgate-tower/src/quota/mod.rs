//! Limits and budgets.
//!
//! What a request may use at most is taken of all limits and budgets that it counts for before it goes on, all or nothing,
//! and put right when its answer has ended, when it failed, or when its client went away. A request that there is no room for
//! is refused: with [`ErrorKind::RateLimited`](tollgate_core::ErrorKind::RateLimited) by a limit, with
//! [`ErrorKind::BudgetExceeded`](tollgate_core::ErrorKind::BudgetExceeded) by a budget. Where what is left of a budget is only
//! held for other requests, it waits a moment for them.
//!
//! Put it inside of routing, since limits may be about models. Where a cache is in the stack, one goes outside of it, for
//! rules by which cached answers count, and another inside of it, for those by which they are free:
//!
//! ```
//! use std::sync::Arc;
//!
//! use tollgate_core::{NanoUsd, Operation, Request};
//! use tollgate_tower::quota::{Pricing, QuotaLayer};
//! use tollgate_usage::quota::{CacheHits, MemoryQuotas, Quotas, RuleBook};
//!
//! /// Everything costs a cent.
//! struct OneCent;
//!
//! impl Pricing for OneCent {
//!     fn ceiling(&self, _: &Request) -> Option<NanoUsd> {
//!         Some(NanoUsd(10_000_000))
//!     }
//!
//!     fn note(&self, _: Operation, context: &tollgate_core::Context) -> Option<NanoUsd> {
//!         context.observe(|observed| observed.cost.as_ref().map(|cost| cost.amount))
//!     }
//! }
//!
//! let quotas = Arc::new(Quotas::new(RuleBook::new(), Arc::new(MemoryQuotas::new())));
//! let outside = QuotaLayer::new(quotas.clone(), Arc::new(OneCent)).rules(CacheHits::Count);
//! let inside = QuotaLayer::new(quotas, Arc::new(OneCent)).rules(CacheHits::Free);
//! # let _ = (outside, inside);
//! ```

mod layer;
mod owed;
mod service;
#[cfg(test)]
mod tests;

use tollgate_core::{Context, NanoUsd, Operation, Request};

pub use layer::QuotaLayer;
pub use service::Quota;

/// Knows what requests cost.
pub trait Pricing: Send + Sync + 'static {
    /// What a routed request costs at most; `None` if no price is known.
    fn ceiling(&self, request: &Request) -> Option<NanoUsd>;

    /// Notes in a context what a request cost that is over, unless somebody did already, and returns it; `None` if that
    /// is not known.
    fn note(&self, operation: Operation, context: &Context) -> Option<NanoUsd>;
}
