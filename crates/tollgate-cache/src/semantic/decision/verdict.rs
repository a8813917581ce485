//! What is asked of the engine, what it says, and what it is told afterwards.

use super::cluster::ClusterId;
use super::evidence::{Evidence, TextEvidence};

/// What must be equal for two requests to share answers, by its digest.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NamespaceId(pub u64);

/// A kind of traffic with a model and a budget of its own, such as a route; chosen by the operator.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkloadId(pub u16);

/// A request that is to be decided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Request {
    /// Where its neighbours were searched.
    pub namespace: NamespaceId,
    /// Whose model and budget apply.
    pub workload: WorkloadId,
    /// What the words of it and of the candidate's prompt say; none if they were not compared.
    pub text: Option<TextEvidence>,
}

/// What to do with a request, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// The candidate's similarity, if there was one.
    pub score: Option<f32>,
    /// The modelled probability that serving would be wrong, if there was a candidate.
    pub p_wrong: Option<f64>,
    /// What it was compared with: a similarity for a fixed threshold, a probability otherwise.
    pub bar: f64,
    /// What [`DecisionEngine::learn`](super::DecisionEngine::learn) wants back with the label; none without a candidate.
    pub judgement: Option<Judgement>,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Answer from the candidate's cluster; with `shadow`, also ask upstream and compare.
    Serve {
        /// The fresh answer is wanted as a label.
        shadow: bool,
    },
    /// Ask upstream.
    Miss(Reason),
}

/// Why a candidate is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// There is none.
    NoCandidate,
    /// Too little is known of this traffic.
    Observing,
    /// It is more likely wrong than the bar allows, or less similar than the threshold.
    BelowBar,
    /// The texts differ in a way that changes answers, and labels do not outweigh it.
    Flagged,
    /// The stored answer speaks of something that the request does not.
    Echo,
    /// The cluster was served wrongly and is not confirmed again.
    VerifyOnly,
    /// The cluster is near to everything.
    Hub,
    /// The cluster was served for the rival's request before.
    Tombstone,
    /// The budget of errors is used up.
    Budget,
    /// An operator turned the namespace off.
    Killed,
}

/// A candidate as it was judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    pub(super) workload: WorkloadId,
    pub(super) cluster: ClusterId,
    pub(super) evidence: Evidence,
    pub(super) score: f64,
    pub(super) served: bool,
    pub(super) charged: f64,
    pub(super) probability: f64,
}

/// How a candidate's answer compares with the right one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Label {
    /// Whether it is the same answer.
    pub agrees: bool,
    /// The cluster that the right answer belongs to, if that is known.
    pub actual: Option<ClusterId>,
    /// Who says so.
    pub source: LabelSource,
}

/// Where a label comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LabelSource {
    /// The request was a miss, and its fresh answer was compared.
    Miss,
    /// The request was a hit, and was asked upstream too.
    Shadow,
    /// Somebody says so: a user or an operator. What they choose to speak about is no sample, so that this moves
    /// clusters but neither model nor bound.
    Feedback,
}

// === impl Reason ===

impl Reason {
    /// One stable word, for headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCandidate => "no-candidate",
            Self::Observing => "observing",
            Self::BelowBar => "below-bar",
            Self::Flagged => "flagged",
            Self::Echo => "echo",
            Self::VerifyOnly => "verify-only",
            Self::Hub => "hub",
            Self::Tombstone => "tombstone",
            Self::Budget => "budget",
            Self::Killed => "killed",
        }
    }
}

// === impl Judgement ===

impl Judgement {
    /// The cluster that was, or would have been, served.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// What was known of it.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Whether it was served.
    #[must_use]
    pub fn was_served(&self) -> bool {
        self.served
    }
}
