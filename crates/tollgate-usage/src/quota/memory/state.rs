//! One counter.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::quota::store::{Charge, CounterKind, LeaseId, Level, Room, SLOTS, slot_length};

/// A counter of any kind; each kind uses a part of it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What was used in which slot, the oldest first.
    slots: VecDeque<(u64, u64)>,
    /// What was spent; `None` as long as nobody has said.
    spent: Option<u64>,
    holds: HashMap<LeaseId, Hold>,
    held: u64,
    /// No hold lapses before this moment, so nobody needs to look.
    first_deadline: u64,
}

#[derive(Debug)]
struct Hold {
    amount: u64,
    deadline: u64,
}

/// For how long a budget is kept after its window, for leases that were granted in it.
const AFTERWARDS: u64 = 2 * 86_400_000;

impl State {
    pub(super) fn is_set(&self) -> bool {
        self.spent.is_some() || !self.slots.is_empty()
    }

    /// Whether there is room for a charge, and if not, when there would be.
    pub(super) fn room(&mut self, charge: &Charge, now: u64) -> Result<(), Room> {
        let Some(limit) = charge.limit.filter(|_| charge.amount > 0) else { return Ok(()) };
        if charge.amount > limit {
            return Err(Room::Never);
        }
        match charge.counter.kind {
            CounterKind::Sliding(span) => self.room_in_span(charge.amount, limit, span, now),
            CounterKind::Concurrent => {
                self.lapse(now);
                let fits = self.held.saturating_add(charge.amount) <= limit;
                if fits { Ok(()) } else { Err(Room::WhenSettled) }
            }
            CounterKind::Budget(window) => {
                self.lapse(now);
                let used = self.spent.unwrap_or(0).saturating_add(charge.amount);
                if used.saturating_add(self.held) <= limit {
                    Ok(())
                } else if used <= limit {
                    Err(Room::WhenSettled)
                } else {
                    let left = |end: u64| Room::After(Duration::from_millis(end.saturating_sub(now)));
                    Err(window.end.map_or(Room::Never, left))
                }
            }
        }
    }

    pub(super) fn take(&mut self, charge: &Charge, lease: LeaseId, now: u64, deadline: u64) {
        match charge.counter.kind {
            CounterKind::Sliding(span) => self.count(charge.amount, span, now),
            CounterKind::Concurrent | CounterKind::Budget(_) => self.hold(lease, charge.amount, deadline),
        }
    }

    /// Puts right what was taken; before and after, if money was spent.
    pub(super) fn settle(
        &mut self,
        charge: &Charge,
        lease: LeaseId,
        at: u64,
        used: u64,
        now: u64,
    ) -> Option<(u64, u64)> {
        match charge.counter.kind {
            CounterKind::Sliding(span) => {
                if let Some(more) = used.checked_sub(charge.amount) {
                    self.count(more, span, now);
                } else if let Some((_, counted)) =
                    self.slots.iter_mut().find(|(slot, _)| *slot == at / slot_length(span))
                {
                    *counted = counted.saturating_sub(charge.amount - used);
                }
                None
            }
            CounterKind::Concurrent => {
                self.release(lease);
                None
            }
            CounterKind::Budget(_) => {
                self.release(lease);
                let before = self.spent?;
                let after = before.saturating_add(used);
                self.spent = Some(after);
                Some((before, after))
            }
        }
    }

    pub(super) fn renew(&mut self, lease: LeaseId, amount: u64, deadline: u64) {
        self.release(lease);
        self.hold(lease, amount, deadline);
    }

    pub(super) fn set(&mut self, kind: CounterKind, used: u64, now: u64) {
        match kind {
            CounterKind::Sliding(span) => {
                self.slots.clear();
                self.count(used, span, now);
            }
            CounterKind::Concurrent => {}
            CounterKind::Budget(_) => self.spent = Some(used),
        }
    }

