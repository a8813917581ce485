//! Which requests of a stream are nearest to each, found once for all runs: whatever a run has stored by then, its neighbours
//! are the first of these that are there.

use std::num::NonZero;

use super::vectors::similarity;

/// For each request the others that are most like it, the most similar first.
#[derive(Debug)]
pub(super) struct Nearest(Vec<Vec<(usize, f32)>>);

/// How many are kept. Where fewer than are wanted have been stored of so many, little is stored, and looking through
/// that takes no time.
const KEPT: usize = 512;

// === impl Nearest ===

impl Nearest {
    /// Compares each with each, on all processors.
    pub(super) fn of(vectors: &[&[f32]]) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let share = vectors.len().div_ceil(threads).max(1);
        let lists = std::thread::scope(|scope| {
            let part = |begin: usize| {
                let end = vectors.len().min(begin + share);
                scope.spawn(move || (begin..end).map(|request| nearest(vectors, request)).collect::<Vec<_>>())
            };
            let spawned: Vec<_> = (0..vectors.len()).step_by(share).map(part).collect();
            spawned
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        Self(lists)
    }

    pub(super) fn to(&self, request: usize) -> &[(usize, f32)] {
        self.0.get(request).map_or(&[], Vec::as_slice)
    }
}

fn nearest(vectors: &[&[f32]], request: usize) -> Vec<(usize, f32)> {
    let vector = vectors[request];
    let others = vectors.iter().enumerate().filter(|(other, _)| *other != request);
    let mut list: Vec<(usize, f32)> = others.map(|(other, of)| (other, similarity(vector, of))).collect();
    let kept = KEPT.min(list.len());
    if kept < list.len() {
        list.select_nth_unstable_by(kept, |one, other| other.1.total_cmp(&one.1));
        list.truncate(kept);
    }
    list.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    list.shrink_to_fit();
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_come_first() {
        let directions: Vec<Vec<f32>> = [0.0_f32, 0.3, 1.0, 0.1]
            .map(|angle| [angle.cos(), angle.sin()].into_iter().chain([0.0; 14]).collect())
            .into_iter()
            .collect();
        let vectors: Vec<&[f32]> = directions.iter().map(Vec::as_slice).collect();
        let nearest = Nearest::of(&vectors);
        let order: Vec<usize> = nearest.to(0).iter().map(|(other, _)| *other).collect();
        assert_eq!(order, [3, 1, 2]);
        assert!(nearest.to(9).is_empty());
    }
}
