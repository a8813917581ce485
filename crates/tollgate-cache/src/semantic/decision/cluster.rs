//! Answer clusters: which prompts have one answer, and how well it has served them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::snapshot::{Reader, SnapshotError, Writer};

/// An answer, by the id that its store gave it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClusterId(pub u64);

/// The vector of a prompt, by the id that the index knows it by.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(pub u64);

/// What became of a key that was offered to a cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyAdmission {
    /// It was added.
    Kept,
    /// It was added in place of this one, which the index must forget.
    Replaced(KeyId),
    /// The cluster is full of keys that are farther apart; the index must not hold this one.
    Refused,
}

/// Whether a cluster may be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Like any other.
    Good,
    /// It was served wrongly; so many more of its would-be hits must be confirmed first.
    VerifyOnly(u8),
    /// It is near to everything: of many requests that it was the candidate for, most had another answer.
    Hub,
}

/// How many confirmations a cluster needs after a false hit.
const CONFIRMATIONS: u8 = 5;
/// A hub was the candidate at least so often without being right.
const HUB_DISAGREEMENTS: u32 = 8;
/// How many rivals a cluster remembers.
const TOMBSTONES: usize = 8;
/// How many clusters are known at most: as many as prompts are remembered by their words. An index that drops a point, or
/// whose points expire elsewhere, does not tell, so this alone bounds the book.
const MOST: usize = 200_000;
/// Of so many, one that was nobody's candidate is forgotten first.
const LOOKED_AT: usize = 8;
/// How often merged ids are followed, at most; merges point at roots, so two is what occurs.
const HOPS: usize = 8;

/// All clusters that are known here. Others, such as those that another gateway stored, count as new.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ClusterBook {
    clusters: BTreeMap<ClusterId, Cluster>,
    merged: BTreeMap<ClusterId, ClusterId>,
}

/// Most have one key and were never anybody's candidate, so what is beyond that is elsewhere.
#[derive(Clone, Debug, PartialEq)]
struct Cluster {
    /// Its only key, added when there was no other, if nothing more is known.
    first: KeyId,
    known: Option<Box<Known>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    keys: Keys,
    record: Record,
}

/// The keys of a cluster: the first in its place, several in a list.
#[derive(Clone, Debug)]
enum Keys {
    One(Key),
    Several(Vec<Key>),
}

/// How well a cluster has served.
#[derive(Clone, Debug, Default, PartialEq)]
struct Record {
    agree: u32,
    disagree: u32,
    serves: u32,
    verify: u8,
    tombstones: Vec<ClusterId>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    id: KeyId,
    /// The similarity to the nearest other key of the cluster when this one was added.
    nearest: f32,
}

/// The similarity of a key for which there was no other.
const NONE: f32 = -1.0;

// === impl ClusterBook ===

impl ClusterBook {
    /// The id that a cluster has now.
    pub(super) fn resolve(&self, mut id: ClusterId) -> ClusterId {
        for _ in 0..HOPS {
            match self.merged.get(&id) {
                Some(into) => id = *into,
                None => break,
            }
        }
        id
    }

    pub(super) fn open(&mut self, id: ClusterId, key: KeyId) {
        if self.clusters.len() >= MOST {
            self.forget_one(id);
        }
        match self.clusters.entry(id) {
            Entry::Vacant(vacant) => drop(vacant.insert(Cluster { first: key, known: None })),
            Entry::Occupied(cluster) => cluster.into_mut().known().keys.push(Key { id: key, nearest: NONE }),
        }
    }

    /// Offers a key whose nearest key in the cluster has this similarity. Of a full cluster, keys are kept that are far
    /// apart, because one that lies beside another finds nothing new.
    pub(super) fn add_key(&mut self, id: ClusterId, key: KeyId, nearest: f32, limit: usize) -> KeyAdmission {
        let id = self.resolve(id);
        let keys = &mut self.clusters.entry(id).or_default().known().keys;
        let key = Key { id: key, nearest };
        if keys.as_slice().len() < limit {
            keys.push(key);
            return KeyAdmission::Kept;
        }
        match keys.as_mut_slice().iter_mut().max_by(|a, b| a.nearest.total_cmp(&b.nearest)) {
            Some(closest) if closest.nearest > nearest => KeyAdmission::Replaced(std::mem::replace(closest, key).id),
            _ => KeyAdmission::Refused,
        }
    }

    /// Forgets a key that the index no longer holds, and the cluster with its last key.
    pub(super) fn forget_key(&mut self, id: ClusterId, key: KeyId) {
        let id = self.resolve(id);
        let Some(cluster) = self.clusters.get_mut(&id) else { return };
        if cluster.forget(key) {
            self.clusters.remove(&id);
            self.merged.retain(|_, into| *into != id);
        }
    }

