//! The engine: ranks candidates, decides, learns.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{ClusterBook, ClusterId, KeyAdmission, KeyId, Standing};
use super::evidence::{Candidate, Evidence, Neighbour, Risk, TextEvidence};
use super::governor::Ration;
use super::policy::{Calibrated, Policy, Settings, Start};
use super::prior;
use super::snapshot::{Reader, SnapshotError, Writer};
use super::stats::{EngineStats, WorkloadStats};
use super::verdict::{Decision, Judgement, Label, NamespaceId, Reason, Request, Verdict, WorkloadId};
use super::workload::Workload;

/// What outweighs a doubtful difference: the cluster agreed at least so often,
const VOUCHED: u32 = 5;
/// and at least so many of the neighbours are its keys.
const VOUCHING_VOTES: u8 = 4;

/// Decides whether stored answers are served, and learns from what comes of it.
///
/// Single-threaded: whoever shares it holds a lock. A decision takes about a microsecond; a label now and then a few
/// milliseconds, when the model is fitted anew, so labels belong off the path of requests. For one seed and one order
/// of calls all decisions are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionEngine {
    settings: Settings,
    seed: u64,
    clusters: ClusterBook,
    workloads: BTreeMap<WorkloadId, Workload>,
    killed: BTreeSet<NamespaceId>,
}

// === impl DecisionEngine ===

