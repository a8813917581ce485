//! The points of one namespace.

use std::collections::hash_map::RandomState;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

use bytes::Bytes;

use super::graph::{Graph, Links, Scored, Shape};
use super::planes::{Planes, Probe, Stored};
use super::queue::Ticket;
use crate::index::{Neighbour, PointId};
use crate::room::make_room;
use crate::slot_table::SlotTable;

/// One namespace. Slots are dense while it is scanned; with a graph, which holds slots, those of removed points are kept
/// for new ones.
#[derive(Debug)]
pub(super) struct Space {
    planes: Planes,
    entries: Vec<Option<Entry>>,
    /// By the ids of points.
    ids: SlotTable<RandomState>,
    payload_bytes: usize,
    graph: Option<Growing>,
    /// Where the search for expired points goes on.
    swept: usize,
    /// Set when it has been taken out of the index, for those who are still waiting for it.
    pub(super) is_closed: bool,
}

/// A point without its vector.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: PointId,
    pub(super) payload: Box<[u8]>,
    /// In milliseconds since 1970.
    pub(super) expires: u64,
    pub(super) weight: f32,
    pub(super) ticket: Ticket,
}

/// A graph, and what is not in it yet.
#[derive(Debug)]
struct Growing {
    graph: Graph,
    free: Vec<u32>,
    pending: VecDeque<u32>,
}

/// How a point will be linked.
#[derive(Debug)]
pub(super) struct Planned {
    slot: u32,
    ticket: Ticket,
    links: Links,
}

/// When to have a graph, and which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// With how many points a namespace gets a graph. It is given up at half of that.
    pub(super) threshold: usize,
    pub(super) shape: Shape,
}

/// How many entries each new point looks at for expired ones.
const SWEPT_PER_POINT: usize = 8;

// === impl Space ===

impl Space {
    pub(super) fn new(dimensions: usize) -> Self {
        Self {
            planes: Planes::new(dimensions),
            entries: Vec::new(),
            ids: SlotTable::default(),
            payload_bytes: 0,
            graph: None,
            swept: 0,
            is_closed: false,
        }
    }

