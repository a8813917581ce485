//! Answers in memory, bounded in bytes.
//!
//! What is worth least goes first: the priority of an entry is its number of uses times what a use saves, divided by its
//! size, plus the priority of the last entry that had to go, by which all others age (GreedyDual-Size-Frequency,
//! Cherkasova 1998).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate_core::BoxFuture;

use super::Store;
use crate::{Entry, Freshness, Key, now_millis};

/// Answers in memory. Several tables with a lock each, so that requests on different threads rarely wait for each other.
#[derive(Debug)]
pub struct MemoryStore {
    shards: Vec<Mutex<Shard>>,
    evicted: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    slots: HashMap<Key, Slot>,
    /// By priority, then by age.
    order: BTreeMap<(u64, u64), Key>,
    bytes: usize,
    max_bytes: usize,
    /// The priority of what had to go last.
    floor: f64,
    next: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    size: usize,
    uses: u32,
    /// At its last use.
    priority: f64,
    /// Where it stands in the order, which may be too early: a use only raises its priority.
    place: (u64, u64),
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Entries.
    pub entries: u64,
    /// Bytes, as they are counted against the bound.
    pub bytes: u64,
    /// Entries that had to make room so far.
    pub evicted: u64,
}

const SHARDS: usize = 16;

// === impl MemoryStore ===

impl MemoryStore {
    /// A store of at most so many bytes.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        // A small store is not divided, because its parts would be too small for an answer.
        let shards = if max_bytes < SHARDS * 1024 * 1024 { 1 } else { SHARDS };
        let shard = || Shard {
            slots: HashMap::new(),
            order: BTreeMap::new(),
            bytes: 0,
            max_bytes: max_bytes / shards,
            floor: 0.0,
            next: 0,
        };
        Self { shards: (0..shards).map(|_| Mutex::new(shard())).collect(), evicted: AtomicU64::new(0) }
    }

    /// The entry of a key, unless it is of no use any more.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<Arc<Entry>> {
        let mut shard = self.shard(key);
        let entry = shard.take(key)?;
        if entry.freshness(now_millis()) == Freshness::Expired {
            shard.remove(key);
            return None;
        }
        Some(entry)
    }

    /// Keeps an entry, and forgets others where there is no room.
    pub fn keep(&self, key: Key, entry: Arc<Entry>) {
        let evicted = self.shard(&key).insert(key, entry);
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
    }

    /// Forgets an entry; whether there was one.
    pub fn forget(&self, key: &Key) -> bool {
        self.shard(key).remove(key).is_some()
    }

    /// Forgets every entry that `matches`; how many there were.
    pub fn forget_where(&self, matches: impl Fn(&Key, &Entry) -> bool) -> usize {
        let mut count = 0;
        for shard in &self.shards {
            let mut shard = lock(shard);
            let found: Vec<Key> =
                shard.slots.iter().filter(|(key, slot)| matches(key, &slot.entry)).map(|(key, _)| *key).collect();
            count += found.len();
            found.iter().for_each(|key| drop(shard.remove(key)));
        }
        count
    }

    /// Shows every entry to `visit` until it returns false.
    pub fn visit(&self, mut visit: impl FnMut(&Key, &Arc<Entry>, u32) -> bool) {
        for shard in &self.shards {
            let shard = lock(shard);
            if !shard.slots.iter().all(|(key, slot)| visit(key, &slot.entry, slot.uses)) {
                return;
            }
        }
    }

    /// What it holds.
    #[must_use]
    pub fn stats(&self) -> MemoryStats {
        let mut stats = MemoryStats { evicted: self.evicted.load(Ordering::Relaxed), ..MemoryStats::default() };
        for shard in &self.shards {
            let shard = lock(shard);
            stats.entries += shard.slots.len() as u64;
            stats.bytes += shard.bytes as u64;
        }
        stats
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(key.as_bytes()[0]) % self.shards.len()])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // No panic can leave a shard half changed in a way that matters: at worst an entry stays without its place.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Arc<Entry>>> {
        Box::pin(std::future::ready(self.find(key)))
    }

    fn put(&self, key: Key, entry: Arc<Entry>) -> BoxFuture<'_, ()> {
        self.keep(key, entry);
        Box::pin(std::future::ready(()))
    }

    fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(self.forget(key)))
    }
}

// === impl Shard ===

impl Shard {
    /// Priorities are positive, and the bits of positive floats are in the order of the numbers.
    fn place(&mut self, priority: f64) -> (u64, u64) {
        self.next += 1;
        (priority.to_bits(), self.next)
    }

