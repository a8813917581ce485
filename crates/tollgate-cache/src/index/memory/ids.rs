//! Which slot a point is in.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::index::PointId;

/// Slots by the ids of their points. The ids are where the points are and not here, so that a point takes six bytes; a map of
/// ids to slots would take ten times as many.
#[derive(Debug)]
pub(super) struct Ids {
    /// Slots plus one, at the place of their hash or after it; 0 is free. As many as a power of two.
    places: Box<[u32]>,
    len: usize,
    hasher: RandomState,
}

/// The fewest places.
const LEAST: usize = 4;

// === impl Ids ===

impl Ids {
    pub(super) fn new() -> Self {
        Self { places: Box::default(), len: 0, hasher: RandomState::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot of an id; `id_of` tells that of a slot.
    pub(super) fn get(&self, id: PointId, id_of: impl Fn(u32) -> Option<PointId>) -> Option<u32> {
        self.places.get(self.find(id, id_of)?)?.checked_sub(1)
    }

    /// Adds a slot whose id is not there; `id_of` knows it already.
    pub(super) fn insert(&mut self, id: PointId, slot: u32, id_of: impl Fn(u32) -> Option<PointId>) {
        // A quarter stays free.
        if (self.len + 1) * 4 > self.places.len() * 3 {
            self.resize((self.places.len() * 2).max(LEAST), id_of);
        }
        self.put(id, slot);
        self.len += 1;
    }

    /// Takes an id out; its slot. `id_of` must still know all of them.
    pub(super) fn remove(&mut self, id: PointId, id_of: impl Fn(u32) -> Option<PointId>) -> Option<u32> {
        let mut free = self.find(id, &id_of)?;
        let removed = self.places[free].checked_sub(1);
        let mask = self.places.len() - 1;
        // Whoever stands behind it because of it moves up, so that nothing is left to step over.
        let mut next = free;
        loop {
            next = (next + 1) & mask;
            let Some(id) = self.places[next].checked_sub(1).and_then(&id_of) else { break };
            let home = self.home(id);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(free) & mask) {
                self.places[free] = self.places[next];
                free = next;
            }
        }
        self.places[free] = 0;
        self.len -= 1;
        removed
    }

    /// A point has moved to another slot; `id_of` still knows the old one.
    pub(super) fn moved(&mut self, id: PointId, slot: u32, id_of: impl Fn(u32) -> Option<PointId>) {
        if let Some(place) = self.find(id, id_of) {
            self.places[place] = slot + 1;
        }
    }

    /// Gives room back that is not used.
    pub(super) fn shrink(&mut self, id_of: impl Fn(u32) -> Option<PointId>) {
        let enough = (self.len * 4 / 3 + 1).next_power_of_two().max(LEAST);
        if enough < self.places.len() {
            self.resize(enough, id_of);
        }
    }

    fn resize(&mut self, count: usize, id_of: impl Fn(u32) -> Option<PointId>) {
        let old = std::mem::replace(&mut self.places, vec![0; count].into_boxed_slice());
        for slot in old.iter().filter_map(|place| place.checked_sub(1)) {
            if let Some(id) = id_of(slot) {
                self.put(id, slot);
            }
        }
    }

    fn put(&mut self, id: PointId, slot: u32) {
        let mask = self.places.len() - 1;
        let mut place = self.home(id);
        while self.places[place] != 0 {
            place = (place + 1) & mask;
        }
        self.places[place] = slot + 1;
    }

    fn find(&self, id: PointId, id_of: impl Fn(u32) -> Option<PointId>) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let mut place = self.home(id);
        // A quarter of the places is free, so this ends.
        while let Some(slot) = self.places[place].checked_sub(1) {
            if id_of(slot) == Some(id) {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
        None
    }

    fn home(&self, id: PointId) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are enough")]
        let hash = self.hasher.hash_one(id) as usize;
        hash & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_through_growth_and_decay() {
        let (mut ids, mut known) = (Ids::new(), Vec::<PointId>::new());
        let mut random = fastrand::Rng::with_seed(5);
        let slot = |known: &[PointId]| u32::try_from(known.len()).unwrap();
        for step in 0..6000 {
            if known.is_empty() || random.u8(..) < if step < 3000 { 180 } else { 80 } {
                let id = PointId::new(random.u128(..));
                known.push(id);
                ids.insert(id, slot(&known) - 1, |slot| known.get(slot as usize).copied());
            } else {
                // As dense slots are removed: the last one takes its place.
                let gone = random.usize(..known.len());
                let (id, last) = (known[gone], known[known.len() - 1]);
                let id_of = |slot: u32| known.get(slot as usize).copied();
                assert_eq!(ids.remove(id, id_of), u32::try_from(gone).ok());
                if id != last {
                    ids.moved(last, u32::try_from(gone).unwrap(), id_of);
                }
                known.swap_remove(gone);
            }
            let id_of = |slot: u32| known.get(slot as usize).copied();
            if step % 100 == 0 {
                ids.shrink(id_of);
                assert_eq!(ids.len(), known.len());
                assert!(known.iter().enumerate().all(|(slot, id)| ids.get(*id, id_of) == u32::try_from(slot).ok()));
                assert_eq!(ids.get(PointId::new(random.u128(..)), id_of), None);
            }
        }
    }
}
