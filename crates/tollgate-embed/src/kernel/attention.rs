//! Attention of every token to every token of one text.

use std::array;

use super::elementwise::{LANES, exp};
use super::{Arch, Operation};
use crate::model::HEAD;

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

/// Queries that are worked on together, so that each key and value is read once for all of them.
const TOGETHER: usize = 4;

// === impl Attend ===

impl Operation for Attend<'_> {
    #[inline(always)]
    fn run<A: Arch>(mut self, arch: A) {
        let tokens = self.tokens();
        self.keys.clear();
        self.keys.resize(HEAD * self.padded(), 0.0);
        self.scores.clear();
        self.scores.resize(TOGETHER * self.padded(), 0.0);
        for head in 0..self.heads {
            self.turn_keys(head);
            let mut token = 0;
            while token + TOGETHER <= tokens {
                self.attend::<A, TOGETHER>(arch, head, token);
                token += TOGETHER;
            }
            while token < tokens {
                self.attend::<A, 1>(arch, head, token);
                token += 1;
            }
        }
    }
}

impl Attend<'_> {
    #[inline(always)]
    fn tokens(&self) -> usize {
        self.projected.len() / (3 * self.heads * HEAD)
    }

    /// The number of tokens, rounded up to whole lanes.
    #[inline(always)]
    fn padded(&self) -> usize {
        self.tokens().next_multiple_of(LANES)
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

    #[inline(always)]
    fn attend<A: Arch, const Q: usize>(&mut self, arch: A, head: usize, token: usize) {
        let tokens = self.tokens();
        self.score::<A, Q>(arch, head, token);
        let padded = self.padded();
        let sums: [f32; Q] = array::from_fn(|at| soften(arch, &mut self.scores[at * padded..][..padded], tokens));
        let mut means = [[0_f32; HEAD]; Q];
        for other in 0..tokens {
            let value = self.part(other, 2, head);
            for (at, mean) in means.iter_mut().enumerate() {
                let weight = self.scores[at * padded + other];
                for (mean, value) in mean.iter_mut().zip(value) {
                    *mean = arch.multiply_add(weight, *value, *mean);
                }
            }
        }
        for (at, mean) in means.iter().enumerate() {
            let start = ((token + at) * self.heads + head) * HEAD;
            for (out, mean) in self.out[start..][..HEAD].iter_mut().zip(mean) {
                *out = mean / sums[at];
            }
        }
    }

    /// The products of some queries with all keys.
    #[inline(always)]
    fn score<A: Arch, const Q: usize>(&mut self, arch: A, head: usize, token: usize) {
        #[expect(clippy::cast_precision_loss, reason = "the width of a head is small")]
        let scale = 1.0 / (HEAD as f32).sqrt();
        let queries: [[f32; HEAD]; Q] =
            array::from_fn(|at| self.part(token + at, 0, head).map(|number| number * scale));
        let padded = self.padded();
        for lanes in (0..padded).step_by(LANES) {
            let mut scores = [[0_f32; LANES]; Q];
            for (at, column) in self.keys.chunks_exact(padded).enumerate() {
                let keys = &column[lanes..][..LANES];
                for (scores, query) in scores.iter_mut().zip(&queries) {
                    for (score, key) in scores.iter_mut().zip(keys) {
                        *score = arch.multiply_add(query[at], *key, *score);
                    }
                }
            }
            for (at, scores) in scores.iter().enumerate() {
                self.scores[at * padded + lanes..][..LANES].copy_from_slice(scores);
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
