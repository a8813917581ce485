//! How the service is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;
use tollgate_usage::price::Prices;
use tollgate_usage::quota::{CacheHits, Quotas};
use tower_layer::Layer;

use super::Quota;

/// Makes [`Quota`]. See the [module docs](super).
#[derive(Clone)]
pub struct QuotaLayer {
    pub(super) quotas: Arc<Quotas>,
    pub(super) prices: Arc<Prices>,
    pub(super) settings: Settings,
    /// Somebody of this process has given back what was held.
    pub(super) settled: Arc<Notify>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) rules: CacheHits,
    pub(super) wait: Duration,
    pub(super) assumed_output: u64,
    pub(super) budget_status: Option<StatusCode>,
}

impl QuotaLayer {
    /// Limits and budgets of `quotas`, of requests that cost what `prices` says.
    #[must_use]
    pub fn new(quotas: Arc<Quotas>, prices: Arc<Prices>) -> Self {
        let settings = Settings {
            rules: CacheHits::Free,
            wait: Duration::from_secs(1),
            assumed_output: 4096,
            budget_status: None,
        };
        Self { quotas, prices, settings, settled: Arc::default() }
    }

    /// Sets which rules are looked at: those by which cached answers count, or those by which they are free. Defaults to
    /// the latter.
    #[must_use]
    pub fn rules(mut self, rules: CacheHits) -> Self {
        self.settings.rules = rules;
        self
    }

    /// Sets how long a request waits for what others hold of a budget. Defaults to 1 second; zero refuses at once.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.settings.wait = wait;
        self
    }

    /// Sets how many tokens an answer is believed to have at most, where neither the request nor the price says so. Defaults to 4096.
    #[must_use]
    pub fn assumed_output(mut self, tokens: u64) -> Self {
        self.settings.assumed_output = tokens;
        self
    }

    /// Sets the status of requests that a budget refuses. Defaults to that of the error's kind, 402.
    #[must_use]
    pub fn budget_status(mut self, status: Option<StatusCode>) -> Self {
        self.settings.budget_status = status;
        self
    }
}

impl<S> Layer<S> for QuotaLayer {
    type Service = Quota<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Quota { inner, layer: self.clone() }
    }
}

impl fmt::Debug for QuotaLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = (&self.quotas, &self.settings);
        f.debug_struct("QuotaLayer").field("quotas", fields.0).field("settings", fields.1).finish_non_exhaustive()
    }
}
