//! Room for a forward pass, used again by later ones.

use std::sync::{Mutex, PoisonError};

use crate::kernel::Pairs;

/// The numbers between one step and the next. They grow to the largest pass and stay.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// All texts' tokens, and where each text ends.
    pub(super) tokens: Vec<u32>,
    pub(super) ends: Vec<usize>,
    /// A row of the table of words.
    pub(super) packed: Vec<u8>,
    /// The state of each token.
    pub(super) rows: Vec<f32>,
    /// What a wide step gives: query, key and value, or the intermediate layer.
    pub(super) wide: Vec<f32>,
    /// What a narrow step gives.
    pub(super) narrow: Vec<f32>,
    /// Quantised activations.
    pub(super) pairs: Vec<Pairs>,
    pub(super) scales: Vec<f32>,
    /// See [`Attend`](crate::kernel::Attend).
    pub(super) keys: Vec<f32>,
    pub(super) scores: Vec<f32>,
}

/// Scratches that no thread uses at the moment.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Scratch>>);

/// Scratches that are kept; more threads at a time make theirs anew.
const KEPT: usize = 64;

/// Makes room for so many numbers and no more, because what is long once stays, and there is one for each thread. What is in
/// it is to be written anew.
pub(super) fn fit<T: Copy>(numbers: &mut Vec<T>, count: usize, fill: T) {
    if numbers.capacity() < count {
        numbers.clear();
        numbers.reserve_exact(count);
    }
    numbers.resize(count, fill);
}

// === impl Pool ===

impl Pool {
    /// Lends a scratch.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = free.unwrap_or_default();
        let result = work(&mut scratch);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(scratch);
        }
        result
    }
}
