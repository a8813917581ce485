//! In what order points are dropped when there are too many.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};

use crate::room::make_room_in_heap;

/// Points by what it is worth to keep them, least first; among equals the oldest first.
///
/// By the rule GreedyDual (Young, 1994): a point's rank is its weight, on top of the rank of the last one dropped. So
/// what is worth much outlives what is worth little, but not for ever.
///
/// A heap in one array, because the nodes of a tree that is filled in order stay half empty. It cannot be left from within,
/// so who has left is noted, and taken out with others when they have become many.
#[derive(Debug)]
pub(super) struct Queue<T> {
    floor: f64,
    issued: u64,
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    left: HashSet<Ticket>,
    /// The last that was called: whoever was before it waits no more.
    called: Option<Ticket>,
}

/// A point's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket {
    /// The bits of a number from 0 up, which are in the order of the numbers.
    rank: u64,
    number: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: Ticket,
    item: T,
}

/// What part of those waiting may have left before they are taken out: one in so many, and a few more.
const LEFT: usize = 8;
const FEW: usize = 32;

// === impl Queue ===

impl<T> Queue<T> {
    /// The bytes of memory that one who waits takes.
    pub(super) const BYTES: usize = size_of::<Waiting<T>>();

    pub(super) fn new() -> Self {
        Self { floor: 0.0, issued: 0, waiting: BinaryHeap::new(), left: HashSet::new(), called: None }
    }

    pub(super) fn push(&mut self, weight: f32, item: T) -> Ticket {
        self.issued += 1;
        // What is no number, or less than nothing, is worth nothing.
        let weight = if weight > 0.0 { f64::from(weight.min(f32::MAX)) } else { 0.0 };
        let ticket = Ticket { rank: (self.floor + weight).to_bits(), number: self.issued };
        make_room_in_heap(&mut self.waiting);
        self.waiting.push(Reverse(Waiting { ticket, item }));
        ticket
    }

    /// Whether it was still waiting.
    pub(super) fn leave(&mut self, ticket: Ticket) -> bool {
        if self.called >= Some(ticket) || !self.left.insert(ticket) {
            return false;
        }
        if self.left.len() > self.waiting.len() / LEFT + FEW {
            let left = std::mem::take(&mut self.left);
            self.waiting.retain(|waiting| !left.contains(&waiting.0.ticket));
            if self.waiting.capacity() / 2 > self.waiting.len() {
                self.waiting.shrink_to_fit();
            }
        }
        true
    }

    /// The one to drop next.
    pub(super) fn pop(&mut self) -> Option<(Ticket, T)> {
        while let Some(Reverse(Waiting { ticket, item })) = self.waiting.pop() {
            if !self.left.remove(&ticket) {
                self.called = Some(ticket);
                self.floor = f64::from_bits(ticket.rank);
                return Some((ticket, item));
            }
        }
        None
    }
}

// === impl Waiting ===

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ticket.cmp(&other.ticket)
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ticket == other.ticket
    }
}

impl<T> Eq for Waiting<T> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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

    #[test]
    fn who_was_called_cannot_leave() {
        let mut queue = Queue::new();
        let tickets = [1.0, 2.0].map(|weight| queue.push(weight, weight));
        assert_eq!(queue.pop(), Some((tickets[0], 1.0)));
        assert_eq!(tickets.map(|ticket| queue.leave(ticket)), [false, true]);
    }

    #[test]
    fn the_order_is_that_of_a_sorted_map_while_many_leave() {
        let (mut queue, mut sorted) = (Queue::new(), BTreeMap::new());
        let mut random = fastrand::Rng::with_seed(3);
        for step in 0..5000_u32 {
            match random.u8(..) {
                0..130 => {
                    let ticket = queue.push(random.f32(), step);
                    sorted.insert(ticket, step);
                }
                130..230 if !sorted.is_empty() => {
                    let ticket = *sorted.keys().nth(random.usize(..sorted.len())).unwrap();
                    sorted.remove(&ticket);
                    assert!(queue.leave(ticket));
                }
                _ => assert_eq!(queue.pop(), sorted.pop_first()),
            }
            assert!(queue.waiting.len() - queue.left.len() == sorted.len());
        }
    }
}
