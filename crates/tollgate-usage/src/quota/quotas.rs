//! Limits and budgets, all together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Allowance, NanoUsd, QuotaNotice};

use super::alert::RuleBook;
use super::denied::{Denied, Reason};
use super::memory::{Clock, MemoryQuotas, system_clock};
use super::period::moment;
use super::rule::{Amount, CacheHits, OnError, Rule, Unpriced};
use super::rules::{Facts, Match};
use super::seed::{Seed, Seeding};
use super::store::{
    Charge, Counter, CounterKind, Decision, Granted, LeaseId, Level, QuotaStore, Refused, Set, StoreError, Update,
};

/// Rules, the store that counts for them, and what is done when it cannot. It outlives every change of the rules.
pub struct Quotas {
    book: RuleBook,
    store: Arc<dyn QuotaStore>,
    /// Counts what passes while the store cannot be reached.
    meanwhile: Arc<MemoryQuotas>,
    seeding: Seeding,
    clock: Clock,
}

/// The upper estimate of what a request will use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens of input and output.
    pub tokens: u64,
    /// What they cost at most; `None` if no price is known.
    pub cost: Option<NanoUsd>,
}

/// What a request has used in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Tokens of input and output; `None` if nobody knows, and then the estimate counts.
    pub tokens: Option<u64>,
    /// The cost; `None` if nobody knows, and then the estimate counts.
    pub cost: Option<NanoUsd>,
}

/// That a request may be made, and what has been taken for it. It has to be settled; if it is dropped instead, nothing is
/// taken to have been used.
#[derive(Debug)]
#[must_use = "what was taken is given back when this is dropped"]
pub struct Admission {
    leases: Vec<Lease>,
    notice: QuotaNotice,
}

#[derive(Debug)]
struct Lease {
    store: Arc<dyn QuotaStore>,
    id: LeaseId,
    at: u64,
    charges: Vec<(Arc<Rule>, Charge)>,
}

/// How often a budget that was found unset may be found so again before something must be wrong.
const ROUNDS: usize = 4;

// === impl Quotas ===

impl Quotas {
    /// Limits by the rules of a book, counted in a store. The book should observe the store, or nobody is told of budgets
    /// that are nearly spent.
    #[must_use]
    pub fn new(book: RuleBook, store: Arc<dyn QuotaStore>) -> Self {
        let meanwhile = Arc::new(MemoryQuotas::new());
        Self { book, store, meanwhile, seeding: Seeding::default(), clock: system_clock() }
    }

    /// Sets what knows what was spent before the store did: at the start of a process that counts in memory, and after a
    /// shared store lost its data. Defaults to nothing, and then a budget that is not known begins at zero.
    #[must_use]
    pub fn seed(mut self, seed: Arc<dyn Seed>) -> Self {
        self.seeding = Seeding::new(seed);
        self
    }

