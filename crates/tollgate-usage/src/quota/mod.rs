//! Limits and budgets: how much of what may be used, by whom, in which time.
//!
//! A [`Rule`] says how much. [`Rules`] finds those that a request counts for, and a [`RuleBook`] has those in use. A
//! [`QuotaStore`] counts: [`MemoryQuotas`] for one process, `RedisQuotas` (feature `redis`) for all that share a server, by the
//! same algorithm. [`Quotas`] is all of it together: what a request may use at most is taken before it is made, all or
//! nothing, and put right when it is over.
//!
//! ```
//! use std::sync::Arc;
//!
//! use tollgate_core::NanoUsd;
//! use tollgate_usage::quota::{
//!     Amount, Budget, CacheHits, Estimate, Facts, MemoryQuotas, Period, Quotas, Rule, RuleBook, Used,
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let book = RuleBook::new();
//! let store = MemoryQuotas::new().observer(Arc::new(book.clone()));
//! let quotas = Quotas::new(book, Arc::new(store));
//! let budget = Amount::Budget(Budget::hard("1.00".parse()?, Period::Day));
//! quotas.book().configure(vec![Rule::new("everybody", budget)])?;
//!
//! let matches = quotas.matching(&Facts::default(), CacheHits::Free);
//! let estimate = Estimate { tokens: 1000, cost: Some("0.90".parse()?) };
//! let admission = quotas.acquire(&matches, &estimate).await.expect("there is a dollar");
//! quotas.acquire(&matches, &estimate).await.expect_err("of which 90 cents are held");
//! admission.settle(&Used { tokens: Some(50), cost: Some("0.05".parse()?) });
//! quotas.acquire(&matches, &estimate).await.expect("it took only five");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod alert;
mod denied;
mod memory;
mod period;
mod quotas;
mod rule;
mod rules;
mod seed;
#[cfg(feature = "redis")]
mod shared;
mod store;
#[cfg(test)]
mod tests;

pub use alert::{AlertSink, BudgetAlert, RuleBook};
pub use denied::{Denied, Reason};
pub use memory::{Clock, MemoryQuotas};
pub use period::Window;
pub use quotas::{Admission, Estimate, Quotas, Used};
pub use rule::{Amount, Budget, CacheHits, Each, OnError, Period, Rate, Rule, Scope, Unpriced};
pub use rules::{Facts, Match, RuleError, Rules};
pub use seed::Seed;
#[cfg(feature = "redis")]
pub use shared::{RedisQuotas, RedisQuotasBuilder};
pub use store::{
    Charge, Counter, CounterKind, Decision, Granted, LeaseId, Level, Observer, QuotaStore, Refused, Room, Set,
    StoreError, Update,
};
