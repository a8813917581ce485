//! Tower middleware for language-model requests.
//!
//! Every layer works on a [`Service`](tower_service::Service) of [`Request`](tollgate_core::Request) to
//! [`Response`](tollgate_core::Response) with [`Error`](tollgate_core::Error), whatever is inside, and can be used alone.
//! None of them knows a protocol or a provider.
//!
//! | Feature and module | Layer | What it does |
//! |---|---|---|
//! | `trace` | [`TraceLayer`](trace::TraceLayer) | a span for each request, a line for each failure |
//! | `capture` | [`CaptureLayer`](capture::CaptureLayer) | hands on what a client said and what it was answered |
//! | `usage` | [`UsageLayer`](usage::UsageLayer) | one record for each request, on end, error or drop |
//! | `limit` | [`ConcurrencyLimitLayer`](limit::ConcurrencyLimitLayer) | so many at once, streams until they end |
//! | `route` | [`RouteLayer`](route::RouteLayer) | decides who answers |
//! | `access` | [`AccessLayer`](access::AccessLayer) | refuses what a key may not be used for |
//! | `quota` | [`QuotaLayer`](quota::QuotaLayer) | limits and budgets, before the cache or after it |
//! | `cache` | [`CacheLayer`](cache::CacheLayer) | answers from a cache, one call for equal requests in flight |
//! | `retry` | [`RetryLayer`](retry::RetryLayer) | asks again, only before the answer has begun |
//! | `timeout` | [`TimeoutLayer`](timeout::TimeoutLayer) | first byte, idle, total |
//!
//! None is on by default; `full` turns all on. The order that the gateway itself uses is the one of this table, outermost
//! first.

#[cfg(feature = "access")]
pub mod access;
#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "capture")]
pub mod capture;
#[cfg(feature = "limit")]
pub mod limit;
#[cfg(feature = "quota")]
pub mod quota;
#[cfg(feature = "retry")]
pub mod retry;
#[cfg(feature = "route")]
pub mod route;
#[cfg(feature = "timeout")]
pub mod timeout;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(feature = "usage")]
pub mod usage;

#[cfg(any(feature = "quota", feature = "usage"))]
mod billed;
#[cfg(any(feature = "limit", feature = "quota", feature = "usage"))]
mod guarded;

#[cfg(test)]
mod test_helpers;
