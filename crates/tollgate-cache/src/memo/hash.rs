//! A quick hash of whole bodies, for finding a place in a table.
//!
//! Whoever can make two bodies with the same hash gains nothing: bodies are compared byte for byte, and one of the two is
//! answered without the memo. So it only has to be quick and even: words are multiplied into four lanes, which the
//! processor works on at once, and the seeds are chosen anew by every process.

use std::hash::{BuildHasher, RandomState};

const LANES: usize = 4;
const WORD: usize = 8;

/// The seeds of one process.
#[derive(Debug)]
pub(super) struct Seeds([u64; LANES]);

impl Seeds {
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        // A seed of zeros would let a lane forget what it has read.
        Self([1, 2, 3, 4].map(|number: u64| random.hash_one(number) | 1))
    }

    /// The hash of some bytes, their length included.
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut lanes = self.0;
        let (blocks, rest) = bytes.as_chunks::<{ 2 * WORD * LANES }>();
        for block in blocks {
            let (pairs, _) = block.as_chunks::<{ 2 * WORD }>();
            // Another seed than the lane began with, or two words could change places unnoticed.
            let seeds = self.0.iter().cycle().skip(1);
            for ((lane, pair), seed) in lanes.iter_mut().zip(pairs).zip(seeds) {
                *lane = fold(*lane ^ word(&pair[..WORD]), seed ^ word(&pair[WORD..]));
            }
        }
        let mut last = self.0[0] ^ bytes.len() as u64;
        for piece in rest.chunks(WORD) {
            last = fold(last ^ word(piece), self.0[1]);
        }
        lanes.into_iter().fold(last, |hash, lane| fold(hash ^ lane, self.0[2]))
    }
}

/// Up to eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// Both halves of a product: every bit of the result depends on most bits of both factors.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the other half is added to this one")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_changed_bit_or_byte_more_makes_another_hash() {
        let seeds = Seeds::random();
        let mut seen = HashSet::new();
        for length in [0, 1, 7, 8, 9, 63, 64, 65, 200] {
            let mut body = vec![b'x'; length];
            assert!(seen.insert(seeds.hash(&body)), "{length}");
            for at in 0..length {
                for bit in 0..8 {
                    body[at] ^= 1 << bit;
                    assert!(seen.insert(seeds.hash(&body)), "{length} {at} {bit}");
                    body[at] ^= 1 << bit;
                }
            }
        }
    }
}
