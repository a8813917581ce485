//! Where the bytes of an answer are cut.

use bytes::Bytes;

/// Random numbers that are the same on every machine. The variable `TOLLGATE_TEST_SEED` gives others.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// How long the pieces are.
#[derive(Clone, Debug)]
pub enum Cuts {
    /// All in one piece.
    None,
    /// A byte each.
    Every,
    /// Random lengths around a random average.
    Random(Random),
}

impl Random {
    /// Numbers that follow from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let base = std::env::var("TOLLGATE_TEST_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()).unwrap_or(0);
        Self(seed ^ base.rotate_left(17))
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: usize) -> usize {
        // SplitMix64: enough for cutting, and a dependency less.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = bound as u64;
        usize::try_from((mixed ^ mixed >> 31) % bound).unwrap_or_default()
    }
}

impl Cuts {
    /// Random cuts that follow from a seed.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        Self::Random(Random::new(seed))
    }
}

/// The pieces of a body. None is empty, unless the body is.
#[must_use]
pub fn pieces(body: &Bytes, cuts: Cuts) -> Vec<Bytes> {
    let mut lengths = match cuts {
        Cuts::None => return vec![body.clone()],
        Cuts::Every => Lengths { random: Random(0), most: 1 },
        Cuts::Random(mut random) => {
            // From single bytes to pieces of several events; of long bodies not more than a few hundred pieces.
            let most = [3, 20, 150, 1500][random.below(4)].max(body.len() / 150);
            Lengths { random, most }
        }
    };
    let mut rest = body.clone();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let length = (1 + lengths.random.below(lengths.most)).min(rest.len());
        pieces.push(rest.split_to(length));
    }
    pieces
}

struct Lengths {
    random: Random,
    most: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_body() {
        let body = Bytes::from(vec![7; 5000]);
        for cuts in [Cuts::None, Cuts::Every, Cuts::random(1), Cuts::random(2), Cuts::random(3)] {
            let pieces = pieces(&body, cuts);
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            assert_eq!(pieces.concat(), body);
        }
        assert_eq!(pieces(&body, Cuts::Every).len(), 5000);
        assert_eq!(pieces(&body, Cuts::random(9)), pieces(&body, Cuts::random(9)));
    }
}
