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
//! use tollgate_tower::quota::QuotaLayer;
//! use tollgate_usage::price::{PriceBook, Prices};
//! use tollgate_usage::quota::{CacheHits, MemoryQuotas, Quotas, RuleBook};
//!
//! let prices = Arc::new(Prices::new(PriceBook::built_in()));
//! let quotas = Arc::new(Quotas::new(RuleBook::new(), Arc::new(MemoryQuotas::new())));
//! let outside = QuotaLayer::new(quotas.clone(), prices.clone()).rules(CacheHits::Count);
//! let inside = QuotaLayer::new(quotas, prices).rules(CacheHits::Free);
//! # let _ = (outside, inside);
//! ```

mod layer;
mod owed;
mod service;
#[cfg(test)]
mod tests;

pub use layer::QuotaLayer;
pub use service::Quota;
