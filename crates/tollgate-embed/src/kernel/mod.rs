//! The arithmetic of a forward pass, compiled for several kinds of processors and chosen at run time.
//!
//! An [`Operation`] is written once. [`Kernel::run`] runs it in a function for which the compiler may use what the
//! processor has, so that plain loops over arrays become vector instructions. The inner parts
//! of the two kinds of matrix products, [`Arch::tile`] and [`Arch::combine`], are written by hand for each kind, because
//! the compiler does not keep their sums in registers.
//!
//! Weights are int8 and activations int16, products are added up as integers over a group of 32 inputs, and groups as `f32`.
//! Int8 activations would be a third faster, but this model answers them with errors of up to 0.002 in the cosine.

mod attention;
mod elementwise;
mod multiply;
mod simd;
#[cfg(test)]
mod tests;

pub(crate) use self::attention::Attend;
pub(crate) use self::elementwise::{Gelu, Normalize, Quantize};
pub(crate) use self::multiply::Multiply;
pub(crate) use self::simd::Kernel;
use crate::model::{Block, PANEL};

/// 32 activations as 16 pairs of int16; of each pair the first is in the lower half.
pub(crate) type Pairs = [i32; 16];

/// Something to be computed, in whatever instructions there are.
///
/// Implementations are marked `#[inline(always)]`, and so is all that they call: only what is inlined into the function
/// that has the processor's features is compiled with them.
pub(crate) trait Operation {
    /// Computes.
    fn run<A: Arch>(self, arch: A);
}

/// A kind of processor. A value of such a type is the proof that the processor has what the kind stands for.
pub(crate) trait Arch: Copy {
    /// Whether `a * b + c` is one instruction. Where it is none, it is a slow function.
    const FUSED: bool;
    /// How many rows of activations a tile has at most; at most 6.
    const ROWS: usize;
    /// How many rows [`combine`](Self::combine) should be given: 4, or 2 where there are few registers.
    const QUERIES: usize;

    /// Multiplies some rows of activations with a panel of weights: `blocks` and each row have the same length. The
    /// sums are in the activations' own scale.
    fn tile<const R: usize>(self, rows: [&[Pairs]; R], blocks: &[Block], sums: &mut [[f32; PANEL]; R]);

    /// Adds up lines of 32 numbers, each times a factor, for some rows of factors at once: `lines` has a line every `stride`
    /// numbers, and the rows as many factors as there are lines.
    fn combine<const R: usize>(self, factors: [&[f32]; R], lines: &[f32], stride: usize, sums: &mut [[f32; PANEL]; R]);

    /// `a * b + c`.
    #[inline(always)]
    fn multiply_add(self, a: f32, b: f32, c: f32) -> f32 {
        if Self::FUSED { a.mul_add(b, c) } else { a * b + c }
    }
}