    /// Makes room for a cluster. Ids are drawn at random, so any that follows is as good as another; if it is still served it
    /// counts as new from then on.
    fn forget_one(&mut self, id: ClusterId) {
        let following = self.clusters.range(id..).chain(&self.clusters).take(LOOKED_AT);
        let forgotten = following.min_by_key(|(_, cluster)| cluster.record().is_some()).map(|(id, _)| *id);
        if let Some(forgotten) = forgotten {
            self.clusters.remove(&forgotten);
            self.merged.retain(|_, into| *into != forgotten);
        }
    }

    /// Two clusters turned out to have one answer. Keys beyond the limit are returned, for the index to forget.
    pub(super) fn merge(&mut self, from: ClusterId, into: ClusterId, limit: usize) -> Vec<KeyId> {
        let (from, into) = (self.resolve(from), self.resolve(into));
        if from == into {
            return Vec::new();
        }
        let Some(mut old) = self.clusters.remove(&from) else { return Vec::new() };
        let (old, cluster) = (old.known(), self.clusters.entry(into).or_default().known());
        let (record, old_record) = (&mut cluster.record, &old.record);
        record.agree = record.agree.saturating_add(old_record.agree);
        record.disagree = record.disagree.saturating_add(old_record.disagree);
        record.serves = record.serves.saturating_add(old_record.serves);
        record.verify = record.verify.max(old_record.verify);
        let mut keys = [cluster.keys.as_slice(), old.keys.as_slice()].concat();
        keys.sort_by(|a, b| a.nearest.total_cmp(&b.nearest));
        let surplus = keys.split_off(limit.min(keys.len()));
        cluster.keys = Keys::of(keys);
        for other in self.merged.values_mut().filter(|other| **other == from) {
            *other = into;
        }
        self.merged.insert(from, into);
        surplus.iter().map(|key| key.id).collect()
    }

    pub(super) fn keys(&self, id: ClusterId) -> usize {
        self.clusters.get(&id).map_or(1, |cluster| cluster.keys().max(1))
    }

    pub(super) fn len(&self) -> usize {
        self.clusters.len()
    }

    /// The mean of the Beta posterior of a would-be hit being right. A new cluster counts as right in four of five.
    pub(super) fn record(&self, id: ClusterId) -> f32 {
        let (agree, disagree) = self.counts(id);
        narrow((f64::from(agree) + 2.0) / (f64::from(agree) + f64::from(disagree) + 2.5))
    }

    /// How often the candidate's answer was the fresh one, and how often not.
    pub(super) fn counts(&self, id: ClusterId) -> (u32, u32) {
        self.record_of(id).map_or((0, 0), |record| (record.agree, record.disagree))
    }

    pub(super) fn standing(&self, id: ClusterId) -> Standing {
        match self.record_of(id) {
            Some(record) if record.verify > 0 => Standing::VerifyOnly(record.verify),
            Some(record) if record.disagree >= HUB_DISAGREEMENTS && record.disagree > record.agree => Standing::Hub,
            _ => Standing::Good,
        }
    }

    /// Whether this cluster was once served for a request of that one.
    pub(super) fn is_tombstoned(&self, id: ClusterId, rival: ClusterId) -> bool {
        self.record_of(id).is_some_and(|record| record.tombstones.contains(&rival))
    }

    pub(super) fn in_quarantine(&self) -> usize {
        self.clusters.keys().filter(|id| self.standing(**id) != Standing::Good).count()
    }

    pub(super) fn note_served(&mut self, id: ClusterId) {
        if let Some(cluster) = self.clusters.get_mut(&id) {
            let record = &mut cluster.known().record;
            record.serves = record.serves.saturating_add(1);
        }
    }

    /// How often the cluster was served, for whether it is young.
    pub(super) fn serves(&self, id: ClusterId) -> u64 {
        self.record_of(id).map_or(0, |record| record.serves.into())
    }

