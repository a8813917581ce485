//! The matrix product.

use std::array;

use super::{Arch, Operation, Pairs};
use crate::model::{Block, GROUP, PANEL};

/// Multiplies rows of quantised activations with a matrix and adds a bias.
#[derive(Debug)]
pub(crate) struct Multiply<'a> {
    /// Row after row, `inputs / 32` each.
    pub(crate) pairs: &'a [Pairs],
    /// One for each row.
    pub(crate) scales: &'a [f32],
    /// Panel after panel, `inputs / 32` each.
    pub(crate) blocks: &'a [Block],
    pub(crate) bias: &'a [f32],
    pub(crate) inputs: usize,
    /// Row after row, as wide as the bias.
    pub(crate) out: &'a mut [f32],
}

// === impl Multiply ===

impl Operation for Multiply<'_> {
    #[inline(always)]
    fn run<A: Arch>(mut self, arch: A) {
        // Panels outside, rows inside: a panel stays in the nearest cache while all rows pass, and each weight is read
        // once from far away.
        let panels = self.blocks.chunks_exact(self.inputs / GROUP);
        for (panel, blocks) in panels.enumerate() {
            let (mut row, rows) = (0, self.scales.len());
            while row < rows {
                // Tiles of equal height: a low one at the end would read all weights for little.
                let tiles = (rows - row).div_ceil(A::ROWS);
                let height = (rows - row).div_ceil(tiles);
                match height {
                    6 => self.tile::<A, 6>(arch, panel, blocks, row),
                    5 => self.tile::<A, 5>(arch, panel, blocks, row),
                    4 => self.tile::<A, 4>(arch, panel, blocks, row),
                    3 => self.tile::<A, 3>(arch, panel, blocks, row),
                    2 => self.tile::<A, 2>(arch, panel, blocks, row),
                    _ => self.tile::<A, 1>(arch, panel, blocks, row),
                }
                row += height.clamp(1, 6);
            }
        }
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn tile<A: Arch, const R: usize>(&mut self, arch: A, panel: usize, blocks: &[Block], row: usize) {
        let groups = blocks.len();
        let rows: [&[Pairs]; R] = array::from_fn(|at| &self.pairs[(row + at) * groups..][..groups]);
        let mut sums = [[0.0; PANEL]; R];
        arch.tile(rows, blocks, &mut sums);
        let width = self.bias.len();
        let bias = &self.bias[panel * PANEL..][..PANEL];
        for (at, sums) in sums.iter().enumerate() {
            let scale = self.scales[row + at];
            let out = &mut self.out[(row + at) * width + panel * PANEL..][..PANEL];
            for ((out, sum), bias) in out.iter_mut().zip(sums).zip(bias) {
                *out = arch.multiply_add(*sum, scale, *bias);
            }
        }
    }
}
