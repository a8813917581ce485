//! Attention of every token to every token of one text.

use std::array;

use super::elementwise::{LANES, exp};
use super::{Arch, Operation};
use crate::model::{HEAD, PANEL};

/// For each token and head, the mean of all tokens' values, weighted by how well their keys go with the token's query.
#[derive(Debug)]
pub(crate) struct Attend<'a> {
    /// Row after row for one text: queries, keys and values of all heads.
    pub(crate) projected: &'a [f32],
    pub(crate) heads: usize,
    /// Room that is used again and again.
    pub(crate) keys: &'a mut Vec<f32>,
    pub(crate) scores: &'a mut Vec<f32>,
    /// Row after row, all heads of a token side by side.
    pub(crate) out: &'a mut [f32],
}

// === impl Attend ===

impl Operation for Attend<'_> {
    #[inline(always)]
    fn run<A: Arch>(mut self, arch: A) {
        let tokens = self.tokens();
        self.keys.clear();
        self.keys.resize(HEAD * self.padded(), 0.0);
        self.scores.clear();
        self.scores.resize(A::QUERIES * self.padded(), 0.0);
        for head in 0..self.heads {
            self.turn_keys(head);
            let mut token = 0;
            while token < tokens {
                match (tokens - token).min(A::QUERIES) {
                    4.. => self.attend::<A, 4>(arch, head, &mut token),
                    2.. => self.attend::<A, 2>(arch, head, &mut token),
                    _ => self.attend::<A, 1>(arch, head, &mut token),
                }
            }
        }
    }
}

impl Attend<'_> {
    #[inline(always)]
    fn tokens(&self) -> usize {
        self.projected.len() / (3 * self.heads * HEAD)
    }

    /// The number of tokens, rounded up to whole lines of [`Arch::combine`].
    #[inline(always)]
    fn padded(&self) -> usize {
        self.tokens().next_multiple_of(PANEL)
    }

    /// The query (0), key (1) or value (2) of a token.
    #[inline(always)]
    fn part(&self, token: usize, part: usize, head: usize) -> &[f32; HEAD] {
        let start = ((token * 3 + part) * self.heads + head) * HEAD;
        let found = self.projected.get(start..).and_then(|rest| rest.first_chunk());
        found.unwrap_or(&[0.0; HEAD])
    }

    /// Turns the keys of a head, so that the same number of all tokens' keys stands side by side.
    #[inline(always)]
    fn turn_keys(&mut self, head: usize) {
        let padded = self.padded();
        for token in 0..self.tokens() {
            let key = *self.part(token, 1, head);
            for (column, number) in self.keys.chunks_exact_mut(padded).zip(key) {
                column[token] = number;
            }
        }
    }

    /// Attention of some tokens from `token` on, which is moved behind them.
    #[inline(always)]
    fn attend<A: Arch, const Q: usize>(&mut self, arch: A, head: usize, token: &mut usize) {
        let (tokens, padded, width) = (self.tokens(), self.padded(), self.heads * HEAD);
        self.score::<A, Q>(arch, head, *token);
        // No closure: one that is not inlined would be compiled without this processor's instructions.
        let mut sums = [0.0; Q];
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = soften(arch, &mut self.scores[at * padded..][..padded], tokens);
        }
        let weights: [&[f32]; Q] = array::from_fn(|at| &self.scores[at * padded..][..tokens]);
        let values = &self.projected[2 * width + head * HEAD..];
        let mut means = [[0.0; HEAD]; Q];
        arch.combine(weights, values, 3 * width, &mut means);
        for (mean, sum) in means.iter().zip(sums) {
            let out = &mut self.out[*token * width + head * HEAD..][..HEAD];
            for (out, mean) in out.iter_mut().zip(mean) {
                *out = mean / sum;
            }
            *token += 1;
        }
    }

    /// The products of some queries with all keys.
    #[inline(always)]
    fn score<A: Arch, const Q: usize>(&mut self, arch: A, head: usize, token: usize) {
        let scale = 1.0 / (HEAD as f32).sqrt();
        let mut queries = [[0.0; HEAD]; Q];
        for (at, query) in queries.iter_mut().enumerate() {
            *query = *self.part(token + at, 0, head);
            query.iter_mut().for_each(|number| *number *= scale);
        }
        let padded = self.padded();
        for start in (0..padded).step_by(PANEL) {
            let mut scores = [[0.0; PANEL]; Q];
            arch.combine(array::from_fn(|at| &queries[at][..]), &self.keys[start..], padded, &mut scores);
            for (at, scores) in scores.iter().enumerate() {
                self.scores[at * padded + start..][..PANEL].copy_from_slice(scores);
            }
        }
    }
}

/// Turns scores into weights that are not yet divided by their sum, which is the result. Those behind `tokens` stand for
/// nothing and weigh nothing.
#[inline(always)]
fn soften<A: Arch>(arch: A, scores: &mut [f32], tokens: usize) -> f32 {
    scores[tokens..].fill(f32::NEG_INFINITY);
    let mut largest = [f32::NEG_INFINITY; LANES];
    for lanes in scores.as_chunks::<LANES>().0 {
        for (largest, score) in largest.iter_mut().zip(lanes) {
            *largest = if *score > *largest { *score } else { *largest };
        }
    }
    let largest = largest.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0_f32; LANES];
    for lanes in scores.as_chunks_mut::<LANES>().0 {
        for (sum, score) in sums.iter_mut().zip(lanes) {
            *score = exp(arch, *score - largest);
            *sum += *score;
        }
    }
    sums.into_iter().sum()
}
