//! What a cache did.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tollgate_core::{CacheStatus, Usage};

use crate::admission::NotStored;

/// Counts of what a cache did since it began.
#[derive(Debug, Default)]
pub struct Statistics(Mutex<Counts>);

/// The counts at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests that were served by a cache, or by another's answer, by how.
    pub served: BTreeMap<&'static str, u64>,
    /// Requests for which nothing was stored.
    pub misses: u64,
    /// Requests for which no cache was used, by the reason.
    pub bypassed: BTreeMap<&'static str, u64>,
    /// Answers that were stored.
    pub stored: u64,
    /// Answers that were not, by the reason.
    pub not_stored: BTreeMap<&'static str, u64>,
    /// Tokens of input that were not spent.
    pub saved_input_tokens: u64,
    /// Tokens of output that were not spent.
    pub saved_output_tokens: u64,
}

impl Statistics {
    /// Counts a request that was served.
    pub fn served(&self, status: CacheStatus, detail: &'static str, saved: Option<&Usage>) {
        self.count(|counts| {
            let how = if status == CacheStatus::Hit { detail } else { status.as_str() };
            *counts.served.entry(how).or_default() += 1;
            let saved = saved.copied().unwrap_or_default();
            counts.saved_input_tokens = counts.saved_input_tokens.saturating_add(saved.input.unwrap_or(0));
            counts.saved_output_tokens = counts.saved_output_tokens.saturating_add(saved.output.unwrap_or(0));
        });
    }

    /// Counts a request for which nothing was stored.
    pub fn missed(&self) {
        self.count(|counts| counts.misses += 1);
    }

    /// Counts a request for which no cache was used.
    pub fn bypassed(&self, reason: &'static str) {
        self.count(|counts| *counts.bypassed.entry(reason).or_default() += 1);
    }

    /// Counts an answer that was stored.
    pub fn stored(&self) {
        self.count(|counts| counts.stored += 1);
    }

    /// Counts an answer that was not.
    pub fn not_stored(&self, reason: NotStored) {
        self.count(|counts| *counts.not_stored.entry(reason.as_str()).or_default() += 1);
    }

    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
