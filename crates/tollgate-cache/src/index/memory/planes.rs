//! Vectors of one length in two planes: one of bytes to search by, one of half bytes to be exact with.
//!
//! A component is `scale × (coarse + (fine - 7.5) / 16)`, with a scale for each vector. The coarse plane alone has an error of
//! some thousandths, which is enough to find candidates; a search reads nothing else of most vectors. With the fine plane
//! a similarity is right to one or two ten-thousandths (384 dimensions; a few more with a dozen), in three eighths of the
//! memory of 32-bit numbers. That is finer than any decision needs: 16 bits would take a third more for nothing.
//!
//! The loops are plain: a sum of products of 16-bit by 8-bit numbers in 32 bits is compiled to `pmaddwd` and its like
//! on every target, and what wider instructions would add does not pay for the `unsafe` that they need.

use super::blocks::Blocks;
use crate::index::vector::Unit;
use crate::room::make_room;

/// The vectors, by slot.
#[derive(Debug)]
pub(super) struct Planes {
    dimensions: usize,
    scales: Vec<f32>,
    coarse: Blocks<i8>,
    fine: Blocks<u8>,
}

/// A vector to compare with.
#[derive(Debug)]
pub(super) struct Probe {
    exact: Vec<f32>,
    rounded: Vec<i16>,
    scale: f32,
}

/// A vector as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) scale: f32,
    pub(super) coarse: Box<[i8]>,
    /// Of the first half of the components in the lower half bytes, of the second in the upper.
    pub(super) fine: Box<[u8]>,
}

const COARSE: f32 = 127.0;
/// Steps of the fine plane in one of the coarse.
const FINE: f32 = 16.0;
/// What half a byte stands for is in the middle of its step, and zero in the middle of all.
const MIDDLE: f32 = (FINE - 1.0) / 2.0;
/// How finely a probe is rounded; finer than what it is compared with, as that costs nothing.
const ROUNDED: f32 = 2047.0;
/// In bytes; where it is 128 this reads some twice.
const CACHE_LINE: usize = 64;
/// Sums kept side by side, since a single one would have each addition wait for the one before.
const LANES: usize = 16;

// === impl Stored ===

impl Stored {
    pub(super) fn new(unit: &Unit) -> Self {
        let scale = largest(unit.as_slice()) / COARSE;
        let planes = unit.as_slice().iter().map(|&x| {
            let whole = (x / scale).round();
            #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
            let coarse = whole as i8;
            (coarse, x / scale - whole)
        });
        let (coarse, rests): (Vec<i8>, Vec<f32>) = planes.unzip();
        Self { scale, coarse: coarse.into(), fine: packed(&rests) }
    }

    /// From a plane of bytes as version 1 of a snapshot has it, of which each stands for 1/254.
    pub(super) fn from_bytes(scale: f32, coarse: Box<[i8]>, fine: &[i8]) -> Self {
        let rests: Vec<f32> = fine.iter().map(|&fine| f32::from(fine) / 254.0).collect();
        Self { scale, coarse, fine: packed(&rests) }
    }
}

// === impl Probe ===

impl Probe {
    pub(super) fn new(unit: &Unit) -> Self {
        Self::from_exact(unit.as_slice().to_vec())
    }

    fn from_exact(exact: Vec<f32>) -> Self {
        // Small enough that the sum of all products fits 32 bits, however many dimensions there are.
        #[expect(clippy::cast_precision_loss, reason = "a bound")]
        let limit = (i32::MAX as f32 / (COARSE + 1.0) / exact.len().max(1) as f32).clamp(1.0, ROUNDED);
        let scale = largest(&exact).max(f32::MIN_POSITIVE) / limit.floor();
        #[expect(clippy::cast_possible_truncation, reason = "from -2047 to 2047")]
        let rounded = exact.iter().map(|&x| (x / scale).round() as i16).collect();
        Self { exact, rounded, scale }
    }
}

// === impl Planes ===

impl Planes {
    pub(super) fn new(dimensions: usize) -> Self {
        let (coarse, fine) = (Blocks::new(dimensions), Blocks::new(fine_bytes(dimensions)));
        Self { dimensions, scales: Vec::new(), coarse, fine }
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.scales.len()
    }

    /// Adds a slot at the end.
    pub(super) fn push(&mut self, vector: &Stored) {
        make_room(&mut self.scales, 1);
        self.scales.push(vector.scale);
        self.coarse.push(&vector.coarse);
        self.fine.push(&vector.fine);
    }

    /// Overwrites a slot.
    pub(super) fn set(&mut self, slot: u32, vector: &Stored) {
        self.scales[slot as usize] = vector.scale;
        self.coarse.set(slot as usize, &vector.coarse);
        self.fine.set(slot as usize, &vector.fine);
    }

    /// What is stored in a slot.
    pub(super) fn get(&self, slot: u32) -> Stored {
        let slot = slot as usize;
        Stored { scale: self.scales[slot], coarse: self.coarse.get(slot).into(), fine: self.fine.get(slot).into() }
    }

    /// Removes a slot; the last one takes its place.
    pub(super) fn swap_remove(&mut self, slot: u32) {
        self.scales.swap_remove(slot as usize);
        self.coarse.swap_remove(slot as usize);
        self.fine.swap_remove(slot as usize);
    }

    /// Gives room back that is not used.
    pub(super) fn shrink(&mut self) {
        self.scales.shrink_to_fit();
        self.coarse.shrink();
        self.fine.shrink();
    }

    /// The bytes of memory that a vector takes.
    pub(super) fn bytes_per_vector(&self) -> usize {
        size_of::<f32>() + self.dimensions + fine_bytes(self.dimensions)
    }

