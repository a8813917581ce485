//! In what order points are dropped when there are too many.

use std::collections::BTreeMap;

/// Points by what it is worth to keep them, least first; among equals the oldest first.
///
/// By the rule GreedyDual (Young, 1994): a point's rank is its weight, on top of the rank of the last one dropped. So
/// what is worth much outlives what is worth little, but not for ever.
#[derive(Debug)]
pub(super) struct Queue<T> {
    floor: f64,
    issued: u64,
    waiting: BTreeMap<Ticket, T>,
}

/// A point's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    /// The bits of a number from 0 up, which are in the order of the numbers.
    rank: u64,
    number: u64,
}

// === impl Queue ===

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self { floor: 0.0, issued: 0, waiting: BTreeMap::new() }
    }

    pub(super) fn push(&mut self, weight: f32, item: T) -> Ticket {
        self.issued += 1;
        // What is no number, or less than nothing, is worth nothing.
        let weight = if weight > 0.0 { f64::from(weight.min(f32::MAX)) } else { 0.0 };
        let ticket = Ticket { rank: (self.floor + weight).to_bits(), number: self.issued };
        self.waiting.insert(ticket, item);
        ticket
    }

    /// Whether it was still waiting.
    pub(super) fn leave(&mut self, ticket: Ticket) -> bool {
        self.waiting.remove(&ticket).is_some()
    }

    /// The one to drop next.
    pub(super) fn pop(&mut self) -> Option<(Ticket, T)> {
        let (ticket, item) = self.waiting.pop_first()?;
        self.floor = f64::from_bits(ticket.rank);
        Some((ticket, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_worth_go_first_and_the_oldest_of_equals() {
        let mut queue = Queue::new();
        for (weight, name) in [(2.0, "b"), (1.0, "first"), (1.0, "second"), (f32::NAN, "nothing"), (-3.0, "less")] {
            queue.push(weight, name);
        }
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop().map(|(_, name)| name)).collect();
        assert_eq!(order, ["nothing", "less", "first", "second", "b"]);
    }

    #[test]
    fn worth_fades() {
        let mut queue = Queue::new();
        queue.push(5.0, "old");
        for _ in 0..4 {
            queue.push(1.0, "new");
            assert_eq!(queue.pop().map(|(_, name)| name), Some("new"));
        }
        queue.push(1.0, "newest");
        assert_eq!(queue.pop().map(|(_, name)| name), Some("old"));
    }

    #[test]
    fn who_has_left_is_not_called() {
        let mut queue = Queue::new();
        let ticket = queue.push(1.0, "gone");
        assert!(queue.leave(ticket));
        assert!(!queue.leave(ticket));
        assert_eq!(queue.pop(), None);
    }
}
