//! What was spent before a store knew of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::Shared;
use tollgate_core::{BoxFuture, NanoUsd};

use super::rule::{Each, Rule, Scope};
use super::store::{Counter, CounterKind, StoreError};

/// Knows what was spent: a ledger that outlives the process.
pub trait Seed: Send + Sync {
    /// The sum of the costs of all requests of a scope that were received from a moment on. In a scope, an empty key or path
    /// stands for requests without one.
    ///
    /// # Errors
    /// If it cannot say.
    fn spent(&self, scope: Scope, since: SystemTime) -> BoxFuture<'static, Result<NanoUsd, StoreError>>;
}

/// Asks for each budget once, however many requests find that it is not set.
#[derive(Default)]
pub(super) struct Seeding {
    seed: Option<Arc<dyn Seed>>,
    asked: Mutex<HashMap<Counter, Asked>>,
}

type Asked = Shared<BoxFuture<'static, Result<NanoUsd, StoreError>>>;

impl Seeding {
    pub(super) fn new(seed: Arc<dyn Seed>) -> Self {
        Self { seed: Some(seed), asked: Mutex::default() }
    }

    pub(super) async fn spent(&self, rule: &Rule, counter: &Counter) -> Result<NanoUsd, StoreError> {
        let (Some(seed), CounterKind::Budget(window)) = (&self.seed, counter.kind) else { return Ok(NanoUsd::ZERO) };
        let asked = {
            let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let since = UNIX_EPOCH + Duration::from_millis(window.start);
            let ask = || seed.spent(scope_of(rule, &counter.name), since).shared();
            all.entry(counter.clone()).or_insert_with(ask).clone()
        };
        let answer = asked.await;
        // An answer is right for this moment only.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(counter);
        answer
    }
}

/// The scope of one of a rule's counters.
fn scope_of(rule: &Rule, counter: &str) -> Scope {
    let mut scope = rule.scope.clone();
    let instance = || counter.get(rule.id.len() + 1..).unwrap_or_default().into();
    match rule.each {
        Each::Together => {}
        Each::Key => scope.key = Some(instance()),
        Each::PathDepth(_) => scope.path = Some(instance()),
    }
    scope
}

impl fmt::Debug for Seeding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeding").field("is_there", &self.seed.is_some()).finish_non_exhaustive()
    }
}
