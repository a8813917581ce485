//! Answers in memory, bounded in bytes.
//!
//! What is worth least goes first: the priority of an entry is its number of uses times what a use saves, divided by its
//! size, plus the priority of the last entry that had to go, by which all others age (GreedyDual-Size-Frequency,
//! Cherkasova 1998).

use std::cmp::Reverse;
use std::collections::hash_map::Entry::Occupied;
use std::collections::{BinaryHeap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate_core::BoxFuture;

use super::Store;
use crate::hashed::Hashed;
use crate::provenance::Provenances;
use crate::room::{make_room, make_room_in_heap};
use crate::slot_table::SlotTable;
use crate::{Entry, Freshness, Key, Provenance, now_millis};

/// Answers in memory. Several tables with a lock each, so that requests on different threads rarely wait for each other.
#[derive(Debug)]
pub struct MemoryStore {
    shards: Vec<Mutex<Shard>>,
    evicted: AtomicU64,
    provenances: Provenances,
}

#[derive(Debug)]
struct Shard {
    /// By the keys of slots.
    numbers: SlotTable<BuildHasherDefault<Hashed>>,
    slots: Vec<Option<Slot>>,
    /// Numbers of empty slots.
    free: Vec<u32>,
    /// By priority, then by age; also turns of slots that are gone.
    order: BinaryHeap<Reverse<Turn>>,
    /// By their addresses, in how many slots the provenances of entries are, because each counts once.
    provenances: HashMap<usize, u32>,
    bytes: usize,
    max_bytes: usize,
    /// The priority of what had to go last.
    floor: f64,
    next: u32,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    entry: Arc<Entry>,
    uses: u32,
    /// Its latest turn, which may be too early: a use only raises its priority.
    turn: u32,
    /// At its last use.
    priority: f64,
}

/// When a slot has to go: its priority as bits, which for positive floats are in the order of the numbers, the number of the
/// turn, and that of the slot. Numbers of turns begin anew after four billion of them, long after the first ones are gone.
type Turn = (u64, u32, u32);

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
            numbers: SlotTable::default(),
            slots: Vec::new(),
            free: Vec::new(),
            order: BinaryHeap::new(),
            provenances: HashMap::new(),
            bytes: 0,
            max_bytes: max_bytes / shards,
            floor: 0.0,
            next: 0,
        };
        Self {
            shards: (0..shards).map(|_| Mutex::new(shard())).collect(),
            evicted: AtomicU64::new(0),
            provenances: Provenances::default(),
        }
    }

    /// The provenance that entries of this store have which came from the same as this: one in memory for all that are equal,
    /// as far as they came lately. For entries that are about to be kept.
    #[must_use]
    pub fn share(&self, provenance: Arc<Provenance>) -> Arc<Provenance> {
        self.provenances.share(provenance)
    }

    /// The entry of a key, unless it is of no use any more.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<Arc<Entry>> {
        self.find_at(key, now_millis())
    }

    /// The same by a clock that was read already.
    pub(crate) fn find_at(&self, key: &Key, now: u64) -> Option<Arc<Entry>> {
        let mut shard = self.shard(key);
        let entry = shard.take(key)?;
        if entry.freshness(now) == Freshness::Expired {
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
                shard.slots().filter(|slot| matches(&slot.key, &slot.entry)).map(|slot| slot.key).collect();
            count += found.len();
            found.iter().for_each(|key| drop(shard.remove(key)));
        }
        count
    }

    /// Shows every entry to `visit` until it returns false.
    pub fn visit(&self, mut visit: impl FnMut(&Key, &Arc<Entry>, u32) -> bool) {
        for shard in &self.shards {
            let shard = lock(shard);
            if !shard.slots().all(|slot| visit(&slot.key, &slot.entry, slot.uses)) {
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
            stats.entries += shard.numbers.len() as u64;
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
    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    fn number(&self, key: &Key) -> Option<u32> {
        self.numbers.get(*key, key_in(&self.slots))
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        self.slots.get(number as usize)?.as_ref()
    }

    fn slot_mut(&mut self, number: u32) -> Option<&mut Slot> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    /// The entry of a key, used once more. Its place in the order is left as it is until it would have to go, because most
    /// that are used often never come to that.
    fn take(&mut self, key: &Key) -> Option<Arc<Entry>> {
        let (number, floor) = (self.number(key)?, self.floor);
        let slot = self.slot_mut(number)?;
        slot.uses = slot.uses.saturating_add(1);
        slot.priority = priority(floor, &slot.entry, slot.uses);
        Some(slot.entry.clone())
    }

    /// Gives a slot its turn among those that may have to go.
    fn line_up(&mut self, number: u32) {
        self.next = self.next.wrapping_add(1);
        let turn = self.next;
        let Some(slot) = self.slot_mut(number) else { return };
        slot.turn = turn;
        let priority = slot.priority.to_bits();
        make_room_in_heap(&mut self.order);
        self.order.push(Reverse((priority, turn, number)));
        // What is replaced and removed leaves turns behind, which nothing would take away where nothing has to go.
        if self.order.len() > 2 * self.numbers.len() + 64 {
            let mut order = std::mem::take(&mut self.order);
            order.retain(|Reverse((_, turn, number))| self.slot(*number).is_some_and(|slot| slot.turn == *turn));
            self.order = order;
        }
    }

    /// Forgets what is worth least; whether there was anything.
    fn evict(&mut self) -> bool {
        while let Some(Reverse((priority, turn, number))) = self.order.pop() {
            let Some(slot) = self.slot(number).filter(|slot| slot.turn == turn) else { continue };
            if slot.priority.to_bits() > priority {
                self.line_up(number);
                continue;
            }
            self.floor = f64::from_bits(priority);
            self.empty(number);
            return true;
        }
        false
    }

    fn insert(&mut self, key: Key, entry: Arc<Entry>) -> u64 {
        let size = entry.size();
        if size + entry.provenance.size() > self.max_bytes {
            return 0;
        }
        let uses = self.remove(&key).map_or(1, |slot| slot.uses);
        let mut evicted = 0;
        // Whether its provenance is new is asked anew each time, because the last that had it may have gone.
        while self.bytes + size + self.bytes_of_new(&entry.provenance) > self.max_bytes && self.evict() {
            evicted += 1;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            make_room(&mut self.slots, 1);
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.bytes += size + self.bytes_of_new(&entry.provenance);
        *self.provenances.entry(address(&entry.provenance)).or_insert(0) += 1;
        let priority = priority(self.floor, &entry, uses);
        if let Some(slot) = self.slots.get_mut(number as usize) {
            *slot = Some(Slot { key, entry, uses, turn: 0, priority });
        }
        self.numbers.insert(key, number, key_in(&self.slots));
        self.line_up(number);
        evicted
    }

    fn remove(&mut self, key: &Key) -> Option<Slot> {
        let number = self.number(key)?;
        self.empty(number)
    }

    fn empty(&mut self, number: u32) -> Option<Slot> {
        let key = self.slot(number)?.key;
        self.numbers.remove(key, key_in(&self.slots));
        let slot = self.slots.get_mut(number as usize)?.take()?;
        self.free.push(number);
        self.bytes -= slot.entry.size();
        if let Occupied(mut uses) = self.provenances.entry(address(&slot.entry.provenance)) {
            *uses.get_mut() -= 1;
            if *uses.get() == 0 {
                uses.remove();
                self.bytes -= slot.entry.provenance.size();
            }
        }
        Some(slot)
    }

    /// What a provenance takes that no entry has yet.
    fn bytes_of_new(&self, provenance: &Arc<Provenance>) -> usize {
        if self.provenances.contains_key(&address(provenance)) { 0 } else { provenance.size() }
    }
}

/// Tells provenances apart. As long as a slot has one, no other can be at its address.
fn address(provenance: &Arc<Provenance>) -> usize {
    Arc::as_ptr(provenance).addr()
}

/// Tells the keys of slots.
fn key_in(slots: &[Option<Slot>]) -> impl Fn(u32) -> Option<Key> {
    |number| Some(slots.get(number as usize)?.as_ref()?.key)
}

fn priority(floor: f64, entry: &Entry, uses: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a priority need not be exact")]
    let worth = entry.worth() as f64 / entry.size() as f64;
    floor + f64::from(uses) * worth
}

#[cfg(test)]
mod tests {
    use tollgate_core::Usage;

    use super::*;
    use crate::entry::tests::entry;
    use crate::provenance::tests::provenance;

    fn key(number: u8) -> Key {
        Key::from_bytes([number; 32])
    }

    fn fresh(text: &str, output: u64) -> Arc<Entry> {
        let mut entry = entry(text);
        entry.stored_at = now_millis();
        entry.ttl = 60_000;
        entry.usage = Some(Usage { input: Some(10), output: Some(output), ..Usage::default() }.into());
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
            (bytes[30], bytes[31]) = (low, high);
            store.keep(Key::from_bytes(bytes), fresh(&"x".repeat(1000), 5000));
        }
        assert!(store.find(&key(2)).is_none());
    }

    #[test]
    fn what_is_replaced_over_and_over_leaves_nothing_behind() {
        let store = MemoryStore::new(1_000_000);
        for round in 0..1000u32 {
            store.keep(key(round.to_le_bytes()[0] % 8), fresh("x", 1));
            if round % 3 == 0 {
                store.forget(&key(3));
            }
        }
        let shard = lock(&store.shards[0]);
        assert!(shard.order.len() <= 2 * 8 + 64 && shard.slots.len() <= 8, "{shard:?}");
        assert_eq!(shard.slots().count(), shard.numbers.len());
        let bytes = shard.slots().map(|slot| slot.entry.size() + slot.entry.provenance.size());
        assert_eq!(shard.bytes, bytes.sum::<usize>());
        assert_eq!(shard.provenances.len(), shard.slots().count());
    }

    #[test]
    fn what_entries_share_counts_once_and_until_the_last_of_them_goes() {
        let store = MemoryStore::new(1_000_000);
        let keep = |number: u8, scope: &str| {
            let provenance = store.share(Arc::new(provenance(scope)));
            let entry = Arc::new(Entry { provenance, ..(*fresh("x", 1)).clone() });
            store.keep(key(number), entry.clone());
            (entry.size() as u64, entry.provenance.size() as u64)
        };
        let (own, shared) = keep(1, "a");
        keep(2, "a");
        assert_eq!(store.stats().bytes, 2 * own + shared);
        keep(3, "b");
        keep(3, "b");
        assert_eq!(store.stats().bytes, 3 * own + 2 * shared);
        for (number, left) in [(1, 2 * own + 2 * shared), (2, own + shared), (3, 0)] {
            store.forget(&key(number));
            assert_eq!(store.stats().bytes, left, "after {number}");
        }
    }

    #[test]
    fn two_keys_with_the_same_hash_are_told_apart() {
        let store = MemoryStore::new(1_000_000);
        let mut other = [1; 32];
        other[0] = 9;
        store.keep(key(1), fresh("one", 1));
        assert!(store.find(&Key::from_bytes(other)).is_none());
        store.keep(Key::from_bytes(other), fresh("other", 1));
        assert_eq!(store.find(&Key::from_bytes(other)).unwrap().text(), "other");
        assert_eq!(store.find(&key(1)).unwrap().text(), "one");
        assert!(store.forget(&key(1)) && !store.forget(&key(1)));
        assert_eq!(store.find(&Key::from_bytes(other)).unwrap().text(), "other");
        assert_eq!(store.stats().entries, 1);
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
