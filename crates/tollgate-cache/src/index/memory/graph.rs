//! A navigable small world: a graph of neighbours in layers, searched from the top down.
//!
//! After Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
//! Small World graphs" (2016; their algorithms 1, 2, 4 and 5). What is different: the layers that a vector is in follow from
//! its id, so that runs repeat; and vectors can be removed. Whoever points to a removed one is given its neighbours to
//! choose from instead. A pointer that was overlooked does no harm: what it leads to is found not to be linked, or is
//! another vector by now, with which it is compared like with any other.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use super::planes::{Planes, Probe};

/// How the graph is built and searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many neighbours a vector has in each upper layer, and half of how many in the lowest.
    pub(super) links: usize,
    /// How many candidates are looked at for a new vector's neighbours.
    pub(super) build_width: usize,
    /// How many candidates a search keeps.
    pub(super) search_width: usize,
}

/// The graph. It holds slots; their vectors are elsewhere.
#[derive(Debug)]
pub(super) struct Graph {
    shape: Shape,
    /// The lowest layer: for each slot how many neighbours it has, and their slots. One more than the count if linked.
    /// Neighbours stand in the order of their similarity here and above, so that a new one finds its place by comparing with
    /// a few, and the one that has to go for it stands at the end.
    base: Vec<u32>,
    upper: Vec<HashMap<u32, Vec<u32>>>,
    entry: Option<u32>,
}

/// With which slots a new one will be linked, in each layer that it is in.
#[derive(Debug)]
pub(super) struct Links {
    slot: u32,
    seed: u128,
    neighbours: Vec<(usize, Vec<u32>)>,
}

/// A slot and how similar it is to what is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scored {
    pub(super) similarity: f32,
    pub(super) slot: u32,
}

/// Beyond this no layer helps, and an id that is chosen with care could make many.
const MAX_LAYERS: usize = 12;

/// How many neighbours are looked at, from the last, for the one that a new one takes the place of.
const LOOKED_AT: usize = 4;

// === impl Scored ===

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.similarity.total_cmp(&other.similarity).then_with(|| other.slot.cmp(&self.slot))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scored {}

// === impl Graph ===

