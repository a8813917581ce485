//! Rows that stay where they are while others come.

use crate::room::make_room;

/// Rows of one width, in blocks. A single array would be copied as a whole each time that it has to grow, tens of megabytes
/// while everybody waits, and leave holes of its former sizes in memory.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    width: usize,
    /// All full but the last, which is never empty.
    blocks: Vec<Vec<T>>,
}

/// How many rows are in a block.
const ROWS: usize = 64;

// === impl Blocks ===

impl<T: Copy> Blocks<T> {
    pub(super) fn new(width: usize) -> Self {
        Self { width, blocks: Vec::new() }
    }

    /// Adds a row at the end.
    pub(super) fn push(&mut self, row: &[T]) {
        let full = ROWS * self.width;
        match self.blocks.last_mut().filter(|last| last.len() < full) {
            Some(last) => {
                make_room(last, self.width);
                last.extend_from_slice(row);
            }
            None => {
                make_room(&mut self.blocks, 1);
                self.blocks.push(row.to_vec());
            }
        }
    }

    pub(super) fn get(&self, row: usize) -> &[T] {
        let start = row % ROWS * self.width;
        &self.blocks[row / ROWS][start..start + self.width]
    }

    pub(super) fn set(&mut self, row: usize, new: &[T]) {
        let start = row % ROWS * self.width;
        self.blocks[row / ROWS][start..start + self.width].copy_from_slice(new);
    }

    /// Removes a row; the last one takes its place.
    pub(super) fn swap_remove(&mut self, row: usize) {
        let Some(mut last) = self.blocks.pop() else { return };
        let rest = last.len() - self.width;
        let moved = last.split_off(rest);
        let is_last = row == self.blocks.len() * ROWS + rest / self.width;
        if rest > 0 {
            self.blocks.push(last);
        }
        if !is_last {
            self.set(row, &moved);
        }
    }

    /// All rows in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[T]> {
        self.blocks.iter().flat_map(|block| block.chunks_exact(self.width))
    }

    /// Gives room back that is not used.
    pub(super) fn shrink(&mut self) {
        self.blocks.shrink_to_fit();
        if let Some(last) = self.blocks.last_mut() {
            last.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_a_vector() {
        let (mut blocks, mut rows) = (Blocks::new(2), Vec::new());
        let mut random = fastrand::Rng::with_seed(1);
        for step in 0..2000 {
            if rows.is_empty() || random.u8(..) < if step < 1000 { 170 } else { 90 } {
                let row = [random.i8(..), random.i8(..)];
                blocks.push(&row);
                rows.push(row);
            } else {
                let row = random.usize(..rows.len());
                blocks.swap_remove(row);
                rows.swap_remove(row);
            }
            if step % 50 == 0 {
                blocks.shrink();
                assert!(blocks.iter().eq(rows.iter().map(|row| &row[..])), "after {step} steps");
                assert!(rows.iter().enumerate().all(|(number, row)| blocks.get(number) == row));
            }
        }
    }
}