    /// Sets the clock that tells which window of a budget it is. Defaults to that of the system.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock.clone();
        self.meanwhile = Arc::new(MemoryQuotas::new().clock(clock));
        self
    }

    /// The rules in use.
    #[must_use]
    pub fn book(&self) -> &RuleBook {
        &self.book
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn QuotaStore> {
        &self.store
    }

    /// Whether any request may count for a rule.
    #[must_use]
    pub fn has_any(&self, cache_hits: CacheHits) -> bool {
        self.book.read(|rules| rules.has_any(cache_hits))
    }

    /// The rules that a request counts for. Mostly none, and then there is nothing to estimate or to acquire.
    #[must_use]
    pub fn matching(&self, facts: &Facts<'_>, cache_hits: CacheHits) -> Vec<Match> {
        self.book.read(|rules| rules.matching(facts, cache_hits))
    }

    /// Takes what a request will use at most, or nothing.
    ///
    /// # Errors
    /// Why the request may not be made, or not now.
    pub async fn acquire(&self, matches: &[Match], estimate: &Estimate) -> Result<Admission, Denied> {
        let charges = self.charges(matches, estimate)?;
        let taken = self.take(&*self.store, &charges).await;
        let error = match taken {
            Ok(granted) => {
                let notice = notice(&charges, &granted.levels);
                let lease = Lease { store: self.store.clone(), id: granted.lease, at: granted.at, charges };
                return Ok(Admission { leases: vec![lease], notice });
            }
            Err(Failed::Refused(denied)) => return Err(denied),
            Err(Failed::Store(error)) => error,
        };
        tracing::debug!(%error, "limits cannot be counted");
        if let Some((rule, _)) = charges.iter().find(|(rule, _)| rule.on_error == OnError::Closed) {
            return Err(Denied { rule: rule.clone(), reason: Reason::Unavailable });
        }
        self.acquire_meanwhile(charges).await
    }

    /// What a rule's counter stands at, and what its limit is; `None` if there is no such rule.
    ///
    /// # Errors
    /// If the store cannot be reached in time.
    pub async fn level(&self, matched: &Match) -> Result<Level, StoreError> {
        let counter = self.counter(matched);
        Ok(self.store.levels(std::slice::from_ref(&counter)).await?.first().copied().unwrap_or_default())
    }

    /// Sets what has been used of a rule's counter, to zero for instance.
    ///
    /// # Errors
    /// If the store cannot be reached in time.
    pub async fn reset(&self, matched: &Match, used: u64) -> Result<(), StoreError> {
        self.store.set(&self.counter(matched), used, Set::Always).await
    }

    /// While the store is away this process counts for itself, from zero on: better than no limit at all.
    async fn acquire_meanwhile(&self, charges: Vec<(Arc<Rule>, Charge)>) -> Result<Admission, Denied> {
        let only: Vec<Charge> = charges.iter().map(|(_, charge)| charge.clone()).collect();
        for charge in &only {
            // A store in memory cannot fail.
            let _ = self.meanwhile.set(&charge.counter, 0, Set::IfUnset).await;
        }
        match self.meanwhile.take(&only) {
            Decision::Granted(granted) => {
                let notice = notice(&charges, &granted.levels);
                let store: Arc<dyn QuotaStore> = self.meanwhile.clone();
                let lease = Lease { store, id: granted.lease, at: granted.at, charges };
                Ok(Admission { leases: vec![lease], notice })
            }
            Decision::Refused(refused) => {
                let (rule, charge) = &charges[refused.charge];
                Err(denied(rule, charge, &refused))
            }
            Decision::Unset(_) => Ok(Admission { leases: Vec::new(), notice: QuotaNotice::default() }),
        }
    }

    async fn take(&self, store: &dyn QuotaStore, charges: &[(Arc<Rule>, Charge)]) -> Result<Granted, Failed> {
        let only: Vec<Charge> = charges.iter().map(|(_, charge)| charge.clone()).collect();
        for _ in 0..ROUNDS {
            match store.acquire(&only).await? {
                Decision::Granted(granted) => return Ok(granted),
                Decision::Refused(refused) => {
                    let (rule, charge) = &charges[refused.charge];
                    return Err(Failed::Refused(denied(rule, charge, &refused)));
                }
                Decision::Unset(unset) => {
                    for (rule, charge) in unset.into_iter().filter_map(|index| charges.get(index)) {
                        let spent = self.seeding.spent(rule, &charge.counter).await?;
                        store.set(&charge.counter, spent.0, Set::IfUnset).await?;
                    }
                }
            }
        }
        Err(Failed::Store(StoreError::new("the store forgets budgets as soon as they are set", None)))
    }

    fn counter(&self, matched: &Match) -> Counter {
        let kind = match &matched.rule.amount {
            Amount::Requests { per, .. } | Amount::Tokens { per, .. } => {
                CounterKind::Sliding(u64::try_from(per.span().as_millis()).unwrap_or(u64::MAX))
            }
            Amount::Concurrent { .. } => CounterKind::Concurrent,
            Amount::Budget(budget) => CounterKind::Budget(budget.per.window((self.clock)())),
        };
        Counter { name: matched.counter.clone(), kind }
    }

    fn charges(&self, matches: &[Match], estimate: &Estimate) -> Result<Vec<(Arc<Rule>, Charge)>, Denied> {
        let charge = |matched: &Match| {
            let rule = &matched.rule;
            let amount = match &rule.amount {
                Amount::Requests { .. } | Amount::Concurrent { .. } => 1,
                Amount::Tokens { .. } => estimate.tokens,
                Amount::Budget(budget) => match estimate.cost {
                    Some(cost) => cost.0,
                    None if budget.is_hard && budget.unpriced == Unpriced::Refuse => {
                        return Err(Denied { rule: rule.clone(), reason: Reason::Unpriced });
                    }
                    None => 0,
                },
            };
            let is_soft = rule.budget().is_some_and(|budget| !budget.is_hard);
            let limit = (!is_soft).then(|| rule.amount.limit());
            Ok((rule.clone(), Charge { counter: self.counter(matched), amount, limit }))
        };
        matches.iter().map(charge).collect()
    }
}