    /// Counts a label. One that a served hit was wrong puts the cluster behind [`Standing::VerifyOnly`] and remembers
    /// whose request it was.
    pub(super) fn note(&mut self, id: ClusterId, agrees: bool, was_served: bool, actual: Option<ClusterId>) {
        let actual = actual.map(|actual| self.resolve(actual));
        let id = self.resolve(id);
        let record = &mut self.clusters.entry(id).or_default().known().record;
        if agrees {
            record.agree = record.agree.saturating_add(1);
            record.verify = record.verify.saturating_sub(1);
            return;
        }
        record.disagree = record.disagree.saturating_add(1);
        if was_served {
            record.verify = CONFIRMATIONS;
            if let Some(actual) = actual.filter(|actual| *actual != id && !record.tombstones.contains(actual)) {
                record.tombstones.truncate(TOMBSTONES - 1);
                record.tombstones.insert(0, actual);
            }
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        let new = Record::default();
        to.count(self.clusters.len());
        for (id, cluster) in &self.clusters {
            to.u64(id.0);
            let only = [Key { id: cluster.first, nearest: NONE }];
            let (keys, record) = match &cluster.known {
                Some(known) => (known.keys.as_slice(), &known.record),
                None => (&only[..], &new),
            };
            to.count(keys.len());
            for key in keys {
                to.u64(key.id.0);
                to.f32(key.nearest);
            }
            to.u64(record.agree.into());
            to.u64(record.disagree.into());
            to.u64(record.serves.into());
            to.u64(record.verify.into());
            to.count(record.tombstones.len());
            record.tombstones.iter().for_each(|id| to.u64(id.0));
        }
        to.count(self.merged.len());
        for (from, into) in &self.merged {
            to.u64(from.0);
            to.u64(into.0);
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut book = Self::default();
        for _ in 0..from.count()? {
            let id = ClusterId(from.u64()?);
            let mut keys = Keys::default();
            for _ in 0..from.count()? {
                keys.push(Key { id: KeyId(from.u64()?), nearest: from.f32()? });
            }
            let mut record = Record {
                agree: from.narrow()?,
                disagree: from.narrow()?,
                serves: u32::try_from(from.u64()?).unwrap_or(u32::MAX),
                verify: from.narrow()?,
                tombstones: Vec::new(),
            };
            for _ in 0..from.count()? {
                record.tombstones.push(ClusterId(from.u64()?));
            }
            book.clusters.insert(id, Cluster::of(Known { keys, record }));
        }
        for _ in 0..from.count()? {
            book.merged.insert(ClusterId(from.u64()?), ClusterId(from.u64()?));
        }
        Ok(book)
    }

    fn record_of(&self, id: ClusterId) -> Option<&Record> {
        self.clusters.get(&id)?.record()
    }
}

// === impl Cluster ===

impl Cluster {
    fn of(known: Known) -> Self {
        match known.keys.as_slice() {
            [key] if key.nearest == NONE && known.record == Record::default() => Self { first: key.id, known: None },
            _ => Self { first: KeyId(0), known: Some(Box::new(known)) },
        }
    }

    /// What is known of it, to be changed.
    fn known(&mut self) -> &mut Known {
        let first = std::mem::replace(&mut self.first, KeyId(0));
        self.known.get_or_insert_with(|| {
            Box::new(Known { keys: Keys::One(Key { id: first, nearest: NONE }), record: Record::default() })
        })
    }

    /// How well it has served, if it was ever a candidate.
    fn record(&self) -> Option<&Record> {
        self.known.as_ref().map(|known| &known.record).filter(|record| **record != Record::default())
    }

    /// How many keys it has.
    fn keys(&self) -> usize {
        self.known.as_ref().map_or(1, |known| known.keys.as_slice().len())
    }

    /// Forgets a key; whether none is left.
    fn forget(&mut self, key: KeyId) -> bool {
        let Some(known) = &mut self.known else { return self.first == key };
        known.keys.retain(|each| each.id != key);
        known.keys.as_slice().is_empty()
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self { first: KeyId(0), known: Some(Box::default()) }
    }
}

// === impl Keys ===

impl Keys {
    fn of(keys: Vec<Key>) -> Self {
        if let [key] = keys[..] { Self::One(key) } else { Self::Several(keys) }
    }

    fn as_slice(&self) -> &[Key] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Several(keys) => keys,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Key] {
        match self {
            Self::One(key) => std::slice::from_mut(key),
            Self::Several(keys) => keys,
        }
    }

    fn push(&mut self, key: Key) {
        match self {
            Self::Several(keys) if keys.is_empty() => *self = Self::One(key),
            Self::Several(keys) => keys.push(key),
            Self::One(first) => *self = Self::Several(vec![*first, key]),
        }
    }

    fn retain(&mut self, keep: impl Fn(&Key) -> bool) {
        let kept = self.as_slice().iter().copied().filter(keep).collect::<Vec<_>>();
        if kept.len() < self.as_slice().len() {
            *self = Self::of(kept);
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a probability needs no more than the digits of f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_that_is_full_forgets_what_was_nobodys_candidate() {
        let (mut book, mut random) = (ClusterBook::default(), fastrand::Rng::with_seed(1));
        let ids: Vec<ClusterId> = (0..MOST).map(|_| ClusterId(random.u64(..))).collect();
        ids.iter().for_each(|id| book.open(*id, KeyId(id.0)));
        let known = &ids[..1000];
        known.iter().for_each(|id| book.note(*id, true, false, None));
        for _ in 0..5000 {
            book.open(ClusterId(random.u64(..)), KeyId(0));
            assert_eq!(book.len(), MOST);
        }
        assert!(known.iter().all(|id| book.counts(*id) == (1, 0)));
    }

    #[test]
    fn keys_are_kept_in_their_order_whether_one_or_several() {
        let key = |number: u16| Key { id: KeyId(number.into()), nearest: f32::from(number) };
        let mut keys = Keys::default();
        for number in 0..3 {
            keys.push(key(number));
            assert_eq!(keys.as_slice(), (0..=number).map(key).collect::<Vec<_>>());
        }
        keys.retain(|key| key.id.0 != 1);
        assert_eq!(keys.as_slice(), [key(0), key(2)]);
        keys.retain(|key| key.id.0 != 0);
        assert!(matches!(keys, Keys::One(_)));
        keys.retain(|_| false);
        assert_eq!(keys, Keys::default());
    }
}
