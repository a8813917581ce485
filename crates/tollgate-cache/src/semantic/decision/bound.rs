//! Where the bar is: the highest of 64 at which wrong hits stay within the budget, with confidence.
//!
//! At a bar `τ`, the rate of errors is the sum over requests with `p ≤ τ` of the true probability of being wrong. The
//! scores of all requests are known without any label, so the sum of the **model's** probabilities is exact; what labels
//! have to show is the ratio `r` between truth and model. For predictable `p` and labels `w`,
//! `exp(-θ Σw + r (1 - e^-θ) Σp)` is a supermartingale if the true probability is at least `r p`, because
//! `1 - x ≤ e^-x`. By Ville's inequality `r ≤ (ln(1/α) + θ Σw) / ((1 - e^-θ) Σp)` holds at all times together with
//! probability `1 - α`; a mixture over a few `θ` makes it tight for few labels and for many. Peeking is allowed.
//!
//! Which requests are labelled may depend on `p` and on the past (all misses, some hits), but not on `w` otherwise.
//! Hits are labelled so rarely that a bound from labels below the bar alone would take tens of thousands of requests.
//! The bound is therefore taken over a region four times as wide, in which misses are labelled for free, and the ratio
//! below the bar enters as an estimate, shrunk to one by ten expected errors; the greater of both counts. What that
//! assumes is that the model is not far more optimistic below the bar than right above it; the governor watches it.

use std::collections::VecDeque;

use super::snapshot::{Reader, SnapshotError, Writer};

/// Bars that are considered.
pub(super) const GRID: usize = 64;
const LOWEST: f64 = 0.0005;
const HIGHEST: f64 = 0.5;
/// The region of the bound reaches so many steps above the bar, a factor of four.
const REACH: usize = 13;
/// What the belief that the model is right is worth at first, in expected errors. Each alarm halves it.
const POOLED_PRIOR: f64 = 20.0;
const LEAST_PRIOR: f64 = 2.0;
/// What the local estimate's prior is worth, in expected errors.
const LOCAL_PRIOR: f64 = 10.0;
/// Over how many requests the traffic's share below a bar is taken.
const TRAFFIC: usize = 2000;
/// The bets, mixed evenly.
const BETS: [f64; 8] = [0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 3.2];
/// Newton's method is at home in so few steps.
const NEWTON: usize = 4;

/// Labels and traffic by score.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    /// By bar: labels that were wrong, and what the model expected, of all scores up to it.
    wrong: [f64; GRID],
    expected: [f64; GRID],
    /// What the belief that the model is right is worth.
    prior: f64,
    /// The latest scores; one for requests without a candidate.
    traffic: VecDeque<f32>,
}

/// What is known of a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    /// The rate of errors, as a share of all requests.
    pub(super) rate: f64,
    /// Its upper bound.
    pub(super) upper: f64,
}

// === impl Bound ===

impl Bound {
    pub(super) fn new() -> Self {
        Self { wrong: [0.0; GRID], expected: [0.0; GRID], prior: POOLED_PRIOR, traffic: VecDeque::new() }
    }

    pub(super) fn bar(step: usize) -> f64 {
        let share = wide(step.min(GRID - 1)) / wide(GRID - 1);
        LOWEST * libm::pow(HIGHEST / LOWEST, share)
    }

    pub(super) fn note_request(&mut self, score: f64) {
        if self.traffic.len() == TRAFFIC {
            self.traffic.pop_front();
        }
        #[expect(clippy::cast_possible_truncation, reason = "a probability needs no more than the digits of f32")]
        self.traffic.push_back(score as f32);
    }

    pub(super) fn note_label(&mut self, score: f64, wrong: bool) {
        for step in Self::step_of(score)..GRID {
            self.wrong[step] += f64::from(u8::from(wrong));
            self.expected[step] += score;
        }
    }

    /// Forgets all labels, because they were of another world, and trusts the model less.
    pub(super) fn restart(&mut self) {
        self.wrong = [0.0; GRID];
        self.expected = [0.0; GRID];
        self.prior = (self.prior / 2.0).max(LEAST_PRIOR);
    }

