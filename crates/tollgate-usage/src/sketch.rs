//! The distribution of a time, in few bytes, such that distributions can be added up.

use std::time::Duration;

use serde::Serialize;

use crate::varint::{read_varint, write_varint};

/// A histogram whose buckets grow with their values: below 8 µs one for each microsecond, above that eight for each power
/// of two, so that a quantile is off by at most a sixteenth (6.25 %) of itself, and a mean by nothing that matters here.
/// Buckets are the same for all, so sketches are added without further error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Buckets that hold something, by their number, in order.
    buckets: Vec<(u16, u64)>,
}

/// Quantiles of a time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half of the times are at most this.
    pub p50_ms: f64,
    /// Nine of ten are at most this.
    pub p90_ms: f64,
    /// All but one in a hundred are at most this.
    pub p99_ms: f64,
}

/// Each power of two is divided into two to the power of this.
const SUB_BITS: u32 = 3;
const SUB: u64 = 1 << SUB_BITS;

impl Sketch {
    /// Adds a time.
    pub fn add(&mut self, time: Duration) {
        let bucket = bucket_of(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        self.put(bucket, 1);
    }

    /// Adds another sketch.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.buckets {
            self.put(bucket, count);
        }
    }

    /// The smallest time that at least a share of `quantile` of all does not exceed; `None` if there is none.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let all: u64 = self.count();
        // Counts beyond 2^53 lose their last digits here, which no quantile shows.
        #[expect(clippy::cast_possible_truncation, reason = "a share of a count is not larger than the count")]
        let rank = ((all as f64 * quantile).ceil() as u64).clamp(1, all.max(1));
        let mut seen = 0_u64;
        let bucket = self.buckets.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        bucket.map(|&(bucket, _)| Duration::from_micros(middle_of(bucket)))
    }

    /// The usual quantiles; `None` if there is no time.
    #[must_use]
    pub fn quantiles(&self) -> Option<Quantiles> {
        let millis = |quantile| self.quantile(quantile).map(|time| time.as_secs_f64() * 1e3);
        Some(Quantiles { p50_ms: millis(0.5)?, p90_ms: millis(0.9)?, p99_ms: millis(0.99)? })
    }

    /// How many times were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The sketch as bytes: for each bucket its distance from the one before, and its count.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.buckets.len() * 2);
        let mut before = 0;
        for &(bucket, count) in &self.buckets {
            write_varint(&mut out, u64::from(bucket - before));
            write_varint(&mut out, count);
            before = bucket;
        }
        out
    }

    /// The sketch of bytes; whatever is no sketch ends it.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Self {
        let mut sketch = Self::default();
        let mut bucket = 0_u64;
        while let (Some(step), Some(count)) = (read_varint(&mut bytes), read_varint(&mut bytes)) {
            bucket = bucket.saturating_add(step);
            let Ok(number @ 0..=LAST_BUCKET) = u16::try_from(bucket) else { break };
            sketch.put(number, count);
        }
        sketch
    }

    fn put(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }
}

/// The bucket of `u64::MAX`.
#[expect(clippy::cast_possible_truncation, reason = "some hundred")]
const LAST_BUCKET: u16 = (((63 - SUB_BITS) as u64 + 1) * SUB + SUB - 1) as u16;

fn bucket_of(value: u64) -> u16 {
    let number = if value < SUB {
        value
    } else {
        let power = value.ilog2();
        let shift = power - SUB_BITS;
        u64::from(shift + 1) * SUB + ((value >> shift) & (SUB - 1))
    };
    u16::try_from(number).unwrap_or(LAST_BUCKET)
}

/// What stands for the values of a bucket: its middle.
fn middle_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < SUB {
        return bucket;
    }
    let shift = bucket / SUB - 1;
    let lowest = (SUB + bucket % SUB) << shift;
    lowest + ((1 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_off_by_more_than_a_sixteenth() {
        for value in (0..64).flat_map(|power| (0..16).map(move |step| (1_u64 << power) / 16 * (16 + step))) {
            let middle = middle_of(bucket_of(value));
            assert!(middle.abs_diff(value) <= value / 16, "{value} became {middle}");
        }
        assert_eq!(bucket_of(u64::MAX), LAST_BUCKET);
        assert!((1..100_000).all(|value| bucket_of(value) - bucket_of(value - 1) <= 1), "no bucket is passed over");
    }

    #[test]
    fn quantiles_of_known_times() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.quantile(0.5), sketch.quantiles()), (None, None));
        (1..=1000).for_each(|millis| sketch.add(Duration::from_millis(millis)));
        for (quantile, expect) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (0.0, 1.0), (1.0, 1000.0)] {
            let seen = sketch.quantile(quantile).unwrap().as_secs_f64() * 1e3;
            assert!((seen - expect).abs() <= expect / 16.0, "{quantile}: {seen}");
        }
    }

    #[test]
    fn parts_make_the_whole() {
        let (mut odd, mut even, mut all) = (Sketch::default(), Sketch::default(), Sketch::default());
        for micros in 0..5000_u64 {
            let part = if micros % 2 == 0 { &mut even } else { &mut odd };
            part.add(Duration::from_micros(micros * micros));
            all.add(Duration::from_micros(micros * micros));
        }
        odd.merge(&even);
        assert_eq!(odd, all);
        assert_eq!(Sketch::from_bytes(&all.to_bytes()), all);
        assert!(all.to_bytes().len() < 500, "{}", all.to_bytes().len());
        assert_eq!(Sketch::from_bytes(&[0xff; 9]), Sketch::default());
    }
}
