//! Whether a stored answer may be served, learned from labels, with a bound on the rate of errors.
//!
//! The unit is the **answer cluster**: one stored answer and the vectors of all prompts that are known to have it. A
//! request is compared with the keys nearest to it; the [`Candidate`] is the cluster with most of their weight.
//! Everything that is known of the candidate becomes a vector of [`Evidence`], a logistic model per workload turns it
//! into the probability that serving would be wrong, and a bar on that probability is kept so low that wrong hits stay
//! within a share of **all** requests, the rate of errors (ERR). What is learned from:
//!
//! - each miss that had a candidate: the fresh answer either agrees with the candidate's or not;
//! - hits that were also asked upstream ([`Verdict::Serve`] with `shadow`);
//! - feedback of operators and users.
//!
//! How it was chosen, with numbers, is in `docs/decisions/0020-calibrated-decision.md`.
//!
//! ```
//! use tollgate_cache::semantic::decision::{
//!     Candidate, ClusterId, DecisionEngine, KeyId, Label, LabelSource, Neighbour, Policy, Request, Settings, Verdict,
//! };
//!
//! let mut engine = DecisionEngine::new(Settings::new(Policy::calibrated(0.01)), 7);
//! engine.open_cluster(ClusterId(1), KeyId(1));
//! let near = [Neighbour { cluster: ClusterId(1), key: KeyId(1), similarity: 0.98 }];
//! let candidate = engine.rank(&near);
//! let decision = engine.decide(&Request::default(), candidate);
//! // Nothing is known of this traffic yet, so the answer is fetched, and compared with the one that was kept.
//! assert!(matches!(decision.verdict, Verdict::Miss(_)));
//! let judgement = decision.judgement.expect("there was a candidate");
//! engine.learn(&judgement, Label { agrees: true, actual: Some(ClusterId(1)), source: LabelSource::Miss });
//! ```

mod bound;
mod calibrator;
mod cluster;
mod engine;
mod evidence;
mod governor;
mod policy;
mod prior;
mod shadow;
mod snapshot;
mod stats;
#[cfg(test)]
mod tests;
mod verdict;
mod workload;

pub use cluster::{ClusterId, KeyAdmission, KeyId, Standing};
pub use engine::DecisionEngine;
pub use evidence::{Candidate, EVIDENCE, Evidence, NEIGHBOURS, Neighbour, Risk, TextEvidence};
pub use policy::{Calibrated, Policy, Settings, Start};
pub use snapshot::SnapshotError;
pub use stats::{EngineStats, WorkloadStats};
pub use verdict::{Decision, Judgement, Label, LabelSource, NamespaceId, Reason, Request, Verdict, WorkloadId};