    /// The highest bar whose upper bound is within the budget.
    pub(super) fn highest(&self, budget: f64, alpha: f64) -> Option<usize> {
        let shares = self.shares();
        (0..GRID).rev().find(|step| shares[*step] * self.ratio_upper(*step, alpha) <= budget)
    }

    pub(super) fn estimate(&self, step: usize, alpha: f64) -> Estimate {
        let share = self.shares()[step];
        Estimate { rate: share * self.ratio(step), upper: share * self.ratio_upper(step, alpha) }
    }

    /// True over modelled probability below a bar, as the labels below it say.
    fn ratio(&self, step: usize) -> f64 {
        (self.wrong[step] + LOCAL_PRIOR) / (self.expected[step] + LOCAL_PRIOR)
    }

    fn ratio_upper(&self, step: usize, alpha: f64) -> f64 {
        let reach = (step + REACH).min(GRID - 1);
        upper(self.wrong[reach] + self.prior, self.expected[reach] + self.prior, alpha).max(self.ratio(step))
    }

    /// By bar: what the model expects to be wrong below it, as a share of all requests.
    fn shares(&self) -> [f64; GRID] {
        let mut sums = [0.0; GRID];
        for score in self.traffic.iter().map(|score| f64::from(*score)) {
            if let Some(sum) = sums.get_mut(Self::step_of(score)) {
                *sum += score;
            }
        }
        let requests = wide(self.traffic.len()).max(1.0);
        let mut total = 0.0;
        sums.map(|sum| {
            total += sum;
            total / requests
        })
    }

    /// The lowest bar that a score passes; [`GRID`] if it passes none.
    fn step_of(score: f64) -> usize {
        if score > HIGHEST || score.is_nan() {
            return GRID;
        }
        let place = libm::log(score.max(LOWEST) / LOWEST) / libm::log(HIGHEST / LOWEST) * wide(GRID - 1);
        // A score that equals a bar must not be put above it by rounding.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 63")]
        let step = (place - 1e-9).ceil().max(0.0) as usize;
        step
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.wrong.iter().chain(&self.expected).for_each(|sum| to.f64(*sum));
        to.f64(self.prior);
        to.count(self.traffic.len());
        self.traffic.iter().for_each(|score| to.f32(*score));
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut read = Self::new();
        for sum in read.wrong.iter_mut().chain(&mut read.expected) {
            *sum = from.f64()?;
        }
        read.prior = from.f64()?;
        let count = from.count()?;
        if count > TRAFFIC {
            return Err(SnapshotError::Malformed);
        }
        for _ in 0..count {
            read.traffic.push_back(from.f32()?);
        }
        Ok(read)
    }
}

/// The time-uniform upper bound on the ratio of true to modelled probability: the ratio at which the mean over the bets of
/// the supermartingale is `1 / α`. It is convex in the ratio, so Newton's method from above stays above.
pub(super) fn upper(wrong: f64, expected: f64, alpha: f64) -> f64 {
    let doubt = libm::log(wide(BETS.len()) / alpha.clamp(1e-6, 0.5));
    let slopes = BETS.map(|bet| (1.0 - libm::exp(-bet)) * expected);
    let single = BETS.iter().zip(slopes).map(|(bet, slope)| (doubt + bet * wrong) / slope);
    // No single bet allows more than the mixture does.
    let mut ratio = single.fold(f64::INFINITY, f64::min);
    for _ in 0..NEWTON {
        let powers = BETS.iter().zip(slopes).map(|(bet, slope)| ratio * slope - bet * wrong);
        let terms: Vec<f64> = powers.map(libm::exp).collect();
        let sum: f64 = terms.iter().sum();
        let slope: f64 = terms.iter().zip(slopes).map(|(term, slope)| term * slope).sum::<f64>() / sum;
        let step = (libm::log(sum) - doubt) / slope;
        if !step.is_finite() {
            break;
        }
        ratio -= step.max(0.0);
    }
    ratio
}

fn wide(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
