//! The governor: a ledger of what was probably served wrongly, and an alarm for when the model no longer fits.

use std::collections::VecDeque;

use super::snapshot::{Reader, SnapshotError, Writer};

/// The span of the ledger, in requests.
const LEDGER: usize = 5000;
/// A younger ledger counts as this long: one error in the first ten requests is no rate of 10%.
const YOUNG: usize = 1000;
/// From this share of the budget on, the bar is halved.
const TIGHTEN: f64 = 0.8;
/// What the belief that the model is right is worth, in expected errors. A span has a handful of labelled hits that are
/// wrong, so that their number alone would stop what is right as often as not.
const BELIEF: f64 = 8.0;

/// What the ledger allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ration {
    /// The whole bar.
    Full,
    /// Half the bar: four fifths of the budget are used up.
    Half,
    /// Nothing: the budget is used up.
    Nothing,
}

/// Estimated wrong hits of the latest requests: what the model expects, times how labelled hits compare with what it expected
/// of them.
///
/// Wrong labels among hits that were drawn are Poisson with a mean of `r` times the expected; with a Gamma prior of mean
/// one, `r` is estimated as `(BELIEF + wrong) / (BELIEF + expected)`. The unbiased estimate by inverse probabilities swings
/// by two thirds of the budget with a single label.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    /// Of each request the modelled probability that it was served wrongly; zero if it was not served.
    entries: VecDeque<f32>,
    sum: f64,
    /// Requests since the beginning.
    requests: u64,
    /// Labelled hits of the span.
    labels: VecDeque<Labelled>,
    expected: f64,
    wrong: u32,
    exhausted: bool,
}

/// A hit that was labelled.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Labelled {
    /// How many requests there had been.
    at: u64,
    expected: f32,
    wrong: bool,
}

/// Page's cumulative sum of log-likelihood ratios between "the odds of being wrong are so many times what the model says"
/// and "the model is right".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Drift {
    odds: f64,
    /// The alarm goes off by chance at most once in about e^this labels.
    alarm: f64,
    sum: f64,
}

// === impl Ledger ===

impl Ledger {
    /// Takes down a request with the probability that it was served wrongly; zero if it was not served.
    pub(super) fn note_request(&mut self, wrong: f64) {
        if self.entries.len() == LEDGER {
            self.sum -= self.entries.pop_front().map_or(0.0, f64::from);
        }
        let wrong = narrow(wrong);
        self.entries.push_back(wrong);
        // The sum is of what was stored, so that it comes out even when entries leave.
        self.sum += f64::from(wrong);
        self.requests += 1;
        let begin = self.requests.saturating_sub(LEDGER as u64);
        while let Some(old) = self.labels.front().copied().filter(|label| label.at <= begin) {
            self.labels.pop_front();
            self.expected -= f64::from(old.expected);
            self.wrong -= u32::from(old.wrong);
        }
    }

    /// Takes down what a labelled hit turned out to be, of which so much had been expected.
    pub(super) fn note_label(&mut self, expected: f64, wrong: bool) {
        let label = Labelled { at: self.requests, expected: narrow(expected), wrong };
        self.expected += f64::from(label.expected);
        self.wrong += u32::from(wrong);
        self.labels.push_back(label);
    }

    /// Estimated wrong hits over requests.
    pub(super) fn rate(&self) -> f64 {
        let requests = self.entries.len().max(YOUNG);
        let ratio = (BELIEF + f64::from(self.wrong)) / (BELIEF + self.expected.max(0.0));
        ratio * self.sum.max(0.0) / f64::from(u32::try_from(requests).unwrap_or(u32::MAX))
    }

    /// What may be served. Once the budget is used up nothing is, until it is at four fifths again.
    pub(super) fn ration(&mut self, budget: f64) -> Ration {
        let used = self.rate() / budget;
        self.exhausted = used >= 1.0 || (self.exhausted && used >= TIGHTEN);
        match () {
            () if self.exhausted => Ration::Nothing,
            () if used >= TIGHTEN => Ration::Half,
            () => Ration::Full,
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u64(self.exhausted.into());
        to.f64(self.sum);
        to.count(self.entries.len());
        self.entries.iter().for_each(|entry| to.f32(*entry));
        to.u64(self.requests);
        to.count(self.labels.len());
        for label in &self.labels {
            to.u64(label.at);
            to.f32(label.expected);
            to.u64(label.wrong.into());
        }
        to.f64(self.expected);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut read = Self { exhausted: from.u64()? != 0, sum: from.f64()?, ..Self::default() };
        let count = from.count()?;
        if count > LEDGER {
            return Err(SnapshotError::Malformed);
        }
        for _ in 0..count {
            read.entries.push_back(from.f32()?);
        }
        read.requests = from.u64()?;
        for _ in 0..from.count()? {
            let label = Labelled { at: from.u64()?, expected: from.f32()?, wrong: from.u64()? != 0 };
            read.wrong += u32::from(label.wrong);
            read.labels.push_back(label);
        }
        read.expected = from.f64()?;
        Ok(read)
    }
}

// === impl Drift ===

impl Drift {
    /// For all labels: threefold odds, by chance once in 22,000.
    pub(super) fn of_labels() -> Self {
        Self { odds: 3.0, alarm: 10.0, sum: 0.0 }
    }

    /// For labels of hits, which are few and should nearly all agree: tenfold odds, by chance once in 1,000.
    pub(super) fn of_hits() -> Self {
        Self { odds: 10.0, alarm: 7.0, sum: 0.0 }
    }

    /// Takes a label into account; true if the model no longer fits, and then begins anew.
    pub(super) fn note(&mut self, score: f64, wrong: bool) -> bool {
        let score = score.clamp(0.001, 0.999);
        let shifted = self.odds * score / (1.0 + (self.odds - 1.0) * score);
        let ratio = if wrong { shifted / score } else { (1.0 - shifted) / (1.0 - score) };
        self.sum = (self.sum + libm::log(ratio)).max(0.0);
        let alarm = self.sum > self.alarm;
        if alarm {
            self.sum = 0.0;
        }
        alarm
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.f64(self.sum);
    }

    pub(super) fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.sum = from.f64()?;
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an estimate needs no more than the digits of f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
