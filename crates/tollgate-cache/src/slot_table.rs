//! Which slot of an array something is in.

use std::hash::{BuildHasher, Hash};

/// Slots by the keys of what is in them. The keys are in the slots and not here, so that each takes six bytes; a map of keys to
/// slots would take ten times as many.
#[derive(Debug, Default)]
pub(crate) struct SlotTable<S> {
    /// Slots plus one, at the place of their hash or after it; 0 is free. As many as a power of two.
    places: Box<[u32]>,
    len: usize,
    hasher: S,
}

/// The fewest places.
const LEAST: usize = 4;

// === impl SlotTable ===

impl<S: BuildHasher> SlotTable<S> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The slot of a key; `key_of` tells that of a slot.
    pub(crate) fn get<K: Copy + Eq + Hash>(&self, key: K, key_of: impl Fn(u32) -> Option<K>) -> Option<u32> {
        self.places.get(self.find(key, key_of)?)?.checked_sub(1)
    }

    /// Adds a slot whose key is not there; `key_of` knows it already.
    pub(crate) fn insert<K: Copy + Eq + Hash>(&mut self, key: K, slot: u32, key_of: impl Fn(u32) -> Option<K>) {
        // A quarter stays free.
        if (self.len + 1) * 4 > self.places.len() * 3 {
            self.resize((self.places.len() * 2).max(LEAST), key_of);
        }
        self.put(key, slot);
        self.len += 1;
    }

    /// Takes a key out; its slot. `key_of` must still know all of them.
    pub(crate) fn remove<K: Copy + Eq + Hash>(&mut self, key: K, key_of: impl Fn(u32) -> Option<K>) -> Option<u32> {
        let mut free = self.find(key, &key_of)?;
        let removed = self.places[free].checked_sub(1);
        let mask = self.places.len() - 1;
        // Whoever stands behind it because of it moves up, so that nothing is left to step over.
        let mut next = free;
        loop {
            next = (next + 1) & mask;
            let Some(key) = self.places[next].checked_sub(1).and_then(&key_of) else { break };
            let home = self.home(key);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(free) & mask) {
                self.places[free] = self.places[next];
                free = next;
            }
        }
        self.places[free] = 0;
        self.len -= 1;
        removed
    }

    /// What has a key has moved to another slot; `key_of` still knows the old one.
    pub(crate) fn moved<K: Copy + Eq + Hash>(&mut self, key: K, slot: u32, key_of: impl Fn(u32) -> Option<K>) {
        if let Some(place) = self.find(key, key_of) {
            self.places[place] = slot + 1;
        }
    }

    /// Gives room back that is not used.
    pub(crate) fn shrink<K: Copy + Eq + Hash>(&mut self, key_of: impl Fn(u32) -> Option<K>) {
        let enough = (self.len * 4 / 3 + 1).next_power_of_two().max(LEAST);
        if enough < self.places.len() {
            self.resize(enough, key_of);
        }
    }

    fn resize<K: Copy + Eq + Hash>(&mut self, count: usize, key_of: impl Fn(u32) -> Option<K>) {
        let old = std::mem::replace(&mut self.places, vec![0; count].into_boxed_slice());
        for slot in old.iter().filter_map(|place| place.checked_sub(1)) {
            if let Some(key) = key_of(slot) {
                self.put(key, slot);
            }
        }
    }

    fn put<K: Copy + Eq + Hash>(&mut self, key: K, slot: u32) {
        let mask = self.places.len() - 1;
        let mut place = self.home(key);
        while self.places[place] != 0 {
            place = (place + 1) & mask;
        }
        self.places[place] = slot + 1;
    }

    fn find<K: Copy + Eq + Hash>(&self, key: K, key_of: impl Fn(u32) -> Option<K>) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let mut place = self.home(key);
        // A quarter of the places is free, so this ends.
        while let Some(slot) = self.places[place].checked_sub(1) {
            if key_of(slot) == Some(key) {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
        None
    }

    fn home<K: Copy + Eq + Hash>(&self, key: K) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are enough")]
        let hash = self.hasher.hash_one(key) as usize;
        hash & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::*;
    use crate::index::PointId;

    #[test]
    fn slots_are_found_through_growth_and_decay() {
        let (mut table, mut known) = (SlotTable::<RandomState>::default(), Vec::<PointId>::new());
        let mut random = fastrand::Rng::with_seed(5);
        let slot = |known: &[PointId]| u32::try_from(known.len()).unwrap();
        for step in 0..6000 {
            if known.is_empty() || random.u8(..) < if step < 3000 { 180 } else { 80 } {
                let id = PointId::new(random.u128(..));
                known.push(id);
                table.insert(id, slot(&known) - 1, |slot| known.get(slot as usize).copied());
            } else {
                // As dense slots are removed: the last one takes its place.
                let gone = random.usize(..known.len());
                let (id, last) = (known[gone], known[known.len() - 1]);
                let key_of = |slot: u32| known.get(slot as usize).copied();
                assert_eq!(table.remove(id, key_of), u32::try_from(gone).ok());
                if id != last {
                    table.moved(last, u32::try_from(gone).unwrap(), key_of);
                }
                known.swap_remove(gone);
            }
            let key_of = |slot: u32| known.get(slot as usize).copied();
            if step % 100 == 0 {
                table.shrink(key_of);
                assert_eq!(table.len(), known.len());
                assert!(known.iter().enumerate().all(|(slot, id)| table.get(*id, key_of) == u32::try_from(slot).ok()));
                assert_eq!(table.get(PointId::new(random.u128(..)), key_of), None);
            }
        }
    }
}