impl DecisionEngine {
    /// An engine that knows nothing. The seed is that of the choice of hits that are labelled.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self { settings, seed, clusters: ClusterBook::default(), workloads: BTreeMap::new(), killed: BTreeSet::new() }
    }

    /// The cluster that would be served, of at most [`NEIGHBOURS`](super::NEIGHBOURS) neighbours in any order.
    #[must_use]
    pub fn rank(&self, neighbours: &[Neighbour]) -> Option<Candidate> {
        match self.settings.policy {
            // A fixed threshold looks at the nearest key alone.
            Policy::Threshold(_) => {
                let nearest = neighbours.iter().max_by(|a, b| a.similarity.total_cmp(&b.similarity))?;
                Candidate::among(std::slice::from_ref(nearest), &self.clusters)
            }
            Policy::Calibrated(_) => Candidate::among(neighbours, &self.clusters),
        }
    }

    /// The keys of the candidate's cluster among the neighbours, its own first: prompts that are known to have its answer.
    /// Texts are compared with all of them ([`Risk::mildest`]). A fixed threshold looks at the nearest key alone.
    #[must_use]
    pub fn witnesses(&self, candidate: &Candidate, neighbours: &[Neighbour]) -> Vec<KeyId> {
        let of_cluster = |each: &&Neighbour| {
            matches!(self.settings.policy, Policy::Calibrated(_))
                && each.key != candidate.key
                && self.clusters.resolve(each.cluster) == candidate.cluster
        };
        let others = neighbours.iter().filter(of_cluster).map(|each| each.key);
        std::iter::once(candidate.key).chain(others).collect()
    }

    /// Decides a request. To be called once for each, those without a candidate too: the budget is a share of all.
    pub fn decide(&mut self, request: &Request, candidate: Option<Candidate>) -> Decision {
        match self.settings.policy {
            Policy::Threshold(threshold) => self.compare(request, candidate, threshold),
            Policy::Calibrated(policy) => self.weigh(&policy, request, candidate),
        }
    }

    /// Learns how a candidate's answer compares with the right one.
    pub fn learn(&mut self, judgement: &Judgement, label: Label) {
        self.clusters.note(judgement.cluster, label.agrees, judgement.served, label.actual);
        if let (Policy::Calibrated(_), Some(workload)) =
            (self.settings.policy, self.workloads.get_mut(&judgement.workload))
        {
            workload.learn(judgement, !label.agrees, label.source);
        }
    }

    /// A new answer was stored, under this key.
    pub fn open_cluster(&mut self, cluster: ClusterId, key: KeyId) {
        self.clusters.open(cluster, key);
    }

    /// Another prompt has the answer of this cluster. `nearest` is its similarity to the nearest key of the cluster, or
    /// -1 if none of them is a neighbour.
    pub fn add_key(&mut self, cluster: ClusterId, key: KeyId, nearest: f32) -> KeyAdmission {
        self.clusters.add_key(cluster, key, nearest, self.settings.keys_per_cluster.max(1))
    }

    /// Two stored answers are one. Returns keys that the index must forget because there are too many now.
    pub fn merge_clusters(&mut self, from: ClusterId, into: ClusterId) -> Vec<KeyId> {
        self.clusters.merge(from, into, self.settings.keys_per_cluster.max(1))
    }

    /// The id that a cluster has since it was merged.
    #[must_use]
    pub fn resolve(&self, cluster: ClusterId) -> ClusterId {
        self.clusters.resolve(cluster)
    }

    /// A key was evicted. A cluster goes with its last key.
    pub fn forget_key(&mut self, cluster: ClusterId, key: KeyId) {
        self.clusters.forget_key(cluster, key);
    }

    /// Turns a namespace off, or on again.
    pub fn kill(&mut self, namespace: NamespaceId, killed: bool) {
        if killed {
            self.killed.insert(namespace);
        } else {
            self.killed.remove(&namespace);
        }
    }

    /// Whether a cluster may be served.
    #[must_use]
    pub fn standing(&self, cluster: ClusterId) -> Standing {
        self.clusters.standing(self.clusters.resolve(cluster))
    }

    /// The state of everything.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        let workloads = self.workloads.iter().map(|(id, workload)| self.stats_of(*id, workload)).collect();
        EngineStats {
            clusters: self.clusters.len(),
            quarantined: self.clusters.in_quarantine(),
            killed: self.killed.len(),
            workloads,
        }
    }

    /// All that was learned, for [`DecisionEngine::restore`].
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut to = Writer::new();
        self.clusters.write(&mut to);
        to.count(self.workloads.len());
        for (id, workload) in &self.workloads {
            to.u64(id.0.into());
            workload.write(&mut to);
        }
        to.count(self.killed.len());
        self.killed.iter().for_each(|namespace| to.u64(namespace.0));
        to.finish()
    }

    /// An engine that goes on where the one of the snapshot was, perhaps with other settings.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] if the bytes are no snapshot, damaged, or of another version.
    pub fn restore(settings: Settings, seed: u64, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut from = Reader::new(bytes)?;
        let mut engine = Self::new(settings, seed);
        engine.clusters = ClusterBook::read(&mut from)?;
        for _ in 0..from.count()? {
            let id = WorkloadId(from.narrow()?);
            engine.workloads.insert(id, Workload::read(&mut from)?);
        }
        for _ in 0..from.count()? {
            engine.killed.insert(NamespaceId(from.u64()?));
        }
        from.finish()?;
        Ok(engine)
    }

    fn compare(&mut self, request: &Request, candidate: Option<Candidate>, threshold: f32) -> Decision {
        let refusal = match &candidate {
            None => Some(Reason::NoCandidate),
            Some(_) if self.killed.contains(&request.namespace) => Some(Reason::Killed),
            Some(candidate) if candidate.similarity < threshold => Some(Reason::BelowBar),
            Some(_) => refused_by(request.text.as_ref()),
        };
        let verdict = refusal.map_or(Verdict::Serve { shadow: false }, Verdict::Miss);
        let judgement = candidate.as_ref().map(|candidate| Judgement {
            workload: request.workload,
            cluster: candidate.cluster,
            evidence: Evidence::of(candidate, &self.clusters, request.text.as_ref()),
            score: f64::from(1.0 - candidate.similarity),
            served: refusal.is_none(),
            charged: 0.0,
            probability: 1.0,
        });
        let score = candidate.map(|candidate| candidate.similarity);
        Decision { verdict, score, p_wrong: None, bar: threshold.into(), judgement }
    }

    fn weigh(&mut self, policy: &Calibrated, request: &Request, candidate: Option<Candidate>) -> Decision {
        let seed = self.seed ^ u64::from(request.workload.0);
        let workload = self.workloads.entry(request.workload).or_insert_with(|| Workload::new(seed));
        let ration = workload.ration(policy);
        let warm = policy.start == Start::Warm && workload.is_observing(policy) && workload.counts.alarms == 0;
        let full = if warm { Workload::warm_bar(policy) } else { workload.bar() };
        let bar = full * if ration == Ration::Half { 0.5 } else { 1.0 };
        let Some(candidate) = candidate else {
            workload.note_request(policy, 1.0, false, 0.0, false);
            return Decision {
                verdict: Verdict::Miss(Reason::NoCandidate),
                score: None,
                p_wrong: None,
                bar,
                judgement: None,
            };
        };
        let evidence = Evidence::of(&candidate, &self.clusters, request.text.as_ref());
        let score = workload.p_wrong(&evidence);
        let p_wrong = if warm { prior::of_pair(candidate.similarity, request.text.as_ref()) } else { score };
        let refusal = if self.killed.contains(&request.namespace) {
            Some(Reason::Killed)
        } else if workload.is_observing(policy) && !warm {
            Some(Reason::Observing)
        } else if p_wrong > bar {
            Some(Reason::BelowBar)
        } else {
            refused_by_text(&self.clusters, &candidate, request.text.as_ref())
                .or_else(|| refused_by_record(&self.clusters, &candidate))
                .or_else(|| (ration == Ration::Nothing).then_some(Reason::Budget))
        };
        let mut judgement = Judgement {
            workload: request.workload,
            cluster: candidate.cluster,
            evidence,
            score,
            served: refusal.is_none(),
            charged: 0.0,
            probability: 1.0,
        };
        let mut shadow = false;
        if refusal.is_none() {
            let serves = self.clusters.serves(candidate.cluster);
            judgement.charged = p_wrong;
            let (of_hits, of_requests) = (policy.shadow_of_hits, policy.shadow_of_requests);
            judgement.probability = workload.sampler.probability(score, serves, of_hits, of_requests);
            shadow = workload.sampler.draw(judgement.probability);
            self.clusters.note_served(candidate.cluster);
        }
        workload.note_request(policy, score, judgement.served, judgement.charged, shadow);
        let verdict = refusal.map_or(Verdict::Serve { shadow }, Verdict::Miss);
        Decision { verdict, score: Some(candidate.similarity), p_wrong: Some(p_wrong), bar, judgement: Some(judgement) }
    }

    fn stats_of(&self, id: WorkloadId, workload: &Workload) -> WorkloadStats {
        let policy = match self.settings.policy {
            Policy::Calibrated(policy) => policy,
            Policy::Threshold(_) => Calibrated::default(),
        };
        let estimate = workload.estimate(&policy);
        let counts = workload.counts;
        WorkloadStats {
            workload: id,
            requests: counts.requests,
            hits: counts.hits,
            shadowed: counts.shadowed,
            miss_labels: counts.miss_labels,
            hit_labels: counts.hit_labels,
            false_hits: counts.false_hits,
            alarms: counts.alarms,
            observing: workload.is_observing(&policy),
            bar: workload.bar(),
            error_rate: estimate.rate,
            error_rate_upper: estimate.upper,
            recent_error_rate: workload.ledger.rate(),
        }
    }
}