    pub(super) fn dimensions(&self) -> usize {
        self.planes.dimensions()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The bytes of memory that the points take, but for what the index itself keeps of them. Room that was made ahead or is
    /// kept for new points is not counted, or dropping a point would free nothing: an eighth of this, and in a graph up to
    /// half, if many points were dropped.
    pub(super) fn bytes(&self) -> usize {
        let graph = self.graph.as_ref().map_or(0, |growing| growing.graph.bytes_per_slot());
        let point = self.planes.bytes_per_vector() + size_of::<Option<Entry>>() + size_of::<u32>() * 3 / 2 + graph;
        size_of::<Self>() + point * self.len() + self.payload_bytes
    }

    pub(super) fn get(&self, id: PointId) -> Option<&Entry> {
        self.entries[self.ids.get(id, id_in(&self.entries))? as usize].as_ref()
    }

    /// How many slots there are, empty ones included.
    pub(super) fn slots(&self) -> usize {
        self.entries.len()
    }

    /// The points in some slots.
    pub(super) fn entries(&self, slots: Range<usize>) -> impl Iterator<Item = (&Entry, Stored)> {
        let found = slots.filter_map(|slot| Some((slot, self.entries.get(slot)?.as_ref()?)));
        found.map(|(slot, entry)| (entry, self.planes.get(slot_number(slot))))
    }

    /// Takes everything out, for good.
    pub(super) fn close(&mut self) -> Vec<Ticket> {
        let entries = std::mem::take(&mut self.entries);
        *self = Self { is_closed: true, ..Self::new(self.planes.dimensions()) };
        entries.into_iter().flatten().map(|entry| entry.ticket).collect()
    }

    /// Stores a point, which must not be there.
    pub(super) fn insert(&mut self, entry: Entry, vector: &Stored, plan: &Plan) {
        self.payload_bytes += entry.payload.len();
        let id = entry.id;
        let slot = match self.graph.as_mut().and_then(|growing| growing.free.pop()) {
            Some(slot) => {
                self.planes.set(slot, vector);
                self.entries[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.planes.push(vector);
                make_room(&mut self.entries, 1);
                self.entries.push(Some(entry));
                slot_number(self.entries.len() - 1)
            }
        };
        self.ids.insert(id, slot, id_in(&self.entries));
        if let Some(growing) = &mut self.graph {
            growing.pending.push_back(slot);
        } else if self.len() >= plan.threshold {
            let pending = (0..slot_number(self.entries.len())).collect();
            self.graph = Some(Growing { graph: Graph::new(plan.shape), free: Vec::new(), pending });
        }
    }

    /// Removes a point.
    pub(super) fn remove(&mut self, id: PointId, plan: &Plan) -> Option<Entry> {
        let slot = self.ids.remove(id, id_in(&self.entries))?;
        let removed = match &mut self.graph {
            Some(growing) => {
                growing.remove(&self.planes, slot);
                self.entries[slot as usize].take()
            }
            None => {
                let last =
                    self.entries.last().and_then(Option::as_ref).map(|entry| entry.id).filter(|last| *last != id);
                if let Some(last) = last {
                    self.ids.moved(last, slot, id_in(&self.entries));
                }
                self.planes.swap_remove(slot);
                let removed = self.entries.swap_remove(slot as usize);
                self.shrink();
                removed
            }
        };
        self.payload_bytes -= removed.as_ref().map_or(0, |entry| entry.payload.len());
        if self.graph.is_some() && self.len() < plan.threshold / 2 {
            self.give_up_graph();
        }
        removed
    }

    /// The points nearest to a probe that have not expired, best first.
    pub(super) fn search(&self, probe: &Probe, limit: usize, now: u64) -> Vec<Neighbour> {
        // More than asked for, because the coarse plane may have them in a slightly different order.
        let wanted = limit.saturating_mul(2).saturating_add(16);
        let mut best = Best { wanted, kept: BinaryHeap::new() };
        let is_live = |slot: u32| self.entries[slot as usize].as_ref().is_some_and(|entry| entry.expires > now);
        match &self.graph {
            Some(growing) => {
                let found = growing.graph.search(&self.planes, probe, wanted);
                let pending = growing.pending.iter();
                let pending = pending.map(|&slot| Scored { similarity: self.planes.roughly(probe, slot), slot });
                found.into_iter().chain(pending).filter(|scored| is_live(scored.slot)).for_each(|one| best.offer(one));
            }
            None => {
                for (slot, similarity) in (0..).zip(self.planes.all_roughly(probe)) {
                    if best.would_take(similarity) && is_live(slot) {
                        best.offer(Scored { similarity, slot });
                    }
                }
            }
        }
        let mut found: Vec<Scored> = best.kept.into_iter().map(|std::cmp::Reverse(scored)| scored).collect();
        for scored in &mut found {
            scored.similarity = self.planes.exactly(probe, scored.slot);
        }
        let id = |scored: &Scored| self.entries[scored.slot as usize].as_ref().map(|entry| entry.id);
        found.sort_by(|one, other| other.similarity.total_cmp(&one.similarity).then_with(|| id(one).cmp(&id(other))));
        found.truncate(limit);
        found.iter().filter_map(|scored| self.neighbour(scored)).collect()
    }

    /// The ids of some that have expired, among the next `count` entries.
    pub(super) fn sweep(&mut self, count: Option<usize>, now: u64) -> Vec<PointId> {
        let len = self.entries.len();
        let count = count.unwrap_or(len).min(len);
        let slots = (0..count).map(|step| (self.swept + step) % len);
        let expired = slots.filter_map(|slot| self.entries[slot].as_ref().filter(|entry| entry.expires <= now));
        let expired = expired.map(|entry| entry.id).collect();
        self.swept = (self.swept + count).checked_rem(len).unwrap_or(0);
        expired
    }

    /// What a new point should look at, see [`Space::sweep`].
    pub(super) const SWEPT_PER_POINT: usize = SWEPT_PER_POINT;

    /// How the pending point whose turn it is will be linked; nothing if none is pending.
    pub(super) fn plan(&self) -> Option<Planned> {
        let Growing { graph, pending, .. } = self.graph.as_ref()?;
        let slot = *pending.front()?;
        let entry = self.entries[slot as usize].as_ref()?;
        let links = graph.plan(&self.planes, slot, entry.id.number());
        Some(Planned { slot, ticket: entry.ticket, links })
    }

    /// Links a pending point, unless it has been linked or removed since it was planned.
    pub(super) fn link(&mut self, planned: Planned) {
        let Some(Growing { graph, pending, .. }) = &mut self.graph else { return };
        let entry = self.entries.get(planned.slot as usize).and_then(Option::as_ref);
        if pending.front() == Some(&planned.slot) && entry.is_some_and(|entry| entry.ticket == planned.ticket) {
            pending.pop_front();
            graph.link(&self.planes, planned.links);
        }
    }

    fn neighbour(&self, scored: &Scored) -> Option<Neighbour> {
        let entry = self.entries[scored.slot as usize].as_ref()?;
        let payload = Bytes::copy_from_slice(&entry.payload);
        Some(Neighbour { id: entry.id, similarity: scored.similarity, payload })
    }

    fn shrink(&mut self) {
        if self.entries.capacity() > 16 && self.entries.len() < self.entries.capacity() / 2 {
            self.entries.shrink_to_fit();
            self.planes.shrink();
            self.ids.shrink(id_in(&self.entries));
        }
    }

    /// Goes back to scanning, without empty slots.
    fn give_up_graph(&mut self) {
        self.graph = None;
        let (mut planes, mut ids) = (Planes::new(self.planes.dimensions()), SlotTable::default());
        let mut entries = Vec::with_capacity(self.len());
        for (slot, entry) in std::mem::take(&mut self.entries).into_iter().enumerate() {
            let Some(entry) = entry else { continue };
            planes.push(&self.planes.get(slot_number(slot)));
            let id = entry.id;
            entries.push(Some(entry));
            ids.insert(id, slot_number(entries.len() - 1), id_in(&entries));
        }
        (self.planes, self.entries, self.ids) = (planes, entries, ids);
    }
}

// === impl Growing ===

impl Growing {
    fn remove(&mut self, planes: &Planes, slot: u32) {
        match self.pending.iter().position(|pending| *pending == slot) {
            Some(place) => drop(self.pending.remove(place)),
            None => self.graph.remove(planes, slot),
        }
        self.free.push(slot);
    }
}

/// Tells the id of a slot.
fn id_in(entries: &[Option<Entry>]) -> impl Fn(u32) -> Option<PointId> + '_ {
    |slot| entries.get(slot as usize)?.as_ref().map(|entry| entry.id)
}

/// The best so far.
struct Best {
    wanted: usize,
    kept: BinaryHeap<std::cmp::Reverse<Scored>>,
}

// === impl Best ===

impl Best {
    fn would_take(&self, similarity: f32) -> bool {
        self.kept.len() < self.wanted || self.kept.peek().is_some_and(|worst| similarity > worst.0.similarity)
    }

    fn offer(&mut self, scored: Scored) {
        if self.would_take(scored.similarity) {
            self.kept.push(std::cmp::Reverse(scored));
            if self.kept.len() > self.wanted {
                self.kept.pop();
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "four thousand million vectors do not fit memory")]
fn slot_number(slot: usize) -> u32 {
    slot as u32
}
