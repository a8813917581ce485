//! What the operator chooses: a fixed threshold, or a rate of errors that must not be exceeded.

/// How the decision is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    /// Serve the nearest key's answer if its cosine similarity is at least this. Nothing is learned, nothing is
    /// promised: what share of hits is wrong depends on the traffic.
    Threshold(f32),
    /// Serve while wrong hits stay within a share of all requests.
    Calibrated(Calibrated),
}

/// Settings of [`Policy::Calibrated`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibrated {
    /// The greatest acceptable share of wrong hits in all requests, 0.0005 to 0.2. Default 0.01.
    pub max_error_rate: f64,
    /// The confidence that bounds are computed with is one minus this. Default 0.05.
    pub alpha: f64,
    /// The share of hits that is also asked upstream, on average. Default 0.03.
    pub shadow_of_hits: f64,
    /// The share of all requests that is asked upstream although answered from the cache, on average. The smaller of
    /// the two limits holds. Default 0.01.
    pub shadow_of_requests: f64,
    /// What is done before there are labels. Default [`Start::Observe`].
    pub start: Start,
}

/// What is done until there are enough labels of one's own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Start {
    /// Nothing is served before there are `ceil(1 / max_error_rate - 1)` labels: fewer could not show a rate that low
    /// even if all of them agreed.
    #[default]
    Observe,
    /// Until then, what the rules on texts find equal in meaning is served at a similarity that a shipped prior finds
    /// good enough. For traffic that is too thin to learn from. Without texts nothing is served.
    Warm,
}

/// How an engine works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How the decision is made.
    pub policy: Policy,
    /// How many prompts one answer may be found by, at most. Default 64.
    pub keys_per_cluster: usize,
}

// === impl Policy ===

impl Policy {
    /// [`Policy::Calibrated`] with defaults for everything but the rate of errors.
    #[must_use]
    pub fn calibrated(max_error_rate: f64) -> Self {
        Self::Calibrated(Calibrated { max_error_rate, ..Calibrated::default() })
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::Calibrated(Calibrated::default())
    }
}

// === impl Calibrated ===

impl Calibrated {
    /// The rate of errors, held within what the arithmetic can work with.
    pub(super) fn budget(&self) -> f64 {
        self.max_error_rate.clamp(0.0005, 0.2)
    }

    /// How many labels there must be before the bound says anything.
    pub(super) fn floor(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 4 and 1999")]
        let floor = (1.0 / self.budget() - 1.0 - 1e-9).ceil() as u64;
        floor
    }
}

impl Default for Calibrated {
    fn default() -> Self {
        Self {
            max_error_rate: 0.01,
            alpha: 0.05,
            shadow_of_hits: 0.03,
            shadow_of_requests: 0.01,
            start: Start::Observe,
        }
    }
}

// === impl Settings ===

impl Settings {
    /// Defaults for everything but the policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, keys_per_cluster: 64 }
    }
}
