//! Vectors of one length in two planes of bytes: one to search by, one to be exact with.
//!
//! A component is `scale × (coarse + fine / 254)`, with a scale for each vector. The coarse plane alone has an error of
//! some thousandths, which is enough to find candidates; a search reads nothing else of most vectors. With the fine plane
//! a similarity is right to a hundred-thousandth (384 dimensions; a few more with a dozen), in half the memory of 32-bit numbers.
//!
//! The loops are plain: a sum of products of 16-bit by 8-bit numbers in 32 bits is compiled to `pmaddwd` and its like
//! on every target, and what wider instructions would add does not pay for the `unsafe` that they need.

use super::blocks::{Blocks, make_room};
use crate::index::vector::Unit;

/// The vectors, by slot.
#[derive(Debug)]
pub(super) struct Planes {
    dimensions: usize,
    scales: Vec<f32>,
    coarse: Blocks,
    fine: Blocks,
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
    pub(super) fine: Box<[i8]>,
}

const COARSE: f32 = 127.0;
const FINE: f32 = 254.0;
/// How finely a probe is rounded; finer than what it is compared with, as that costs nothing.
const ROUNDED: f32 = 2047.0;
/// Sums kept side by side, since a single one would have each addition wait for the one before.
const LANES: usize = 16;

// === impl Stored ===

impl Stored {
    pub(super) fn new(unit: &Unit) -> Self {
        let scale = largest(unit.as_slice()) / COARSE;
        let planes = unit.as_slice().iter().map(|&x| {
            let whole = (x / scale).round();
            #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
            (whole as i8, ((x / scale - whole) * FINE).round() as i8)
        });
        let (coarse, fine): (Vec<i8>, Vec<i8>) = planes.unzip();
        Self { scale, coarse: coarse.into(), fine: fine.into() }
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
        let [coarse, fine] = [(); 2].map(|()| Blocks::new(dimensions));
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
        let [coarse, fine] = [&self.coarse, &self.fine].map(|plane| plane.get(slot as usize).into());
        Stored { scale: self.scales[slot as usize], coarse, fine }
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
        size_of::<f32>() + 2 * self.dimensions
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
        let value = |coarse: i8, fine: i8| f32::from(coarse) + f32::from(fine) / FINE;
        let (coarse, coarse_rest) = self.coarse(slot).as_chunks::<LANES>();
        let (fine, fine_rest) = self.fine.get(slot as usize).as_chunks::<LANES>();
        let (exact, exact_rest) = probe.exact.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for ((coarse, fine), exact) in coarse.iter().zip(fine).zip(exact) {
            for lane in 0..LANES {
                sums[lane] += exact[lane] * value(coarse[lane], fine[lane]);
            }
        }
        let rest = coarse_rest.iter().zip(fine_rest).zip(exact_rest);
        let rest: f32 = rest.map(|((&coarse, &fine), exact)| exact * value(coarse, fine)).sum();
        let sum: f32 = sums.iter().sum();
        ((sum + rest) * self.scales[slot as usize]).clamp(-1.0, 1.0)
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
