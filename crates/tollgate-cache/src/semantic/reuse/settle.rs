//! Learns from a fresh answer, and stores its prompt.

use std::sync::Arc;
use std::time::Duration;

use super::payload::Payload;
use super::search::{Pending, point};
use super::{Query, SemanticCache, lock};
use crate::index::Point;
use crate::semantic::comparator;
use crate::semantic::decision::{ClusterId, KeyAdmission, KeyId, Label, LabelSource};
use crate::{AnswerCache, Entry, Lookup};

/// What a fresh answer is the label of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelOf {
    /// Of a miss.
    Miss,
    /// Of a hit that was asked upstream as well.
    Hit,
}

/// How many clusters near by a fresh answer is compared with.
const COMPARED: usize = 3;

impl SemanticCache {
    /// Compares a fresh answer with those near by, learns from it, and stores its prompt: beside an answer that says the same,
    /// or with the answer as a new one.
    pub async fn settle(
        &self,
        answers: &AnswerCache,
        lookup: &Lookup,
        query: &Query,
        pending: Pending,
        fresh: Arc<Entry>,
        of: LabelOf,
    ) {
        let text = fresh.text();
        if text.is_empty() {
            return;
        }
        let vector = match pending.vector {
            Some(vector) => vector,
            None => match self.embedder.embed(&query.text).await {
                Ok(vector) => vector,
                Err(_) => return,
            },
        };
        let judged = pending.judgement.as_ref().map(|judgement| judgement.cluster());
        let mut verdicts: Vec<(ClusterId, f32, Option<bool>)> = Vec::new();
        for (cluster, similarity) in self.to_compare(&pending.near, judged) {
            let Some(stored) = answers.cluster(lookup, cluster).await else { continue };
            let agrees = comparator::agree(&stored.text(), &text, &*self.embedder).await;
            verdicts.push((cluster, similarity, agrees));
        }
        let same = verdicts.iter().find(|(_, _, agrees)| *agrees == Some(true)).copied();
        if let (Some(judgement), Some(judged)) = (&pending.judgement, judged)
            && let Some(agrees) = verdicts.iter().find(|(cluster, ..)| *cluster == judged).and_then(|found| found.2)
        {
            let source = if of == LabelOf::Miss { LabelSource::Miss } else { LabelSource::Shadow };
            lock(&self.engine).learn(judgement, Label { agrees, actual: same.map(|(cluster, ..)| cluster), source });
        }
        match same {
            Some((cluster, similarity, _)) => self.add_key((lookup, query), cluster, similarity, vector, &fresh).await,
            None => self.open(answers, lookup, query, vector, fresh).await,
        }
    }

    /// The judged cluster, and those nearest beside it.
    fn to_compare(&self, near: &[(ClusterId, f32)], judged: Option<ClusterId>) -> Vec<(ClusterId, f32)> {
        let engine = lock(&self.engine);
        let mut clusters: Vec<(ClusterId, f32)> = Vec::new();
        for (cluster, similarity) in near {
            let cluster = engine.resolve(*cluster);
            if !clusters.iter().any(|(known, _)| *known == cluster) {
                clusters.push((cluster, *similarity));
            }
        }
        clusters.sort_by_key(|(cluster, _)| Some(*cluster) != judged);
        clusters.truncate(COMPARED);
        clusters
    }

    async fn add_key(
        &self,
        (lookup, query): (&Lookup, &Query),
        cluster: ClusterId,
        nearest: f32,
        vector: Vec<f32>,
        fresh: &Entry,
    ) {
        let key = KeyId(fastrand::u64(..));
        let admission = lock(&self.engine).add_key(cluster, key, nearest);
        match admission {
            KeyAdmission::Refused => return,
            KeyAdmission::Replaced(old) => drop(self.index.remove(query.namespace, &[point(old)]).await),
            KeyAdmission::Kept => {}
        }
        self.insert((lookup, query), cluster, key, vector, fresh).await;
    }

    async fn open(&self, answers: &AnswerCache, lookup: &Lookup, query: &Query, vector: Vec<f32>, fresh: Arc<Entry>) {
        let (cluster, key) = (ClusterId(fastrand::u64(..)), KeyId(fastrand::u64(..)));
        lock(&self.engine).open_cluster(cluster, key);
        answers.keep_cluster(lookup, cluster, fresh.clone()).await;
        self.insert((lookup, query), cluster, key, vector, &fresh).await;
    }

    async fn insert(
        &self,
        (lookup, query): (&Lookup, &Query),
        cluster: ClusterId,
        key: KeyId,
        vector: Vec<f32>,
        fresh: &Entry,
    ) {
        let payload = Payload { cluster, key, exact: lookup.key, analysis: query.reading.analysis.clone() };
        #[expect(clippy::cast_precision_loss, reason = "what is worth keeping need not be exact")]
        let point = Point::new(point(key), vector, payload.to_bytes()).weight(fresh.worth() as f32);
        let ttl = Duration::from_millis(fresh.ttl.saturating_add(fresh.grace).max(1));
        if self.index.upsert(query.namespace, vec![point], Some(ttl)).await.is_err() {
            lock(&self.engine).forget_key(cluster, key);
        } else if let Some(prefilter) = &self.prefilter {
            lock(prefilter).insert(&query.namespace, &query.reading.analysis);
        }
    }
}
