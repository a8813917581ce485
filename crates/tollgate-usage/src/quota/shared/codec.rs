//! What the scripts take and give.

use std::time::Duration;

use tollgate_remote::redis::{RedisError, Reply};

use crate::quota::store::{Charge, Counter, CounterKind, Decision, Granted, LeaseId, Level, Refused, Room, Update};

/// What all keys have in common, so that a cluster keeps them in one place.
pub(super) const TAG: &str = "{quota}:";

/// For how long a budget is kept after its window, for leases that were granted in it.
const AFTERWARDS: u64 = 2 * 86_400_000;

/// The most that a rate counts at once: sums of so many are exact in the server.
const MOST: u64 = 1 << 46;

/// One line of a batch.
pub(super) struct Item<'a> {
    pub(super) charge: &'a Charge,
    lease: LeaseId,
    /// What was used, and when the lease was granted; nothing if it goes on.
    settled: Option<(u64, u64)>,
}

pub(super) fn name(counter: &Counter) -> String {
    match counter.kind {
        CounterKind::Sliding(_) | CounterKind::Concurrent => format!("{TAG}{}", counter.name),
        CounterKind::Budget(window) => format!("{TAG}{}@{}", counter.name, window.start),
    }
}

pub(super) fn kind(kind: CounterKind) -> Vec<u8> {
    let letter: &[u8] = match kind {
        CounterKind::Sliding(_) => b"s",
        CounterKind::Concurrent => b"c",
        CounterKind::Budget(_) => b"b",
    };
    letter.into()
}

/// The span of a rate, the end of a budget's window.
pub(super) fn span(kind: CounterKind) -> Vec<u8> {
    match kind {
        CounterKind::Sliding(span) => span.to_string().into_bytes(),
        CounterKind::Concurrent => Vec::new(),
        CounterKind::Budget(window) => window.end.map_or_else(Vec::new, |end| end.to_string().into_bytes()),
    }
}

pub(super) fn expires(kind: CounterKind) -> Vec<u8> {
    let end = match kind {
        CounterKind::Budget(window) => window.end,
        CounterKind::Sliding(_) | CounterKind::Concurrent => None,
    };
    end.map_or_else(Vec::new, |end| end.saturating_add(AFTERWARDS).to_string().into_bytes())
}

pub(super) fn amount(kind: CounterKind, amount: u64) -> Vec<u8> {
    let amount = if matches!(kind, CounterKind::Budget(_)) { amount } else { amount.min(MOST) };
    amount.to_string().into_bytes()
}

pub(super) fn items(update: &Update) -> Vec<Item<'_>> {
    match update {
        Update::Settle { lease, at, used } => {
            let item = |(charge, used)| Item { charge, lease: *lease, settled: Some((used, *at)) };
            used.iter().map(|(charge, used)| item((charge, *used))).collect()
        }
        Update::Renew { lease, charges } => {
            let held = charges.iter().filter(|charge| charge.counter.kind.holds());
            held.map(|charge| Item { charge, lease: *lease, settled: None }).collect()
        }
    }
}

impl Item<'_> {
    pub(super) fn arguments(&self) -> [Vec<u8>; 7] {
        let kind = self.charge.counter.kind;
        let (used, at) = self.settled.unwrap_or_default();
        let what = if self.settled.is_some() { self::kind(kind) } else { b"r".to_vec() };
        let taken = amount(kind, self.charge.amount);
        let lease = self.lease.to_string().into_bytes();
        let at = at.to_string().into_bytes();
        [what, lease, taken, amount(kind, used), at, span(kind), expires(kind)]
    }
}

pub(super) fn decision(reply: &Reply, lease: LeaseId, charges: &[Charge]) -> Result<Decision, RedisError> {
    let Reply::Array(items) = reply else { return Err(RedisError::unexpected()) };
    let Some((Reply::Int(what), items)) = items.split_first() else { return Err(RedisError::unexpected()) };
    match (what, items) {
        (0, [now, charge, room, used, held, reset]) => {
            let now = number(now)?;
            let charge = index(charge, charges)?;
            let room = match text(room)? {
                "never" => Room::Never,
                "settled" => Room::WhenSettled,
                millis => Room::After(Duration::from_millis(millis.parse().map_err(|_| RedisError::unexpected())?)),
            };
            let level = level(charges[charge].counter.kind, now, [used, held, reset])?;
            Ok(Decision::Refused(Refused { charge, room, level }))
        }
        (1, [now, levels @ ..]) if levels.len() == charges.len() * 3 => {
            let at = number(now)?;
            let each = levels.chunks_exact(3).zip(charges);
            let levels = each.map(|(level_of, charge)| level(charge.counter.kind, at, [0, 1, 2].map(|n| &level_of[n])));
            Ok(Decision::Granted(Granted { lease, at, levels: levels.collect::<Result<_, _>>()? }))
        }
        (2, [Reply::Array(unset)]) => {
            Ok(Decision::Unset(unset.iter().map(|which| index(which, charges)).collect::<Result<_, _>>()?))
        }
        _ => Err(RedisError::unexpected()),
    }
}

pub(super) fn levels(reply: &Reply, counters: &[Counter]) -> Result<Vec<Level>, RedisError> {
    let Reply::Array(items) = reply else { return Err(RedisError::unexpected()) };
    let [now, Reply::Array(levels)] = &items[..] else { return Err(RedisError::unexpected()) };
    let now = number(now)?;
    let each = levels.chunks_exact(3).zip(counters);
    each.map(|(of, counter)| level(counter.kind, now, [0, 1, 2].map(|n| &of[n]))).collect()
}

fn level(kind: CounterKind, now: u64, [used, held, reset]: [&Reply; 3]) -> Result<Level, RedisError> {
    let reset = match kind {
        CounterKind::Budget(window) => window.end.map_or(0, |end| end.saturating_sub(now)),
        CounterKind::Sliding(_) | CounterKind::Concurrent => number(reset)?,
    };
    Ok(Level { used: number(used)?, held: number(held)?, reset: Duration::from_millis(reset) })
}

fn index(reply: &Reply, charges: &[Charge]) -> Result<usize, RedisError> {
    let Reply::Int(index) = reply else { return Err(RedisError::unexpected()) };
    usize::try_from(*index).ok().filter(|index| *index < charges.len()).ok_or_else(RedisError::unexpected)
}

/// A number, which the scripts write as text because some are larger than theirs can be.
pub(super) fn number(reply: &Reply) -> Result<u64, RedisError> {
    text(reply)?.parse().map_err(|_| RedisError::unexpected())
}

fn text(reply: &Reply) -> Result<&str, RedisError> {
    let Reply::BulkString(bytes) = reply else { return Err(RedisError::unexpected()) };
    std::str::from_utf8(bytes).map_err(|_| RedisError::unexpected())
}
