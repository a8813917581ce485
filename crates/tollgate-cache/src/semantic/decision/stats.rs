//! What an operator sees.

use super::verdict::WorkloadId;

/// The state of an engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineStats {
    /// Answer clusters that are known.
    pub clusters: usize,
    /// Those of them that may not be served, because of false hits or because they are near to everything.
    pub quarantined: usize,
    /// Namespaces that an operator turned off.
    pub killed: usize,
    /// Each workload, by its id.
    pub workloads: Vec<WorkloadStats>,
}

/// The state of one workload. Rates are shares of all requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkloadStats {
    /// Which.
    pub workload: WorkloadId,
    /// Requests that were decided.
    pub requests: u64,
    /// Those that were served.
    pub hits: u64,
    /// Those of the hits that were also asked upstream.
    pub shadowed: u64,
    /// Labels of misses.
    pub miss_labels: u64,
    /// Labels of hits.
    pub hit_labels: u64,
    /// Hits that are known to have been wrong.
    pub false_hits: u64,
    /// How often the model no longer fitted and learning began anew.
    pub alarms: u64,
    /// Nothing is served yet, for want of labels.
    pub observing: bool,
    /// The probability of being wrong up to which is served now.
    pub bar: f64,
    /// The rate of errors at this bar, as estimated.
    pub error_rate: f64,
    /// Its upper bound.
    pub error_rate_upper: f64,
    /// The estimated rate of wrong hits of the last 5,000 requests, corrected by what shadowed hits turned out to be.
    pub recent_error_rate: f64,
}

// === impl WorkloadStats ===

impl WorkloadStats {
    /// The share of requests that were served.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share for people to read")]
    pub fn coverage(&self) -> f64 {
        self.hits as f64 / self.requests.max(1) as f64
    }
}