impl Graph {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, base: Vec::new(), upper: Vec::new(), entry: None }
    }

    /// The most similar slots, best first: as many as the width of searches, or `at_least`.
    pub(super) fn search(&self, planes: &Planes, probe: &Probe, at_least: usize) -> Vec<Scored> {
        let Some(entry) = self.entry else { return Vec::new() };
        let mut nearest = Scored { similarity: planes.roughly(probe, entry), slot: entry };
        for layer in (1..=self.upper.len()).rev() {
            nearest = self.climb(planes, probe, nearest, layer);
        }
        self.search_layer(planes, probe, &[nearest], self.shape.search_width.max(at_least), 0)
    }

    /// Looks for the neighbours of a slot whose vector is in its place. This is most of the work of linking it.
    pub(super) fn plan(&self, planes: &Planes, slot: u32, seed: u128) -> Links {
        let top = self.layers(seed);
        let mut links = Links { slot, seed, neighbours: Vec::new() };
        let Some(entry) = self.entry else { return links };
        let probe = planes.probe(slot);
        let mut nearest = vec![Scored { similarity: planes.roughly(&probe, entry), slot: entry }];
        for layer in (0..=self.upper.len()).rev() {
            if layer > top {
                nearest = vec![self.climb(planes, &probe, nearest[0], layer)];
            } else {
                nearest = self.search_layer(planes, &probe, &nearest, self.shape.build_width, layer);
                links.neighbours.push((layer, self.choose(planes, &nearest, self.shape.links)));
            }
        }
        links
    }

    /// Links a slot as was planned, though the graph may be another one by now.
    pub(super) fn link(&mut self, planes: &Planes, mut links: Links) {
        for (layer, slots) in &mut links.neighbours {
            slots.retain(|&slot| slot != links.slot && self.is_linked(slot, *layer));
        }
        let is_alone = !links.neighbours.iter().any(|(layer, slots)| *layer == 0 && !slots.is_empty());
        if is_alone && self.entry.is_some() {
            // There were none when it was planned, or all of them have gone.
            links = self.plan(planes, links.slot, links.seed);
        }
        let Links { slot, seed, neighbours } = links;
        self.add(slot, self.layers(seed));
        for (layer, slots) in neighbours {
            self.set(slot, layer, &slots);
            for neighbour in slots {
                self.link_back(planes, neighbour, slot, layer);
            }
        }
    }

    /// Takes a slot out; its vector must still be in its place.
    pub(super) fn remove(&mut self, planes: &Planes, slot: u32) {
        for layer in 0..=self.upper.len() {
            if self.is_linked(slot, layer) {
                self.bridge(planes, slot, layer);
            }
        }
        self.unlink(slot);
    }

    /// The bytes of memory that a linked slot takes: a place in the lowest layer, and every so often a list above.
    pub(super) fn bytes_per_slot(&self) -> usize {
        let list = 2 * size_of::<(u32, Vec<u32>)>() + self.shape.links * size_of::<u32>();
        self.stride() * size_of::<u32>() + list / (self.shape.links - 1)
    }

    /// The highest layer of a vector: each has a part of 1 in `links` of the one below.
    fn layers(&self, seed: u128) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "both halves are mixed in")]
        let mut mixed = (seed as u64) ^ ((seed >> 64) as u64).rotate_left(32);
        // The finaliser of SplitMix64, since ids may be counted up.
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let links = self.shape.links.max(2) as u64;
        let mut layer = 0;
        while layer < MAX_LAYERS && mixed.is_multiple_of(links) {
            mixed /= links;
            layer += 1;
        }
        layer
    }

    /// The local best of a layer, going from neighbour to neighbour.
    fn climb(&self, planes: &Planes, probe: &Probe, mut nearest: Scored, layer: usize) -> Scored {
        loop {
            // What is not linked any more leads nowhere.
            let neighbours = self.neighbours(nearest.slot, layer).iter().filter(|&&slot| self.is_linked(slot, layer));
            let scored = neighbours.map(|&slot| Scored { similarity: planes.roughly(probe, slot), slot });
            match scored.max().filter(|best| *best > nearest) {
                Some(best) => nearest = best,
                None => return nearest,
            }
        }
    }

    fn search_layer(
        &self,
        planes: &Planes,
        probe: &Probe,
        entries: &[Scored],
        width: usize,
        layer: usize,
    ) -> Vec<Scored> {
        let mut seen = vec![0_u64; planes.len() / 64 + 1];
        let mut first_sight = |slot: u32| {
            let (word, bit) = (&mut seen[slot as usize / 64], 1 << (slot % 64));
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        };
        let mut open: BinaryHeap<Scored> = entries.iter().copied().filter(|entry| first_sight(entry.slot)).collect();
        let mut found: BinaryHeap<Reverse<Scored>> = open.iter().copied().map(Reverse).collect();
        let mut fresh: Vec<u32> = Vec::with_capacity(2 * self.shape.links);
        while let Some(next) = open.pop() {
            if found.len() >= width && found.peek().is_some_and(|worst| next < worst.0) {
                break;
            }
            fresh.clear();
            let neighbours = self.neighbours(next.slot, layer).iter().copied();
            fresh.extend(neighbours.filter(|&slot| first_sight(slot) && self.is_linked(slot, layer)));
            planes.fetch(&fresh);
            for &slot in &fresh {
                let scored = Scored { similarity: planes.roughly(probe, slot), slot };
                if found.len() < width || found.peek().is_some_and(|worst| scored > worst.0) {
                    open.push(scored);
                    found.push(Reverse(scored));
                    if found.len() > width {
                        found.pop();
                    }
                }
            }
        }
        found.into_sorted_vec().into_iter().map(|Reverse(scored)| scored).collect()
    }

    /// Of candidates, best first, those that are not nearer to a chosen one than to what they are chosen for: neighbours in
    /// all directions, which keeps clusters connected. Places that are left go to the best of the others.
    fn choose(&self, planes: &Planes, candidates: &[Scored], count: usize) -> Vec<u32> {
        let mut chosen: Vec<Scored> = Vec::with_capacity(count);
        let mut others = Vec::new();
        for candidate in candidates {
            if chosen.len() == count {
                break;
            }
            let shadows = |other: &Scored| planes.between(candidate.slot, other.slot) > candidate.similarity;
            if chosen.iter().any(shadows) { others.push(*candidate) } else { chosen.push(*candidate) }
        }
        let missing = count - chosen.len();
        chosen.extend(others.into_iter().take(missing));
        chosen.sort_unstable_by(|one, other| other.cmp(one));
        chosen.into_iter().map(|scored| scored.slot).collect()
    }

    fn add(&mut self, slot: u32, top: usize) {
        self.make_room(slot);
        if self.entry.is_none() || top > self.upper.len() {
            self.entry = Some(slot);
        }
        while self.upper.len() < top {
            self.upper.push(HashMap::new());
        }
        for layer in 0..=top {
            self.set(slot, layer, &[]);
        }
    }

    fn link_back(&mut self, planes: &Planes, slot: u32, new: u32, layer: usize) {
        let mut slots = self.neighbours(slot, layer).to_vec();
        // It may point there since another vector was in that slot.
        if slots.contains(&new) {
            return;
        }
        let similarity = planes.between(slot, new);
        slots.insert(slots.partition_point(|&other| planes.between(slot, other) >= similarity), new);
        let limit = if layer == 0 { 2 * self.shape.links } else { self.shape.links };
        if slots.len() > limit {
            slots.remove(Self::dispensable(planes, slot, &slots));
        }
        self.set(slot, layer, &slots);
    }

    /// The place of the neighbour that is missed least: the last that is nearer to a better one than to what they are
    /// neighbours of, or else the last of all. It is what [`choose`](Self::choose) would leave out, but looked for at the end,
    /// where it most often is: choosing anew would take ten times as many comparisons.
    fn dispensable(planes: &Planes, slot: u32, slots: &[u32]) -> usize {
        let is_shadowed = |&place: &usize| {
            let similarity = planes.between(slot, slots[place]);
            slots[..place].iter().any(|&better| planes.between(slots[place], better) > similarity)
        };
        (1..slots.len()).rev().take(LOOKED_AT).find(is_shadowed).unwrap_or(slots.len() - 1)
    }

    /// Gives each of those that point to a slot the nearest of its neighbours instead of it.
    fn bridge(&mut self, planes: &Planes, slot: u32, layer: usize) {
        let around = self.neighbours(slot, layer).to_vec();
        let mut pointing: Vec<u32> = around.clone();
        pointing.extend(around.iter().flat_map(|&near| self.neighbours(near, layer)));
        pointing.sort_unstable();
        pointing.dedup();
        pointing.retain(|&other| self.neighbours(other, layer).contains(&slot));
        for other in pointing {
            let mut slots: Vec<u32> = self.neighbours(other, layer).to_vec();
            let candidates = around.iter().copied().filter(|&candidate| {
                candidate != other && !slots.contains(&candidate) && self.is_linked(candidate, layer)
            });
            let scored = candidates.map(|slot| Scored { similarity: planes.between(other, slot), slot });
            let substitute = scored.max();
            slots.retain(|known| *known != slot);
            if let Some(Scored { similarity, slot }) = substitute {
                slots.insert(slots.partition_point(|&known| planes.between(other, known) >= similarity), slot);
            }
            self.set(other, layer, &slots);
        }
    }

    fn unlink(&mut self, slot: u32) {
        let stride = self.stride();
        self.base[slot as usize * stride] = 0;
        for layer in &mut self.upper {
            layer.remove(&slot);
        }
        while self.upper.last().is_some_and(HashMap::is_empty) {
            self.upper.pop();
        }
        if self.entry == Some(slot) {
            let linked = |slot: &u32| self.is_linked(*slot, 0);
            self.entry = match self.upper.last() {
                // The least, since the order of a table differs from run to run.
                Some(layer) => layer.keys().copied().min(),
                None => (0..).take(self.base.len() / stride).find(linked),
            };
        }
    }

    fn neighbours(&self, slot: u32, layer: usize) -> &[u32] {
        if layer > 0 {
            return self.upper.get(layer - 1).and_then(|layer| layer.get(&slot)).map_or(&[], Vec::as_slice);
        }
        let start = slot as usize * self.stride();
        match self.base.get(start) {
            Some(&count) if count > 0 => &self.base[start + 1..start + count as usize],
            _ => &[],
        }
    }

    fn is_linked(&self, slot: u32, layer: usize) -> bool {
        match layer {
            0 => self.base.get(slot as usize * self.stride()).is_some_and(|count| *count > 0),
            _ => self.upper.get(layer - 1).is_some_and(|layer| layer.contains_key(&slot)),
        }
    }

    fn set(&mut self, slot: u32, layer: usize, slots: &[u32]) {
        if layer > 0 {
            self.upper[layer - 1].insert(slot, slots.to_vec());
            return;
        }
        let start = slot as usize * self.stride();
        #[expect(clippy::cast_possible_truncation, reason = "at most twice the links")]
        let count = slots.len() as u32 + 1;
        self.base[start] = count;
        self.base[start + 1..start + count as usize].copy_from_slice(slots);
    }

    fn make_room(&mut self, slot: u32) {
        let (len, stride) = (self.base.len(), self.stride());
        let needed = (slot as usize + 1) * stride;
        if len < needed {
            crate::room::make_room(&mut self.base, needed - len);
            self.base.resize(needed, 0);
        }
    }

    fn stride(&self) -> usize {
        2 * self.shape.links + 1
    }
}