/// What texts alone forbid.
fn refused_by(text: Option<&TextEvidence>) -> Option<Reason> {
    let text = text?;
    if text.echo {
        Some(Reason::Echo)
    } else if text.risk != Risk::None {
        Some(Reason::Flagged)
    } else {
        None
    }
}

/// What texts forbid unless labels say otherwise. A flag says that vectors cannot tell the two prompts apart; it takes
/// several confirmed prompts around the request to outweigh it.
fn refused_by_text(clusters: &ClusterBook, candidate: &Candidate, text: Option<&TextEvidence>) -> Option<Reason> {
    let refusal = refused_by(text)?;
    let is_doubtful = refusal == Reason::Flagged && text?.risk == Risk::Doubtful;
    let (agree, _) = clusters.counts(candidate.cluster);
    let vouched = agree >= VOUCHED && candidate.votes >= VOUCHING_VOTES;
    if is_doubtful && vouched { None } else { Some(refusal) }
}

/// What a cluster's own record forbids.
fn refused_by_record(clusters: &ClusterBook, candidate: &Candidate) -> Option<Reason> {
    match clusters.standing(candidate.cluster) {
        Standing::VerifyOnly(_) => Some(Reason::VerifyOnly),
        Standing::Hub => Some(Reason::Hub),
        Standing::Good => {
            let rival = candidate.rival?;
            // Far from the rival the earlier mistake says nothing.
            (candidate.margin < 0.05 && clusters.is_tombstoned(candidate.cluster, rival)).then_some(Reason::Tombstone)
        }
    }
}