    pub(super) fn level(&mut self, kind: CounterKind, now: u64) -> Level {
        match kind {
            CounterKind::Sliding(span) => {
                self.forget(span, now);
                let gone = |slot: u64| gone_after(slot, span, now);
                let used = self.slots.iter().map(|(_, counted)| counted).sum();
                let newest = self.slots.iter().rev().find(|(_, counted)| *counted > 0);
                Level { used, held: 0, reset: newest.map_or(Duration::ZERO, |(slot, _)| gone(*slot)) }
            }
            CounterKind::Concurrent => {
                self.lapse(now);
                Level { used: 0, held: self.held, reset: Duration::ZERO }
            }
            CounterKind::Budget(window) => {
                self.lapse(now);
                let left = window.end.map_or(0, |end| end.saturating_sub(now));
                Level { used: self.spent.unwrap_or(0), held: self.held, reset: Duration::from_millis(left) }
            }
        }
    }

    pub(super) fn is_in_use(&mut self, kind: CounterKind, now: u64) -> bool {
        self.lapse(now);
        if let CounterKind::Sliding(span) = kind {
            self.forget(span, now);
        }
        let is_current = match kind {
            CounterKind::Budget(window) => window.end.is_none_or(|end| now < end.saturating_add(AFTERWARDS)),
            CounterKind::Sliding(_) | CounterKind::Concurrent => false,
        };
        is_current || !self.slots.is_empty() || !self.holds.is_empty()
    }

    fn room_in_span(&mut self, amount: u64, limit: u64, span: u64, now: u64) -> Result<(), Room> {
        self.forget(span, now);
        let used: u64 = self.slots.iter().map(|(_, counted)| counted).sum();
        let mut over = used.saturating_add(amount).saturating_sub(limit);
        if over == 0 {
            return Ok(());
        }
        for (slot, counted) in &self.slots {
            over = over.saturating_sub(*counted);
            if over == 0 {
                return Err(Room::After(gone_after(*slot, span, now)));
            }
        }
        Err(Room::Never)
    }

    fn count(&mut self, amount: u64, span: u64, now: u64) {
        self.forget(span, now);
        let slot = now / slot_length(span);
        match self.slots.back_mut() {
            // A clock that went back counts into the newest slot there is, which counts for longer.
            Some((newest, counted)) if *newest >= slot => *counted = counted.saturating_add(amount),
            _ => self.slots.push_back((slot, amount)),
        }
    }

    fn forget(&mut self, span: u64, now: u64) {
        let slot = now / slot_length(span);
        while self.slots.front().is_some_and(|(oldest, _)| oldest + SLOTS < slot) {
            self.slots.pop_front();
        }
        // A clock that was a whole span ahead would let nothing through for as long.
        if self.slots.back().is_some_and(|(newest, _)| *newest > slot + SLOTS) {
            self.slots.clear();
        }
    }

    fn hold(&mut self, lease: LeaseId, amount: u64, deadline: u64) {
        let is_first = self.holds.is_empty();
        self.first_deadline = if is_first { deadline } else { self.first_deadline.min(deadline) };
        self.holds.insert(lease, Hold { amount, deadline });
        self.held = self.held.saturating_add(amount);
    }

    fn release(&mut self, lease: LeaseId) {
        if let Some(hold) = self.holds.remove(&lease) {
            self.held = self.held.saturating_sub(hold.amount);
        }
    }

    fn lapse(&mut self, now: u64) {
        if self.holds.is_empty() || now < self.first_deadline {
            return;
        }
        self.holds.retain(|_, hold| now < hold.deadline);
        self.held = self.holds.values().map(|hold| hold.amount).fold(0, u64::saturating_add);
        self.first_deadline = self.holds.values().map(|hold| hold.deadline).min().unwrap_or(u64::MAX);
    }
}

/// Until a slot is out of the span as a whole.
fn gone_after(slot: u64, span: u64, now: u64) -> Duration {
    let gone = (slot + SLOTS + 1) * slot_length(span);
    Duration::from_millis(gone.saturating_sub(now))
}