    /// Reads a byte of each cache line of what [`roughly`](Self::roughly) needs of some slots. In a hundred thousand vectors most
    /// of the time goes by waiting for memory; so the processor waits for all of them at once, and not for one after the other.
    pub(super) fn fetch(&self, slots: &[u32]) {
        let (mut bytes, mut scales) = (0, 0);
        for &slot in slots {
            scales ^= self.scales[slot as usize].to_bits();
            for line in self.coarse(slot).chunks(CACHE_LINE) {
                bytes ^= line[0];
            }
        }
        std::hint::black_box((bytes, scales));
    }

    /// The similarity of a slot to a probe by the coarse plane.
    pub(super) fn roughly(&self, probe: &Probe, slot: u32) -> f32 {
        scaled(product(&probe.rounded, self.coarse(slot)), probe.scale * self.scales[slot as usize])
    }

    /// The similarities of all slots to a probe by the coarse plane, in order.
    pub(super) fn all_roughly<'a>(&'a self, probe: &'a Probe) -> impl Iterator<Item = f32> + 'a {
        let rows = self.coarse.iter().zip(&self.scales);
        rows.map(|(coarse, scale)| scaled(product(&probe.rounded, coarse), probe.scale * scale))
    }

    /// The similarity of two slots by the coarse plane.
    pub(super) fn between(&self, one: u32, other: u32) -> f32 {
        let product = byte_product(self.coarse(one), self.coarse(other));
        scaled(product, self.scales[one as usize] * self.scales[other as usize])
    }

    /// The similarity of a slot to a probe by both planes.
    pub(super) fn exactly(&self, probe: &Probe, slot: u32) -> f32 {
        let fine = self.fine.get(slot as usize);
        let (first, second) = self.coarse(slot).split_at(fine.len());
        let (exact_first, exact_second) = probe.exact.split_at(fine.len().min(probe.exact.len()));
        let sum = weighted(exact_first, first, fine, |fine| fine & 15)
            + weighted(exact_second, second, fine, |fine| fine >> 4);
        (sum * self.scales[slot as usize]).clamp(-1.0, 1.0)
    }

    /// A slot as a probe.
    pub(super) fn probe(&self, slot: u32) -> Probe {
        let scale = self.scales[slot as usize];
        Probe { exact: Vec::new(), rounded: self.coarse(slot).iter().map(|&x| i16::from(x)).collect(), scale }
    }

    fn coarse(&self, slot: u32) -> &[i8] {
        self.coarse.get(slot as usize)
    }
}

/// The bytes of a fine plane's row.
pub(super) fn fine_bytes(dimensions: usize) -> usize {
    dimensions.div_ceil(2)
}

/// What is left of each component, from -0.5 to 0.5, in half a byte.
fn packed(rests: &[f32]) -> Box<[u8]> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 15")]
    let half = |rest: f32| (rest * FINE + FINE / 2.0).clamp(0.0, FINE - 1.0) as u8;
    let (first, second) = rests.split_at(fine_bytes(rests.len()));
    let seconds = second.iter().map(|rest| half(*rest) << 4).chain(std::iter::repeat(0));
    first.iter().zip(seconds).map(|(rest, second)| half(*rest) | second).collect()
}

/// The product of a part of a probe with a part of a row of both planes.
#[inline]
fn weighted(exact: &[f32], coarse: &[i8], fine: &[u8], half: impl Fn(u8) -> u8) -> f32 {
    let value = |coarse: i8, fine: u8| f32::from(coarse) + (f32::from(half(fine)) - MIDDLE) / FINE;
    // With an odd number of components the last half byte belongs to none.
    let fine = &fine[..coarse.len()];
    let ((coarse, coarse_rest), (fine, fine_rest)) = (coarse.as_chunks::<LANES>(), fine.as_chunks::<LANES>());
    let (exact, exact_rest) = exact.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for ((coarse, fine), exact) in coarse.iter().zip(fine).zip(exact) {
        for lane in 0..LANES {
            sums[lane] += exact[lane] * value(coarse[lane], fine[lane]);
        }
    }
    let rest = coarse_rest.iter().zip(fine_rest).zip(exact_rest);
    let rest: f32 = rest.map(|((&coarse, &fine), exact)| exact * value(coarse, fine)).sum();
    sums.iter().sum::<f32>() + rest
}

fn product(probe: &[i16], coarse: &[i8]) -> i32 {
    probe.iter().zip(coarse).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

fn byte_product(one: &[i8], other: &[i8]) -> i32 {
    one.iter().zip(other).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

#[expect(clippy::cast_precision_loss, reason = "the product itself is an approximation")]
fn scaled(product: i32, scale: f32) -> f32 {
    product as f32 * scale
}

fn largest(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_planes_give_a_similarity_to_the_fourth_digit() {
        let mut random = fastrand::Rng::with_seed(11);
        for dimensions in [1, 7, 16, 33, 384, 1535] {
            let mut unit = || {
                // About normal, as the components of embeddings are.
                let vector: Vec<f32> = (0..dimensions).map(|_| (0..6).map(|_| random.f32() - 0.5).sum()).collect();
                Unit::new(&vector).unwrap()
            };
            let stored: Vec<Unit> = (0..50).map(|_| unit()).collect();
            let mut planes = Planes::new(dimensions);
            stored.iter().for_each(|unit| planes.push(&Stored::new(unit)));
            let (bound, query) = (if dimensions < 300 { 1e-3 } else { 2e-4 }, unit());
            let probe = Probe::new(&query);
            for (slot, unit) in (0..).zip(&stored) {
                let exact: f32 = unit.as_slice().iter().zip(query.as_slice()).map(|(x, y)| x * y).sum();
                let found = planes.exactly(&probe, slot);
                assert!((found - exact).abs() < bound, "{found} instead of {exact} in {dimensions} dimensions");
            }
        }
    }
}
