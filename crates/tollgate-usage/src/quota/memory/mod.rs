//! Counters in this process.

mod state;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_core::BoxFuture;

use self::state::State;
use super::store::{
    Charge, Counter, CounterKind, Decision, Granted, LeaseId, Level, Observer, QuotaStore, Refused, Set, StoreError,
    Update,
};

/// A [`QuotaStore`] in memory: all requests of one process share it, and it is gone with the process.
///
/// One lock over all counters, so that a request is charged to all of its own or to none; it is held for a microsecond and
/// never across a wait.
pub struct MemoryQuotas {
    counters: Mutex<Counters>,
    owner: u64,
    next: AtomicU64,
    lease: Option<Duration>,
    observer: Option<Arc<dyn Observer>>,
    clock: Clock,
}

/// Tells the time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

#[derive(Default)]
struct Counters {
    states: HashMap<Counter, State>,
    /// How many counters there may be before those that count nothing any more are looked for.
    sweep_at: usize,
}

/// Fewer are not worth looking through.
const FIRST_SWEEP: usize = 1024;

/// The clock of the system.
pub(super) fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

// === impl MemoryQuotas ===

impl MemoryQuotas {
    /// Counters that have counted nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counters: Mutex::default(),
            owner: fastrand::u64(..),
            next: AtomicU64::new(0),
            lease: None,
            observer: None,
            clock: system_clock(),
        }
    }

    /// Sets after what time a lease lapses that is neither settled nor renewed. Defaults to never: who holds one is in this
    /// process, and cannot be gone without giving it back.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Sets who is told of what is spent. Defaults to nobody.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets the clock. Defaults to that of the system.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// As [`QuotaStore::acquire`], at once.
    #[must_use]
    pub fn take(&self, charges: &[Charge]) -> Decision {
        let now = (self.clock)();
        let mut counters = self.lock();
        counters.sweep(now);
        let unset: Vec<usize> = (0..charges.len()).filter(|at| !counters.is_set(&charges[*at].counter)).collect();
        if !unset.is_empty() {
            return Decision::Unset(unset);
        }
        let mut refused: Option<Refused> = None;
        for (index, charge) in charges.iter().enumerate() {
            let state = counters.state(&charge.counter);
            let Err(room) = state.room(charge, now) else { continue };
            if refused.is_none_or(|worse| worse.room < room) {
                refused = Some(Refused { charge: index, room, level: state.level(charge.counter.kind, now) });
            }
        }
        if let Some(refused) = refused {
            return Decision::Refused(refused);
        }
        let lease = LeaseId { owner: self.owner, number: self.next.fetch_add(1, Ordering::Relaxed) };
        let deadline = self.deadline(now);
        let take = |charge: &Charge| {
            let state = counters.state(&charge.counter);
            state.take(charge, lease, now, deadline);
            state.level(charge.counter.kind, now)
        };
        Decision::Granted(Granted { lease, at: now, levels: charges.iter().map(take).collect() })
    }

    fn deadline(&self, now: u64) -> u64 {
        let millis = self.lease.map(|lease| u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
        millis.map_or(u64::MAX, |millis| now.saturating_add(millis))
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, lease: LeaseId, at: u64, used: Vec<(Charge, u64)>) {
        let now = (self.clock)();
        let mut spent = Vec::new();
        let mut counters = self.lock();
        for (charge, used) in used {
            let Some(state) = counters.states.get_mut(&charge.counter) else { continue };
            if let Some((before, after)) = state.settle(&charge, lease, at, used, now) {
                spent.push((charge.counter, before, after));
            }
        }
        drop(counters);
        if let Some(observer) = &self.observer {
            spent.iter().for_each(|(counter, before, after)| observer.spent(counter, *before, *after));
        }
    }
}

impl Default for MemoryQuotas {
    fn default() -> Self {
        Self::new()
    }
}

impl QuotaStore for MemoryQuotas {
    fn acquire<'a>(&'a self, charges: &'a [Charge]) -> BoxFuture<'a, Result<Decision, StoreError>> {
        Box::pin(std::future::ready(Ok(self.take(charges))))
    }

    fn update(&self, update: Update) {
        match update {
            Update::Settle { lease, at, used } => self.settle(lease, at, used),
            Update::Renew { lease, charges } => {
                let now = (self.clock)();
                let deadline = self.deadline(now);
                let mut counters = self.lock();
                for charge in charges.iter().filter(|charge| charge.counter.kind.holds()) {
                    counters.state(&charge.counter).renew(lease, charge.amount, deadline);
                }
            }
        }
    }

    fn levels<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Vec<Level>, StoreError>> {
        let now = (self.clock)();
        let mut all = self.lock();
        let level = |counter: &Counter| {
            all.states.get_mut(counter).map(|state| state.level(counter.kind, now)).unwrap_or_default()
        };
        let levels = counters.iter().map(level).collect();
        Box::pin(std::future::ready(Ok(levels)))
    }

    fn set<'a>(&'a self, counter: &'a Counter, used: u64, when: Set) -> BoxFuture<'a, Result<(), StoreError>> {
        let now = (self.clock)();
        let mut counters = self.lock();
        if when == Set::Always || !counters.is_there(counter) {
            counters.state(counter).set(counter.kind, used, now);
        }
        drop(counters);
        Box::pin(std::future::ready(Ok(())))
    }
}

// === impl Counters ===

impl Counters {
    fn state(&mut self, counter: &Counter) -> &mut State {
        self.states.entry(counter.clone()).or_default()
    }

    fn is_there(&self, counter: &Counter) -> bool {
        self.states.get(counter).is_some_and(State::is_set)
    }

    /// Only budgets have to be.
    fn is_set(&self, counter: &Counter) -> bool {
        !matches!(counter.kind, CounterKind::Budget(_)) || self.is_there(counter)
    }

    /// Forgets counters that count nothing any more, so that their number follows that of those in use.
    fn sweep(&mut self, now: u64) {
        if self.states.len() < self.sweep_at.max(FIRST_SWEEP) {
            return;
        }
        self.states.retain(|counter, state| state.is_in_use(counter.kind, now));
        self.sweep_at = self.states.len() * 2;
    }
}

impl fmt::Debug for MemoryQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQuotas").field("counters", &self.lock().states.len()).finish_non_exhaustive()
    }
}
