//! The table of what is remembered: several parts with a lock each, each with a bound.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Memorable;
use crate::hashed::Hashed;

const SHARDS: usize = 16;

/// How many of the oldest are looked at for each new one, whether or not there is room: those whose entry is gone leave, so
/// that what was said does not stay longer than it is of use.
const SWEEP: usize = 4;

#[derive(Debug)]
pub(super) struct Table {
    shards: Vec<Mutex<Shard>>,
    max_bytes: usize,
    /// Never again once something was kept, which saves whoever has no use for a table the search.
    is_empty: AtomicBool,
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<u64, Arc<Memorable>, BuildHasherDefault<Hashed>>,
    /// From the oldest to the newest, each place once.
    order: VecDeque<u64>,
    bytes: usize,
}

// === impl Table ===

impl Table {
    pub(super) fn new(max_bytes: usize) -> Self {
        // A small one is not divided, because its parts would be too small for a request.
        let shards = if max_bytes < SHARDS * 256 * 1024 { 1 } else { SHARDS };
        let (shards, max_bytes) = ((0..shards).map(|_| Mutex::default()).collect(), max_bytes / shards);
        Self { shards, max_bytes, is_empty: AtomicBool::new(true) }
    }

    /// Whether something with a body of so many bytes may be kept: nothing may take a quarter of a part.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        bytes < self.max_bytes / 4
    }

    /// Whether nothing was ever kept.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self, place: u64) -> Option<Arc<Memorable>> {
        let found = self.shard(place).slots.get(&place).cloned()?;
        if !found.used.load(Ordering::Relaxed) {
            found.used.store(true, Ordering::Relaxed);
        }
        Some(found)
    }

    /// Keeps it in its place, and forgets whatever has not been asked for the longest where there is no room.
    pub(super) fn insert(&self, place: u64, memorable: Arc<Memorable>) {
        let size = memorable.size();
        if !self.has_room_for(size) {
            return;
        }
        self.is_empty.store(false, Ordering::Relaxed);
        let mut shard = self.shard(place);
        shard.bytes += size;
        match shard.slots.insert(place, memorable) {
            Some(old) => shard.bytes -= old.size(),
            None => shard.order.push_back(place),
        }
        shard.make_room(self.max_bytes);
    }

    fn shard(&self, place: u64) -> MutexGuard<'_, Shard> {
        // The upper bits, because the map uses the lower ones.
        let shard = usize::from(place.to_be_bytes()[1]) % self.shards.len();
        // A panic cannot leave more behind than a place without what was in it.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        let shards = self.shards.iter().map(|shard| shard.lock().unwrap());
        shards.fold((0, 0), |(count, bytes), shard| (count + shard.slots.len(), bytes + shard.bytes))
    }
}

// === impl Shard ===

impl Shard {
    fn make_room(&mut self, max_bytes: usize) {
        let mut looks = SWEEP;
        while self.bytes > max_bytes || looks > 0 {
            looks = looks.saturating_sub(1);
            let Some(place) = self.order.pop_front() else { return };
            let Some(oldest) = self.slots.get(&place) else { continue };
            let is_needless = oldest.is_over();
            // Whatever was asked for meanwhile gets another round.
            let has_to_go = self.bytes > max_bytes && !oldest.used.swap(false, Ordering::Relaxed);
            if !is_needless && !has_to_go {
                self.order.push_back(place);
            } else if let Some(gone) = self.slots.remove(&place) {
                self.bytes -= gone.size();
            }
        }
    }
}
