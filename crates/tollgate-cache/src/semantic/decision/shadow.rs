//! Which hits are asked upstream as well.

use super::snapshot::{Reader, SnapshotError, Writer};

/// A labelled hit is never rarer than one in 200, so that its weight stays bounded.
const LEAST: f64 = 0.005;
const MOST: f64 = 0.5;
/// A cluster that was served less often is young, and labelled twice as often.
const YOUNG: u64 = 3;
/// How fast the averages forget, per hit or request.
const FADE: f64 = 1.0 / 500.0;

/// Draws hits in proportion to their risk, within limits on their average.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sampler {
    state: u64,
    /// The mean score of hits.
    risk: f64,
    /// The share of requests that are hits.
    hits: f64,
}

// === impl Sampler ===

impl Sampler {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed, risk: 0.005, hits: 0.5 }
    }

    pub(super) fn note_request(&mut self, hit: bool) {
        self.hits += FADE * (f64::from(u8::from(hit)) - self.hits);
    }

    /// The probability with which a hit is labelled. Errors are found best for the same cost if it is proportional to
    /// the probability of one.
    pub(super) fn probability(&mut self, score: f64, serves: u64, of_hits: f64, of_requests: f64) -> f64 {
        let mean = of_hits.min(of_requests / self.hits.max(0.01));
        let youth = if serves < YOUNG { 2.0 } else { 1.0 };
        let probability = mean * youth * score / self.risk.max(1e-6);
        self.risk += FADE * (score - self.risk);
        if mean <= 0.0 { 0.0 } else { probability.clamp(LEAST.min(mean), MOST) }
    }

    pub(super) fn draw(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): one word of state, which a snapshot can hold.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        let high = u32::try_from(word >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u64(self.state);
        to.f64(self.risk);
        to.f64(self.hits);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Self { state: from.u64()?, risk: from.f64()?, hits: from.f64()? })
    }
}
