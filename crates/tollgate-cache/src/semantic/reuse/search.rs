//! Finds an answer for a rephrased request.

use std::sync::Arc;

use super::payload::Payload;
use super::{Query, SemanticCache, lock, namespace_id};
use crate::index::PointId;
use crate::semantic::decision::{
    self, Candidate, ClusterId, Decision, Judgement, KeyId, NEIGHBOURS, Request, Risk, TextEvidence, Verdict,
    WorkloadId,
};
use crate::semantic::text::{AnswerWords, Comparison, RiskFlags};
use crate::{AnswerCache, Entry, Lookup};

/// What a search gave.
#[derive(Debug)]
pub struct Searched {
    /// The answer to serve, and whether a fresh one is wanted as well, to compare.
    pub serve: Option<(Arc<Entry>, bool)>,
    /// A stable word: why it is served, or why not.
    pub reason: &'static str,
    /// What is owed once there is a fresh answer.
    pub pending: Pending,
}

/// What a fresh answer is to be compared with, and stored beside.
#[derive(Debug, Default)]
pub struct Pending {
    pub(super) vector: Option<Vec<f32>>,
    pub(super) judgement: Option<Judgement>,
    /// Clusters near by and the similarity of their nearest key, the nearest first.
    pub(super) near: Vec<(ClusterId, f32)>,
}

/// Why a request would be answered as it would, in full.
#[derive(Debug)]
pub struct Explanation {
    /// Prompts near by, the nearest first.
    pub near: Vec<NearPrompt>,
    /// The decision; `None` if it did not come to one.
    pub decision: Option<Decision>,
    /// In what the candidate's prompt and this one may differ.
    pub flags: RiskFlags,
    /// Whether the candidate's answer speaks of what only its own prompt had.
    pub echo: bool,
    /// A stable word for what would be done.
    pub reason: &'static str,
}

/// A prompt near by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearPrompt {
    /// The answer that it has.
    pub cluster: ClusterId,
    /// Cosine similarity.
    pub similarity: f32,
}

/// A neighbour with its prompt.
struct Near {
    id: PointId,
    similarity: f32,
    payload: Payload,
}

/// A candidate whose answer is there.
struct Found {
    candidate: Candidate,
    comparison: Comparison,
    echo: bool,
    entry: Arc<Entry>,
}

/// How often a candidate without an answer is passed over for the next one.
const TRIES: usize = 4;

impl SemanticCache {
    /// Looks for an answer. Whatever fails on the way makes it a plain miss.
    pub async fn search(&self, answers: &AnswerCache, lookup: &Lookup, query: &Query) -> Searched {
        let is_plausible = self
            .prefilter
            .as_ref()
            .is_none_or(|prefilter| lock(prefilter).is_plausible(&query.namespace, &query.reading.analysis));
        if !is_plausible {
            return self.miss(query, "no-candidate", Pending::default());
        }
        let Ok(vector) = self.embedder.embed(&query.text).await else {
            return self.miss(query, "embedder-unavailable", Pending::default());
        };
        let Ok(mut near) = self.near(query, &vector).await else {
            return self.miss(query, "index-unavailable", Pending { vector: Some(vector), ..Pending::default() });
        };
        let found = self.candidate(answers, lookup, query, &mut near).await;
        let mut pending = Pending { vector: Some(vector), judgement: None, near: clusters(&near) };
        let Some(found) = found else { return self.miss(query, "no-candidate", pending) };
        let decision = lock(&self.engine).decide(&request(query, Some(&found)), Some(found.candidate));
        pending.judgement = decision.judgement;
        let is_refused = lookup.directives.min_similarity.is_some_and(|least| found.candidate.similarity < least);
        match decision.verdict {
            Verdict::Serve { .. } if is_refused => Searched {
                serve: None,
                reason: "below-min-similarity",
                pending: Pending { judgement: None, ..pending },
            },
            Verdict::Serve { shadow } => {
                self.count_hit(query, &found.entry);
                Searched { serve: Some((found.entry, shadow)), reason: "semantic", pending }
            }
            Verdict::Miss(reason) => Searched { serve: None, reason: reason.as_str(), pending },
        }
    }