enum Failed {
    Refused(Denied),
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn denied(rule: &Arc<Rule>, charge: &Charge, refused: &Refused) -> Denied {
    let resets = match charge.counter.kind {
        CounterKind::Budget(window) => window.end,
        CounterKind::Sliding(_) | CounterKind::Concurrent => None,
    };
    Denied {
        rule: rule.clone(),
        reason: Reason::Full { room: refused.room, needs: charge.amount, resets, level: refused.level },
    }
}

/// What the client is told: of several limits on the same, the one of which the smallest part is left.
fn notice(charges: &[(Arc<Rule>, Charge)], levels: &[Level]) -> QuotaNotice {
    let mut notice = QuotaNotice::default();
    for ((rule, charge), level) in charges.iter().zip(levels) {
        notice = notice.tightest(&allowance(rule, level));
        if rule.budget().is_some() {
            notice.warnings.extend(warning(rule, charge, level));
        }
    }
    notice
}

/// What is left of a limit on requests or tokens.
pub(super) fn allowance(rule: &Rule, level: &Level) -> QuotaNotice {
    let limit = rule.amount.limit();
    let left = Some(Allowance { limit, remaining: limit.saturating_sub(level.used), reset: level.reset });
    match &rule.amount {
        Amount::Requests { .. } => QuotaNotice { requests: left, ..QuotaNotice::default() },
        Amount::Tokens { .. } => QuotaNotice { tokens: left, ..QuotaNotice::default() },
        Amount::Concurrent { .. } | Amount::Budget(_) => QuotaNotice::default(),
    }
}

fn warning(rule: &Rule, charge: &Charge, level: &Level) -> Option<Arc<str>> {
    let budget = rule.budget()?;
    let is_reached = |percent: &&u8| level.used >= budget.threshold(**percent).0;
    budget.warn_at.iter().find(is_reached)?;
    let percent = u128::from(level.used) * 100 / u128::from(budget.limit.0.max(1));
    let spent = NanoUsd(level.used);
    let mut text = format!("{}: {percent} % of ${} spent (${spent})", rule.name, budget.limit);
    if let CounterKind::Budget(window) = charge.counter.kind
        && let Some(end) = window.end
    {
        text.push_str(&format!(", resets {}", moment(end)));
    }
    Some(text.into())
}

// === impl Admission ===

impl Admission {
    /// What the client is told of its limits.
    #[must_use]
    pub fn notice(&self) -> &QuotaNotice {
        &self.notice
    }

    /// Puts right what was taken by estimate. Never blocks.
    pub fn settle(mut self, used: &Used) {
        self.settle_with(|rule, charge| match &rule.amount {
            Amount::Requests { .. } | Amount::Concurrent { .. } => charge.amount,
            Amount::Tokens { .. } => used.tokens.unwrap_or(charge.amount),
            Amount::Budget(_) => used.cost.map_or(charge.amount, |cost| cost.0),
        });
    }

    fn settle_with(&mut self, used: impl Fn(&Rule, &Charge) -> u64) {
        for lease in self.leases.drain(..) {
            let mut settled = Vec::with_capacity(lease.charges.len());
            for (rule, charge) in lease.charges {
                let used = used(&rule, &charge);
                // A rate that was right needs no word.
                if charge.counter.kind.holds() || used != charge.amount {
                    settled.push((charge, used));
                }
            }
            lease.store.update(Update::Settle { lease: lease.id, at: lease.at, used: settled });
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.settle_with(|rule, charge| if matches!(rule.amount, Amount::Requests { .. }) { charge.amount } else { 0 });
    }
}

impl Used {
    /// Nothing, because no provider did anything.
    pub const NOTHING: Self = Self { tokens: Some(0), cost: Some(NanoUsd::ZERO) };
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quotas").field("book", &self.book).field("store", &self.store).finish_non_exhaustive()
    }
}

/// How long to wait before asking again for what others only hold.
pub(super) const SOON: Duration = Duration::from_secs(1);
