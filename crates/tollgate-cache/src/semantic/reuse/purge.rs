//! Forgets what was stored for prompts like a text.

use std::collections::BTreeSet;

use super::payload::Payload;
use super::{SemanticCache, lock};
use crate::AnswerCache;
use crate::index::PointId;
use crate::semantic::EmbedError;
use crate::semantic::decision::ClusterId;

/// How many prompts of one namespace are looked at.
const MOST: usize = 256;

impl SemanticCache {
    /// Forgets the answers of all prompts that are at least as similar to a text as said, in every namespace; how many there
    /// are. With `dry_run` they are only counted.
    ///
    /// # Errors
    /// If the text cannot be turned into a vector. A namespace that cannot be searched now is passed over.
    pub async fn purge_near(
        &self,
        answers: &AnswerCache,
        text: &str,
        similarity: f32,
        dry_run: bool,
    ) -> Result<usize, EmbedError> {
        let vector = self.embedder.embed(text).await?;
        let mut clusters: BTreeSet<ClusterId> = BTreeSet::new();
        for (namespace, _) in self.namespaces() {
            let Ok(near) = self.index.search(namespace, &vector, MOST).await else { continue };
            let mut gone: Vec<PointId> = Vec::new();
            for neighbour in near.iter().filter(|neighbour| neighbour.similarity >= similarity) {
                let Some(payload) = Payload::from_bytes(&neighbour.payload) else { continue };
                let cluster = lock(&self.engine).resolve(payload.cluster);
                clusters.insert(cluster);
                gone.push(neighbour.id);
                if !dry_run {
                    lock(&self.engine).forget_key(cluster, payload.key);
                    answers.forget(&payload.exact).await;
                }
            }
            if !dry_run {
                // What stays has no answer any more, and is forgotten when it is found.
                let _ = self.index.remove(namespace, &gone).await;
            }
        }
        if !dry_run {
            for cluster in &clusters {
                answers.forget_cluster(*cluster).await;
            }
        }
        Ok(clusters.len())
    }
}
