//! The path of every request, outermost first.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_cache::AnswerCache;
use tollgate_core::{Error, Request, Response};
use tollgate_providers::responses::{ResponseStore, ResponsesLayer};
use tollgate_providers::{Dispatch, Registry};
use tollgate_tower::access::AccessLayer;
use tollgate_tower::cache::CacheLayer;
use tollgate_tower::capture::{CaptureLayer, Sink};
use tollgate_tower::limit::ConcurrencyLimitLayer;
use tollgate_tower::retry::RetryLayer;
use tollgate_tower::route::RouteLayer;
use tollgate_tower::timeout::{TimeoutLayer, Timeouts};
use tollgate_tower::trace::TraceLayer;
use tollgate_tower::usage::UsageLayer;
use tollgate_usage::Ledger;
use tollgate_usage::price::Prices;
use tollgate_usage::quota::CacheHits;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

use crate::config::{Config, types};
use crate::quotas::Limits;

/// A composed stack.
pub type Stack = BoxCloneSyncService<Request, Response, Error>;

/// What a stack is made of besides its configuration.
#[expect(missing_debug_implementations, reason = "layers have no `Debug`")]
pub struct Parts<'a, L> {
    /// The providers.
    pub registry: Arc<Registry>,
    /// Where each request is recorded.
    pub ledger: L,
    /// What clients may go on from.
    pub responses: Arc<ResponseStore>,
    /// The answers that are kept.
    pub cache: Arc<AnswerCache>,
    /// What requests cost.
    pub prices: Arc<Prices>,
    /// Takes down what is said and answered, where that is asked for.
    pub capture: Option<CaptureLayer<Arc<dyn Sink>>>,
    /// What may be used of what.
    pub quotas: &'a Limits,
}

/// Composes the stack of a configuration.
///
/// The front doors have read the request and know the client before it comes here; the way back is the same list from below.
pub fn build<L>(config: &Config, parts: Parts<'_, L>) -> Stack
where
    L: Ledger + Clone + Unpin + 'static,
{
    let Parts { registry, ledger, responses, cache, prices, capture, quotas } = parts;
    let limits = &config.limits;
    let limit = limits
        .concurrency()
        .map(|places| ConcurrencyLimitLayer::new(places.get()).queue_timeout(limits.queue_timeout.get()));
    let retry = RetryLayer::new(config.retry.max_attempts)
        .base_delay(config.retry.base_delay.get())
        .max_delay(config.retry.max_delay.get())
        .max_retry_after(config.retry.max_retry_after.get());
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            // Outside of everything, so that every line about a request carries its id.
            .layer(TraceLayer::new())
            // Outside of whatever makes or changes answers, because what is kept is what clients saw.
            .option_layer(capture)
            // Outside of usage, because a response in the background is made, and accounted, after its request was answered.
            .layer(ResponsesLayer::new(registry.clone(), responses))
            // Outside of whatever may answer or refuse, so that each request leaves exactly one record.
            .layer(UsageLayer::new(ledger.clone()).prices(prices.clone()))
            // Before any work is done for a request that there is no room for.
            .option_layer(limit)
            // Once: a retry asks the same provider again.
            .layer(RouteLayer::new(registry.clone()))
            // Inside of routing, because what is allowed may be named by what a name stands for; outside of the cache, because
            // what others were answered is not for who may not ask.
            .layer(AccessLayer::new())
            // Inside of routing, because limits may be about models; outside of the cache, for those by which its answers count.
            .layer(quotas.layer(config, prices.clone(), CacheHits::Count))
            // Inside of routing, because an answer is kept under the model that gives it; outside of retries, because what is
            // stored needs none. Calls for no client are the gateway's own, and recorded as such.
            .layer(CacheLayer::new(cache).background(UsageLayer::new(ledger).prices(prices.clone())))
            // Inside of the cache, for those by which its answers are free; outside of retries, which are one request.
            .layer(quotas.layer(config, prices, CacheHits::Free))
            // Sees errors only before an answer has begun, because a provider's future completes when it begins.
            .layer(retry)
            // Inside of retry, so that it counts for each attempt.
            .layer(TimeoutLayer::new(timeouts(config)))
            .service(Dispatch::new(registry)),
    )
}

/// Composes the way to the providers for calls that are made for no client, which are recorded like others.
pub fn background<L>(config: &Config, registry: Arc<Registry>, ledger: L, prices: Arc<Prices>) -> Stack
where
    L: Ledger + Clone + Unpin + 'static,
{
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            .layer(TraceLayer::new())
            .layer(UsageLayer::new(ledger).prices(prices))
            .layer(RouteLayer::new(registry.clone()))
            .layer(TimeoutLayer::new(timeouts(config)))
            .service(Dispatch::new(registry)),
    )
}

/// The time limits of the provider that a request goes to.
fn timeouts(config: &Config) -> impl Fn(&Request) -> Timeouts + Clone + Send + Sync + 'static {
    let by_provider: HashMap<String, Timeouts> =
        config.providers.iter().map(|provider| (provider.name.clone(), limits_of(&provider.timeouts))).collect();
    let by_provider = Arc::new(by_provider);
    let default = limits_of(&config.timeouts);
    move |request| {
        let provider = request.target.as_ref().and_then(|target| by_provider.get(&*target.provider));
        provider.copied().unwrap_or(default)
    }
}

fn limits_of(timeouts: &types::Timeouts) -> Timeouts {
    Timeouts {
        first_byte: timeouts.first_byte.get(),
        idle: timeouts.idle.get(),
        progress: timeouts.progress.get(),
        total: timeouts.total.get(),
    }
}
