//! What is done with one row or one number after the other.

use super::{Arch, Operation, Pairs};
use crate::model::{GROUP, Norm};

/// Numbers that are worked on side by side, so that a loop over them becomes one or a few instructions.
pub(super) const LANES: usize = 16;

/// Turns rows into int16 with a scale for each row.
#[derive(Debug)]
pub(crate) struct Quantize<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) width: usize,
    pub(crate) pairs: &'a mut [Pairs],
    pub(crate) scales: &'a mut [f32],
}

/// Layer normalisation of each row, after something has been added to it.
#[derive(Debug)]
pub(crate) struct Normalize<'a> {
    pub(crate) rows: &'a mut [f32],
    /// As long as the rows, or empty.
    pub(crate) added: &'a [f32],
    pub(crate) norm: &'a Norm,
    pub(crate) epsilon: f32,
}

/// The activation GELU, exact (with the error function, not the approximation by tanh).
#[derive(Debug)]
pub(crate) struct Gelu<'a>(pub(crate) &'a mut [f32]);

/// Adding this to a small number rounds it to an integer, which then is in the lowest bits.
const ROUND: f32 = 12_582_912.0;

// === impl Quantize ===

impl Operation for Quantize<'_> {
    #[inline(always)]
    fn run<A: Arch>(self, arch: A) {
        let rows = self.rows.chunks_exact(self.width);
        let outs = self.pairs.chunks_exact_mut(self.width / GROUP).zip(self.scales);
        for (row, (pairs, scale)) in rows.zip(outs) {
            let groups = row.as_chunks::<GROUP>().0;
            let mut largest = [0_f32; GROUP];
            for group in groups {
                for (largest, number) in largest.iter_mut().zip(group) {
                    let size = number.abs();
                    *largest = if size > *largest { size } else { *largest };
                }
            }
            let largest = largest.into_iter().fold(f32::MIN_POSITIVE, f32::max);
            *scale = largest / 32767.0;
            let factor = 32767.0 / largest;
            for (group, pairs) in groups.iter().zip(pairs) {
                // No closure: one that is not inlined would be compiled without this processor's instructions.
                let mut rounded = [0; GROUP];
                for (rounded, number) in rounded.iter_mut().zip(group) {
                    *rounded = arch.multiply_add(*number, factor, ROUND).to_bits();
                }
                for (pair, rounded) in pairs.iter_mut().zip(rounded.as_chunks::<2>().0) {
                    *pair = (rounded[0] & 0xffff | rounded[1] << 16).cast_signed();
                }
            }
        }
    }
}

// === impl Normalize ===

impl Operation for Normalize<'_> {
    #[inline(always)]
    fn run<A: Arch>(self, arch: A) {
        let width = self.norm.weight.len();
        for (row, added) in self.rows.iter_mut().zip(self.added) {
            *row += added;
        }
        for row in self.rows.chunks_exact_mut(width) {
            let count = width as f32;
            let mean = sum(row, |number| number) / count;
            let variance = sum(row, |number| (number - mean) * (number - mean)) / count;
            let factor = 1.0 / (variance + self.epsilon).sqrt();
            let parameters = self.norm.weight.iter().zip(&self.norm.bias);
            for (number, (weight, bias)) in row.iter_mut().zip(parameters) {
                *number = arch.multiply_add((*number - mean) * factor, *weight, *bias);
            }
        }
    }
}

/// A sum over a row in lanes: one sum in sequence would wait for each addition.
#[inline(always)]
fn sum(row: &[f32], each: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    for lanes in row.as_chunks::<LANES>().0 {
        for (sum, number) in sums.iter_mut().zip(lanes) {
            *sum += each(*number);
        }
    }
    sums.into_iter().sum()
}

// === impl Gelu ===

impl Operation for Gelu<'_> {
    #[inline(always)]
    fn run<A: Arch>(self, arch: A) {
        for lanes in self.0.as_chunks_mut::<LANES>().0 {
            for number in lanes {
                *number = gelu(arch, *number);
            }
        }
    }
}

/// `x * (1 + erf(x / sqrt(2))) / 2`, with formula 7.1.26 of Abramowitz and Stegun for the error function: it is wrong by
/// at most 1.5e-7.
#[inline(always)]
pub(super) fn gelu<A: Arch>(arch: A, x: f32) -> f32 {
    let size = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / arch.multiply_add(size, 0.327_591_1, 1.0);
    let mut series = arch.multiply_add(t, 1.061_405_4, -1.453_152_1);
    for factor in [1.421_413_8, -0.284_496_72, 0.254_829_6] {
        series = arch.multiply_add(series, t, factor);
    }
    // The complement of the error function of the size; for a positive `x` it has to be taken from 2.
    let complement = series * t * exp(arch, -(size * size));
    let factor = if x < 0.0 { complement } else { 2.0 - complement };
    0.5 * x * factor
}

/// The exponential of a number that is not positive, within 3e-7 of itself; of what is below -87, that of -87.
#[inline(always)]
pub(super) fn exp<A: Arch>(arch: A, x: f32) -> f32 {
    let x = if x < -87.0 { -87.0 } else { x };
    // x = n ln 2 + rest, and e^x = 2^n e^rest. The logarithm is in two parts, of which the first times n is exact.
    let shifted = arch.multiply_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let rest = arch.multiply_add(n, -0.693_359_4, x);
    let rest = arch.multiply_add(n, 2.121_944_4e-4, rest);
    let mut series = 1.0 / 720.0;
    for factor in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = arch.multiply_add(series, rest, factor);
    }
    f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23))
}