    /// The entry of a key, used once more. Its place in the order is left as it is until it would have to go, because most
    /// that are used often never come to that.
    fn take(&mut self, key: &Key) -> Option<Arc<Entry>> {
        let slot = self.slots.get_mut(key)?;
        slot.uses = slot.uses.saturating_add(1);
        slot.priority = priority(self.floor, &slot.entry, slot.size, slot.uses);
        Some(slot.entry.clone())
    }

    /// Forgets what is worth least; whether there was anything.
    fn evict(&mut self) -> bool {
        while let Some((place, key)) = self.order.pop_first() {
            let Some(slot) = self.slots.get(&key) else { continue };
            if slot.priority.to_bits() > place.0 {
                let place = self.place(slot.priority);
                self.order.insert(place, key);
                if let Some(slot) = self.slots.get_mut(&key) {
                    slot.place = place;
                }
                continue;
            }
            self.floor = f64::from_bits(place.0);
            if let Some(slot) = self.slots.remove(&key) {
                self.bytes -= slot.size;
            }
            return true;
        }
        false
    }

    fn insert(&mut self, key: Key, entry: Arc<Entry>) -> u64 {
        let size = entry.size();
        if size > self.max_bytes {
            return 0;
        }
        let uses = self.remove(&key).map_or(1, |slot| slot.uses);
        let mut evicted = 0;
        while self.bytes + size > self.max_bytes && self.evict() {
            evicted += 1;
        }
        let priority = priority(self.floor, &entry, size, uses);
        let place = self.place(priority);
        self.bytes += size;
        self.order.insert(place, key);
        self.slots.insert(key, Slot { entry, size, uses, priority, place });
        evicted
    }

    fn remove(&mut self, key: &Key) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        self.order.remove(&slot.place);
        self.bytes -= slot.size;
        Some(slot)
    }
}

fn priority(floor: f64, entry: &Entry, size: usize, uses: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a priority need not be exact")]
    let worth = entry.worth() as f64 / size as f64;
    floor + f64::from(uses) * worth
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::entry;

    fn key(number: u8) -> Key {
        Key::from_bytes([number; 32])
    }

    fn fresh(text: &str, output: u64) -> Arc<Entry> {
        let mut entry = entry(text);
        entry.stored_at = now_millis();
        entry.ttl = 60_000;
        entry.usage.as_mut().unwrap().output = Some(output);
        Arc::new(entry)
    }

    #[test]
    fn it_stays_within_its_bytes() {
        let store = MemoryStore::new(20_000);
        for number in 0..200 {
            store.keep(key(number), fresh(&"x".repeat(1000), 1));
            assert!(store.stats().bytes <= 20_000);
        }
        let stats = store.stats();
        assert!(stats.entries > 5 && stats.entries + stats.evicted == 200, "{stats:?}");
        store.keep(key(250), fresh(&"x".repeat(30_000), 1));
        assert!(store.find(&key(250)).is_none(), "larger than the store");
    }

    #[test]
    fn what_saves_much_and_is_used_stays() {
        let store = MemoryStore::new(20_000);
        store.keep(key(1), fresh(&"x".repeat(1000), 5000));
        store.keep(key(2), fresh(&"x".repeat(1000), 1));
        for _ in 0..50 {
            store.find(&key(2)).unwrap();
        }
        for number in 10..60 {
            store.keep(key(number), fresh(&"x".repeat(1000), 1));
        }
        assert!(store.find(&key(1)).is_some(), "dear");
        assert!(store.find(&key(2)).is_some(), "used often");
        // But not for ever: the floor rises with everything that goes.
        for round in 0..400u32 {
            let [low, high] = [round.to_le_bytes()[0], round.to_le_bytes()[1]];
            let mut bytes = [7; 32];
            (bytes[0], bytes[1]) = (low, high);
            store.keep(Key::from_bytes(bytes), fresh(&"x".repeat(1000), 5000));
        }
        assert!(store.find(&key(2)).is_none());
    }

    #[test]
    fn entries_are_replaced_forgotten_and_expire() {
        let store = MemoryStore::new(1_000_000);
        store.keep(key(1), fresh("one", 1));
        store.keep(key(1), fresh("two", 1));
        assert_eq!(store.stats().entries, 1);
        assert!(store.forget(&key(1)) && !store.forget(&key(1)));
        assert_eq!(store.stats().bytes, 0);
        store.keep(key(2), Arc::new(entry("old")));
        assert!(store.find(&key(2)).is_none());
        assert_eq!(store.stats().entries, 0);
        store.keep(key(3), fresh("a", 1));
        store.keep(key(4), fresh("b", 1));
        assert_eq!(store.forget_where(|found, _| *found == key(3)), 1);
        let mut seen = Vec::new();
        store.visit(|key, _, uses| {
            seen.push((*key, uses));
            true
        });
        assert_eq!(seen, [(key(4), 1)]);
    }
}
