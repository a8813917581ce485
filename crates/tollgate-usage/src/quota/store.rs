//! Where counters are kept, and what whoever keeps them promises.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::BoxFuture;

use super::period::Window;

/// Keeps counters. All that use one store, in one process or in many, share what is left.
///
/// What is granted is a lease: amounts are taken by estimate, and put right when it is known what was used.
/// - A rate is counted in 60 slots to a span and a slot counts until it is out of the span as a whole, so that no span of
///   that length ever has more than the limit, wherever it begins.
/// - What is taken of a budget or of places is *held* until the lease is settled, or until it lapses because its owner has
///   not been heard of for too long.
/// - A request is charged to all of its counters or to none.
pub trait QuotaStore: fmt::Debug + Send + Sync {
    /// Takes all amounts, or none.
    ///
    /// # Errors
    /// If the store cannot be reached in time. Whatever it may have taken is given back later, or lapses.
    fn acquire<'a>(&'a self, charges: &'a [Charge]) -> BoxFuture<'a, Result<Decision, StoreError>>;

    /// Takes note of what became of a lease. Never blocks and never fails: a store that is elsewhere is told in the
    /// background, once, as soon as it can be.
    fn update(&self, update: Update);

    /// What counters stand at.
    ///
    /// # Errors
    /// If the store cannot be reached in time.
    fn levels<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Vec<Level>, StoreError>>;

    /// Sets what has been used of a counter; what is held stays so.
    ///
    /// # Errors
    /// If the store cannot be reached in time.
    fn set<'a>(&'a self, counter: &'a Counter, used: u64, when: Set) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// A counter: its name and what it counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Counter {
    /// Its name, the same in every process.
    pub name: Arc<str>,
    /// What it counts.
    pub kind: CounterKind,
}

/// What a counter counts. Counters of the same name and different kinds are different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CounterKind {
    /// Something in the last so many milliseconds; at least 60.
    Sliding(u64),
    /// What is there at the same time.
    Concurrent,
    /// Money in a calendar window. It has to be set once before anything can be taken of it.
    Budget(Window),
}

/// An amount to take of a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The counter.
    pub counter: Counter,
    /// How much. Nothing can always be had.
    pub amount: u64,
    /// How much the counter may stand at afterwards; `None` if it only counts.
    pub limit: Option<u64>,
}

/// What a store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// All was taken.
    Granted(Granted),
    /// Nothing was taken.
    Refused(Refused),
    /// Nothing was taken, because these budgets have not been set yet; indices of charges.
    Unset(Vec<usize>),
}

/// What was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What it is settled by.
    pub lease: LeaseId,
    /// When, by the store's clock, in milliseconds since 1970.
    pub at: u64,
    /// What each counter stands at now.
    pub levels: Vec<Level>,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The charge that there is no room for; of several, the one that has to wait longest.
    pub charge: usize,
    /// When there would be room.
    pub room: Room,
    /// What its counter stands at.
    pub level: Level,
}

/// When there would be room for a charge, if nobody else took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// As soon as what others hold is settled.
    WhenSettled,
    /// After this time.
    After(Duration),
    /// Never: it is more than the limit, or the budget does not begin anew.
    Never,
}

/// What a counter stands at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// What was used.
    pub used: u64,
    /// What is held beside that.
    pub held: u64,
    /// Until the counter is at zero, if nothing more is taken; zero for one that has no such time.
    pub reset: Duration,
}

/// What a lease is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId {
    /// Who took it: a random number for each process.
    pub owner: u64,
    /// Which of the owner's it is.
    pub number: u64,
}

/// What became of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// It is over; what was really used of each counter.
    Settle {
        /// Which.
        lease: LeaseId,
        /// When it was granted.
        at: u64,
        /// For each charge, what was used in its place.
        used: Vec<(Charge, u64)>,
    },
    /// It goes on, and lapses later.
    Renew {
        /// Which.
        lease: LeaseId,
        /// What it has taken.
        charges: Vec<Charge>,
    },
}

/// When a counter is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Only if it has not been set before.
    IfUnset,
    /// Always.
    Always,
}

/// Is told when something of a budget was spent.
pub trait Observer: fmt::Debug + Send + Sync {
    /// What had been spent before and has been after. Must not block.
    fn spent(&self, counter: &Counter, before: u64, after: u64);
}

/// The counters cannot be reached.
#[derive(Clone, Debug)]
pub struct StoreError {
    message: &'static str,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// How many slots a sliding span has.
pub(super) const SLOTS: u64 = 60;

// === impl CounterKind ===

impl CounterKind {
    /// Whether what is taken is held until the lease is settled.
    #[must_use]
    pub const fn holds(self) -> bool {
        !matches!(self, Self::Sliding(_))
    }
}

/// How many milliseconds a slot has.
pub(super) const fn slot_length(span: u64) -> u64 {
    let length = span.div_ceil(SLOTS);
    if length == 0 { 1 } else { length }
}

// === impl LeaseId ===

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.owner, self.number)
    }
}

// === impl StoreError ===

impl StoreError {
    /// An error with what may be said of it, and its cause for logs.
    pub fn new(message: &'static str, source: impl Into<Option<Arc<dyn std::error::Error + Send + Sync>>>) -> Self {
        Self { message, source: source.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
