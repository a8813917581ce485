//! What has to be put right when a request is over.

use std::sync::Arc;

use tokio::sync::Notify;
use tollgate_core::{Context, Error, Head, NanoUsd, Operation};
use tollgate_usage::price::Prices;
use tollgate_usage::quota::{Admission, Used};

use crate::billed::{Ended, note_estimate};
use crate::guarded::Guard;

/// Settles when it is dropped.
pub(super) struct Owed {
    pub(super) admission: Option<Admission>,
    pub(super) prices: Arc<Prices>,
    pub(super) operation: Operation,
    pub(super) head: Arc<Head>,
    pub(super) context: Context,
    pub(super) settled: Arc<Notify>,
    pub(super) ended: Option<Ended>,
}

impl Guard for Owed {
    fn ended(&mut self) {
        self.ended = Some(Ended::Well);
        // Before the end is passed on, so that who asks again after it finds it counted.
        self.settle();
    }

    fn failed(&mut self, error: &Error) {
        self.ended = Some(Ended::Failed(error.kind()));
        self.settle();
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Owed {
    fn settle(&mut self) {
        let Some(admission) = self.admission.take() else { return };
        admission.settle(&self.used());
        // One is enough: who then finds room left lets the next one know.
        self.settled.notify_one();
    }

    fn used(&self) -> Used {
        let (was_asked, cached, usage, reported) = self.context.observe(|observed| {
            note_estimate(observed, &self.head, self.ended);
            let cached = observed.cache.as_ref().filter(|cache| cache.status.is_served()).map(|cache| cache.saved);
            (observed.attempts > 0, cached, observed.usage, observed.reported_cost)
        });
        if let Some(saved) = cached {
            // It counts for limits on tokens where cached answers count, as what it would have taken, and costs nothing.
            return Used { tokens: saved.or(usage).map(|usage| usage.total()), cost: Some(NanoUsd::ZERO) };
        }
        let refused = matches!(self.ended, Some(Ended::Failed(_)));
        match usage {
            // Nobody was asked, or who was asked refused or could not be reached.
            None if !was_asked || (refused && reported.is_none()) => Used::NOTHING,
            usage => Used { tokens: usage.map(|usage| usage.total()), cost: self.cost() },
        }
    }
    /// Notes the cost, so that the record says the same.
    fn cost(&self) -> Option<NanoUsd> {
        let at = self.context.received_at();
        self.context.observe(|observed| {
            self.prices.note(self.operation, at, observed);
            observed.cost.as_ref().map(|cost| cost.amount)
        })
    }
}
