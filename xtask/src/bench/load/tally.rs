//! What a phase of load has seen.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::connection::{Failure, Reply};

/// Latencies above this are recorded as this; every request has timed out long before.
const LONGEST_MICROS: u64 = 600_000_000;

/// Counts and latencies of one phase against one target.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Answers that were whole and right.
    pub(crate) requests: u64,
    /// Stream events in those answers.
    pub(crate) events: u64,
    /// Failures by kind.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    /// The first failure in words, to save a second run.
    pub(crate) first_error: Option<String>,
    /// From the intended start to the last byte.
    pub(crate) latency: Histogram<u64>,
    /// From the intended start to the first event.
    pub(crate) first_token: Histogram<u64>,
    /// Between two reads of one stream.
    pub(crate) gaps: Histogram<u64>,
    /// How late the generator itself was.
    pub(crate) lag: Histogram<u64>,
}

/// A distribution in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            requests: 0,
            events: 0,
            errors: BTreeMap::new(),
            first_error: None,
            latency: histogram(),
            first_token: histogram(),
            gaps: histogram(),
            lag: histogram(),
        }
    }

    /// Takes in a good answer.
    pub(super) fn reply(&mut self, reply: &Reply, latency: Duration, waited: Duration) {
        self.requests += 1;
        self.events += reply.events;
        record(&mut self.latency, latency);
        if let Some(first) = reply.first_token {
            record(&mut self.first_token, waited + first);
        }
    }

    /// Takes in a failure, whose latency would only flatter: a refusal is quick.
    pub(super) fn failure(&mut self, failure: &Failure) {
        *self.errors.entry(failure.kind()).or_default() += 1;
        self.first_error.get_or_insert_with(|| failure.to_string());
    }

    pub(super) fn gap(&mut self, gap: Duration) {
        record(&mut self.gaps, gap);
    }

    pub(super) fn lag(&mut self, lag: Duration) {
        record(&mut self.lag, lag);
    }
}

impl Quantiles {
    /// The distribution in a histogram, or nothing if nothing was recorded.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of minutes fit a float exactly")]
        let at = |quantile| histogram.value_at_quantile(quantile) as f64;
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let max = histogram.max() as f64;
        (!histogram.is_empty()).then(|| Self {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max,
            mean: histogram.mean(),
        })
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("the bounds are constants in order")
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST_MICROS));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_known_distribution() {
        let mut values = histogram();
        (1..=1000).for_each(|micros| record(&mut values, Duration::from_micros(micros)));
        let quantiles = Quantiles::of(&values).unwrap();
        assert!((quantiles.p50 - 500.0).abs() <= 1.0 && (quantiles.p99 - 990.0).abs() <= 1.0, "{quantiles:?}");
        assert!((quantiles.mean - 500.5).abs() <= 1.0 && (quantiles.max - 1000.0).abs() <= 1.0, "{quantiles:?}");
    }

    #[test]
    fn nothing_recorded_is_not_zero() {
        assert_eq!(Quantiles::of(&histogram()), None);
    }

    #[test]
    fn failures_leave_no_latency() {
        let mut tally = Tally::new();
        tally.failure(&Failure::Status(503));
        tally.failure(&Failure::Status(500));
        tally.failure(&Failure::Timeout);
        assert_eq!((tally.errors["status"], tally.errors["timeout"]), (2, 1));
        assert_eq!((tally.requests, tally.latency.len()), (0, 0));
        assert_eq!(tally.first_error.as_deref(), Some("status 503"));
    }
}
