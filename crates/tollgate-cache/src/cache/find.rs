//! Which entry may be served.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{AnswerCache, Lookup};
use crate::semantic::decision::ClusterId;
use crate::{Entry, Freshness, now_millis};

/// What was found.
#[derive(Clone, Debug)]
pub enum Found {
    /// An answer that may be served.
    Fresh(Arc<Entry>),
    /// One that may be served while a new one is fetched.
    Stale(Arc<Entry>),
    /// One that may be served if no new one can be had.
    ForErrors(Arc<Entry>),
    /// None.
    Nothing,
}

/// On which terms a client takes an answer.
pub(super) struct Terms<'a> {
    pub(super) max_age: Option<Duration>,
    pub(super) strict: bool,
    pub(super) scope: &'a str,
}

// === impl AnswerCache ===

impl AnswerCache {
    /// Looks for the answer to a request.
    pub async fn find(&self, lookup: &mut Lookup) -> Found {
        self.look_at_epochs().await;
        if self.shared_epochs.is_some() {
            self.epochs.renew(&mut lookup.stamps);
        }
        if lookup.directives.refresh {
            return Found::Nothing;
        }
        if let Some(entry) = self.memory.find(&lookup.key) {
            match self.judge(&lookup.terms(), entry) {
                Found::Nothing => drop(self.memory.forget(&lookup.key)),
                found => return found,
            }
        }
        let Some(shared) = &self.shared else { return Found::Nothing };
        let Some(entry) = shared.get(&lookup.key).await else { return Found::Nothing };
        let found = self.judge(&lookup.terms(), entry.clone());
        if !matches!(found, Found::Nothing) {
            self.memory.keep(lookup.key, entry);
        }
        found
    }

    /// Takes over what others have invalidated, at most once in a second.
    async fn look_at_epochs(&self) {
        const INTERVAL: u64 = 1000;
        let Some(shared) = &self.shared_epochs else { return };
        let (now, due) = (now_millis(), self.next_look.load(Ordering::Relaxed));
        // One request asks for all others, which go on with what is known.
        let is_due = now >= due;
        if is_due
            && self.next_look.compare_exchange(due, now + INTERVAL, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && let Some(epochs) = shared.load().await
        {
            self.epochs.merge(epochs);
        }
    }

    /// The answer of a cluster, if it may be served to a request.
    pub(crate) async fn cluster(&self, lookup: &Lookup, cluster: ClusterId) -> Option<Arc<Entry>> {
        let key = self.keys.cluster(cluster.0);
        let entry = match self.memory.find(&key) {
            Some(entry) => entry,
            None => {
                let entry = self.shared.as_ref()?.get(&key).await?;
                self.memory.keep(key, entry.clone());
                entry
            }
        };
        match self.judge(&lookup.terms(), entry) {
            Found::Fresh(entry) => Some(entry),
            _ => None,
        }
    }

    pub(super) fn judge(&self, terms: &Terms<'_>, entry: Arc<Entry>) -> Found {
        self.judge_at(terms, entry, now_millis())
    }

    /// The same by a clock that was read already.
    pub(super) fn judge_at(&self, terms: &Terms<'_>, entry: Arc<Entry>, now: u64) -> Found {
        let age = entry.age(now);
        let is_refused = !self.epochs.is_current(entry.stamps())
            || (terms.strict && !entry.provenance.dropped.is_empty())
            || terms.max_age.is_some_and(|max_age| age > max_age)
            || *entry.provenance.scope != *terms.scope;
        match entry.freshness(now) {
            _ if is_refused => Found::Nothing,
            Freshness::Fresh => Found::Fresh(entry),
            Freshness::Stale if age < millis(entry.ttl) + self.settings.stale_while_revalidate => Found::Stale(entry),
            Freshness::Stale if age < millis(entry.ttl) + self.settings.stale_if_error => Found::ForErrors(entry),
            Freshness::Stale | Freshness::Expired => Found::Nothing,
        }
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
