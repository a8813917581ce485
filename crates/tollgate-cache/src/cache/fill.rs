//! What is kept of a new answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::ir::{Answer, Event};
use tollgate_core::{BoxFuture, Context, Observed, Operation, Target, Usage};

use super::{AnswerCache, Lookup};
use crate::admission::{self, NotStored};
use crate::epochs::Stamp;
use crate::flight::Landing;
use crate::semantic::decision::ClusterId;
use crate::{Entry, Packed, PackedUsage, Payload, Provenance, now_millis};

/// What became of an answer that was to be kept.
pub struct Filled {
    /// The entry, or why there is none.
    pub outcome: Result<Arc<Entry>, NotStored>,
    /// What is left to be done for it, if it is also kept elsewhere; nobody needs to wait for it.
    pub write: Option<BoxFuture<'static, ()>>,
}

// === impl AnswerCache ===

impl AnswerCache {
    /// Keeps an answer that has landed, if it may be kept.
    #[must_use]
    pub fn fill(&self, lookup: &Lookup, operation: Operation, context: &Context, landing: Landing) -> Filled {
        let entry = match self.entry(lookup, operation, context, landing) {
            Ok(entry) => Arc::new(entry),
            Err(reason) => {
                self.statistics.not_stored(reason);
                return Filled { outcome: Err(reason), write: None };
            }
        };
        self.statistics.stored();
        self.memory.keep(lookup.key, entry.clone());
        let write = self.shared.clone().map(|shared| {
            let (key, entry) = (lookup.key, entry.clone());
            let write: BoxFuture<'static, ()> = Box::pin(async move { shared.put(key, entry).await });
            write
        });
        Filled { outcome: Ok(entry), write }
    }

    pub(crate) async fn keep_cluster(&self, lookup: &Lookup, cluster: ClusterId, entry: Arc<Entry>) {
        // Entries of clusters belong to a scope as others do; `lookup` is where it comes from.
        debug_assert_eq!(entry.provenance.scope, lookup.scope);
        let key = self.keys.cluster(cluster.0);
        self.memory.keep(key, entry.clone());
        if let Some(shared) = &self.shared {
            shared.put(key, entry).await;
        }
    }

    fn entry(
        &self,
        lookup: &Lookup,
        operation: Operation,
        context: &Context,
        landing: Landing,
    ) -> Result<Entry, NotStored> {
        let pace = landing.pace;
        let begun = landing.begun.ok_or(NotStored::Incomplete)?;
        if begun.status != http::StatusCode::OK {
            return Err(NotStored::Status);
        }
        let chunks = landing.chunks.ok_or(NotStored::Incomplete)?;
        if chunks.iter().map(|chunk| chunk.raw.len()).sum::<usize>() > self.settings.max_entry {
            return Err(NotStored::TooLarge);
        }
        let observed = context.observed();
        // Under this key only the model that was asked may answer, whoever stood in for it.
        let target = observed.target.clone().filter(|target| *target == lookup.target).ok_or(NotStored::OtherModel)?;
        if observed.refused {
            return Err(NotStored::Refusal);
        }
        let counted = observed.usage.filter(|usage| !usage.is_empty());
        let (payload, usage) = if operation == Operation::Embeddings {
            let raw: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.raw.iter().copied()).collect();
            let text = String::from_utf8(raw).map_err(|_| NotStored::Incomplete)?;
            admission::check_embeddings(&text)?;
            (Payload::Text(text), counted)
        } else {
            if !landing.is_understood {
                return Err(NotStored::Incomplete);
            }
            let events: Vec<Event> = chunks.iter().flat_map(|chunk| chunk.events.iter().cloned()).collect();
            let mut answer = self.codec.gather(&events);
            admission::check(&answer, lookup.canonical.traits)?;
            let usage = counted.or(without_names(&mut answer));
            // A client that did not ask for counts did not get them; the next one may.
            answer.usage = usage;
            (Payload::Answer(Packed::new(answer)), usage)
        };
        Ok(Entry { pace: Some(pace), ..self.keep_as(lookup, payload, usage, &observed, &target) })
    }

    fn keep_as(
        &self,
        lookup: &Lookup,
        payload: Payload,
        usage: Option<Usage>,
        observed: &Observed,
        target: &Target,
    ) -> Entry {
        let default = || match self.settings.volatility {
            true => self.settings.ttl.min(lookup.lifetime()),
            false => self.settings.ttl,
        };
        let ttl = lookup.directives.ttl.unwrap_or_else(default).min(self.settings.max_ttl);
        let grace = self.settings.stale_while_revalidate.max(self.settings.stale_if_error);
        let (tags, stamps) = Stamp::apart(lookup.stamps.iter().cloned());
        let provenance = Provenance {
            provider: target.provider.clone(),
            model: target.model.clone(),
            model_answered: observed.model.clone(),
            dropped: observed.losses.fields().map(str::to_owned).collect(),
            scope: lookup.scope.clone(),
            stamps,
        };
        Entry {
            payload,
            provenance: self.memory.share(Arc::new(provenance)),
            tags: tags.into(),
            usage: usage.map(PackedUsage::from),
            stored_at: now_millis(),
            ttl: whole_millis(ttl),
            grace: whole_millis(grace),
            pace: None,
        }
    }
}

/// Takes out what each client gets anew, and gives what the answer told of its tokens. The tokens stay in it as well.
fn without_names(answer: &mut Answer) -> Option<Usage> {
    answer.id = None;
    answer.created = None;
    answer.usage
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}