    /// What [`Self::search`] would do, without a trace.
    pub async fn explain(&self, answers: &AnswerCache, lookup: &Lookup, query: &Query) -> Explanation {
        let nothing =
            |reason| Explanation { near: Vec::new(), decision: None, flags: RiskFlags::default(), echo: false, reason };
        let Ok(vector) = self.embedder.embed(&query.text).await else { return nothing("embedder-unavailable") };
        let Ok(mut near) = self.near(query, &vector).await else { return nothing("index-unavailable") };
        let prompts: Vec<NearPrompt> =
            near.iter().map(|near| NearPrompt { cluster: near.payload.cluster, similarity: near.similarity }).collect();
        let Some(found) = self.candidate(answers, lookup, query, &mut near).await else {
            return Explanation { near: prompts, ..nothing("no-candidate") };
        };
        // On a copy, which learns nothing that stays.
        let mut engine = lock(&self.engine).clone();
        let decision = engine.decide(&request(query, Some(&found)), Some(found.candidate));
        let reason = match decision.verdict {
            Verdict::Serve { .. } => "semantic",
            Verdict::Miss(reason) => reason.as_str(),
        };
        Explanation { near: prompts, decision: Some(decision), flags: found.comparison.flags, echo: found.echo, reason }
    }

    fn miss(&self, query: &Query, reason: &'static str, pending: Pending) -> Searched {
        // Every request counts for the budget, which is a share of all.
        lock(&self.engine).decide(&request(query, None), None);
        Searched { serve: None, reason, pending }
    }

    async fn near(&self, query: &Query, vector: &[f32]) -> Result<Vec<Near>, crate::index::IndexError> {
        let found = self.index.search(query.namespace, vector, NEIGHBOURS).await?;
        let near = found.into_iter().filter_map(|neighbour| {
            let payload = Payload::from_bytes(&neighbour.payload)?;
            Some(Near { id: neighbour.id, similarity: neighbour.similarity, payload })
        });
        Ok(near.collect())
    }

    /// The best candidate that still has its answer. Keys of those that have not are forgotten.
    async fn candidate(
        &self,
        answers: &AnswerCache,
        lookup: &Lookup,
        query: &Query,
        near: &mut Vec<Near>,
    ) -> Option<Found> {
        for _ in 0..TRIES {
            let neighbours: Vec<decision::Neighbour> = near
                .iter()
                .map(|near| decision::Neighbour {
                    cluster: near.payload.cluster,
                    key: near.payload.key,
                    similarity: near.similarity,
                })
                .collect();
            let candidate = lock(&self.engine).rank(&neighbours)?;
            let stored = near.iter().find(|near| near.payload.key == candidate.key)?;
            if let Some(entry) = answers.cluster(lookup, candidate.cluster).await {
                let comparison = self.compare(query, near, &candidate, &neighbours)?;
                let words = AnswerWords::of(&entry.text());
                let echo = !words.echo(&stored.payload.analysis, &query.reading.analysis).is_silent();
                return Some(Found { candidate, comparison, echo, entry });
            }
            self.forget(query, near, candidate.cluster).await;
        }
        None
    }

    /// The mildest difference from a prompt that is known to have the candidate's answer.
    fn compare(
        &self,
        query: &Query,
        near: &[Near],
        candidate: &Candidate,
        neighbours: &[decision::Neighbour],
    ) -> Option<Comparison> {
        let witnesses = lock(&self.engine).witnesses(candidate, neighbours);
        let prompts = witnesses.iter().filter_map(|key| near.iter().find(|near| near.payload.key == *key));
        Risk::mildest(prompts.map(|near| near.payload.analysis.compare(&query.reading.analysis)))
    }

    async fn forget(&self, query: &Query, near: &mut Vec<Near>, cluster: ClusterId) {
        let mut gone = Vec::new();
        {
            let mut engine = lock(&self.engine);
            near.retain(|near| {
                let is_gone = engine.resolve(near.payload.cluster) == cluster;
                if is_gone {
                    engine.forget_key(cluster, near.payload.key);
                    gone.push(near.id);
                }
                !is_gone
            });
        }
        // If it fails, the next search finds them again.
        let _ = self.index.remove(query.namespace, &gone).await;
    }

    fn count_hit(&self, query: &Query, entry: &Entry) {
        if let Some(info) = lock(&self.namespaces).get_mut(&query.namespace) {
            info.hits += 1;
            info.saved_tokens = info.saved_tokens.saturating_add(entry.usage().map_or(0, |usage| usage.total()));
        }
    }
}

fn request(query: &Query, found: Option<&Found>) -> Request {
    let text = found.map(|found| TextEvidence::of(&found.comparison, found.echo));
    Request { namespace: namespace_id(&query.namespace), workload: WorkloadId::default(), text }
}

fn clusters(near: &[Near]) -> Vec<(ClusterId, f32)> {
    let mut clusters: Vec<(ClusterId, f32)> = Vec::new();
    for near in near {
        if !clusters.iter().any(|(known, _)| *known == near.payload.cluster) {
            clusters.push((near.payload.cluster, near.similarity));
        }
    }
    clusters
}

/// The id of a key's point.
pub(super) fn point(key: KeyId) -> PointId {
    PointId::new(key.0.into())
}
