//! The probability of being wrong: a logistic model of the evidence, fitted to the latest labels and held near a prior.

use std::collections::VecDeque;

use super::evidence::{EVIDENCE, Evidence};
use super::prior;
use super::snapshot::{Reader, SnapshotError, Writer};

/// How many labels are remembered. Older ones say little, because the memory that they were judged by has grown since.
const LABELS: usize = 3000;
/// The weight of the prior, in labels.
const SHRINKAGE: f64 = 4.0;
/// Newton's method converges in as few from the weights before.
const STEPS: usize = 5;
/// The fewest labels between two fits; later it is a twentieth of what is remembered.
const EVERY: usize = 25;

/// Where the tail begins, as a logit: a probability of 0.27.
const TAIL: f64 = -1.0;
/// The weight of leaving the tail as it is, in labels.
const TAIL_SHRINKAGE: f64 = 2.0;

type Vector = [f64; EVIDENCE];
type Matrix = [Vector; EVIDENCE];

/// A model and the labels it is fitted to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Calibrator {
    weights: Vector,
    tail: Tail,
    labels: VecDeque<Example>,
    fresh: usize,
}

/// A second look at scores that are low enough to be served: logits are stretched as the labels among them say. The
/// model is fitted to all labels, of which most are far from the bar, and a straight line through those is too high
/// where it matters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tail {
    offset: f64,
    slope: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Example {
    evidence: Evidence,
    wrong: bool,
    weight: f32,
}

// === impl Calibrator ===

impl Calibrator {
    pub(super) fn new() -> Self {
        Self { weights: prior::WEIGHTS, tail: Tail { offset: 0.0, slope: 1.0 }, labels: VecDeque::new(), fresh: 0 }
    }

    /// The probability that serving would be wrong.
    pub(super) fn p_wrong(&self, evidence: &Evidence) -> f64 {
        self.tail.apply(dot(&self.weights, &wide(evidence)))
    }

    /// Learns that serving on this evidence was wrong, or would have been. A label that stands for several requests,
    /// because only some of them were labelled, has their number as its weight.
    pub(super) fn learn(&mut self, evidence: Evidence, wrong: bool, weight: f32) {
        if self.labels.len() == LABELS {
            self.labels.pop_front();
        }
        self.labels.push_back(Example { evidence, wrong, weight });
        self.fresh += 1;
        if self.fresh >= EVERY.max(self.labels.len() / 20) {
            self.fresh = 0;
            self.fit();
        }
    }

    /// Forgets the older half: the world has changed.
    pub(super) fn forget_half(&mut self) {
        self.labels.drain(..self.labels.len() / 2);
        self.fit();
    }

    /// The posterior mode, by Newton's method. Keeps the weights that it has if the arithmetic breaks down.
    fn fit(&mut self) {
        let mut weights = self.weights;
        for _ in 0..STEPS {
            let (mut gradient, mut hessian) = prior_terms(&weights);
            for example in &self.labels {
                accumulate(&weights, example, &mut gradient, &mut hessian);
            }
            let Some(step) = solve(&mut hessian, &gradient) else { return };
            weights.iter_mut().zip(step).for_each(|(weight, step)| *weight -= step.clamp(-2.0, 2.0));
        }
        if weights.iter().all(|weight| weight.is_finite()) {
            self.weights = weights;
            let low = self.labels.iter().map(|label| (dot(&weights, &wide(&label.evidence)), label.wrong));
            self.tail = Tail::fit(&low.filter(|(logit, _)| *logit < TAIL).collect::<Vec<_>>());
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.weights.iter().for_each(|weight| to.f64(*weight));
        to.f64(self.tail.offset);
        to.f64(self.tail.slope);
        to.count(self.fresh);
        to.count(self.labels.len());
        for example in &self.labels {
            example.evidence.0.iter().for_each(|value| to.f32(*value));
            to.f32(example.weight);
            to.u64(example.wrong.into());
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut read = Self::new();
        for weight in &mut read.weights {
            *weight = from.f64()?;
        }
        read.tail = Tail { offset: from.f64()?, slope: from.f64()? };
        read.fresh = from.narrow()?;
        let count = from.count()?;
        if count > LABELS {
            return Err(SnapshotError::Malformed);
        }
        for _ in 0..count {
            let mut evidence = Evidence([0.0; EVIDENCE]);
            for value in &mut evidence.0 {
                *value = from.f32()?;
            }
            let weight = from.f32()?;
            read.labels.push_back(Example { evidence, weight, wrong: from.u64()? != 0 });
        }
        Ok(read)
    }
}

// === impl Tail ===

impl Tail {
    fn apply(self, logit: f64) -> f64 {
        if logit >= TAIL {
            return sigmoid(logit);
        }
        // Joined to the model at the end of the tail, so that a higher logit is never a lower probability.
        sigmoid((self.offset + self.slope * (logit - TAIL)).min(0.0) + TAIL)
    }

    fn fit(low: &[(f64, bool)]) -> Self {
        let (mut offset, mut slope) = (0.0, 1.0);
        for _ in 0..STEPS {
            let (mut g0, mut g1) = (TAIL_SHRINKAGE * offset, TAIL_SHRINKAGE * (slope - 1.0));
            let (mut h00, mut h01, mut h11) = (TAIL_SHRINKAGE, 0.0, TAIL_SHRINKAGE);
            for (logit, wrong) in low {
                let x = logit - TAIL;
                let p = sigmoid(offset + slope * x + TAIL);
                let error = p - f64::from(u8::from(*wrong));
                let curvature = p * (1.0 - p);
                g0 += error;
                g1 += error * x;
                h00 += curvature;
                h01 += curvature * x;
                h11 += curvature * x * x;
            }
            let determinant = h00 * h11 - h01 * h01;
            offset -= ((h11 * g0 - h01 * g1) / determinant).clamp(-1.0, 1.0);
            slope -= ((h00 * g1 - h01 * g0) / determinant).clamp(-0.5, 0.5);
            slope = slope.clamp(0.5, 2.0);
        }
        Self { offset, slope }
    }
}

fn prior_terms(weights: &Vector) -> (Vector, Matrix) {
    let (mut gradient, mut hessian) = ([0.0; EVIDENCE], [[0.0; EVIDENCE]; EVIDENCE]);
    for i in 0..EVIDENCE {
        // The constant moves freely: how often candidates are right at all differs most between workloads.
        let shrinkage = if i == 0 { SHRINKAGE / 8.0 } else { SHRINKAGE };
        gradient[i] = shrinkage * (weights[i] - prior::WEIGHTS[i]);
        hessian[i][i] = shrinkage;
    }
    (gradient, hessian)
}

fn accumulate(weights: &Vector, example: &Example, gradient: &mut Vector, hessian: &mut Matrix) {
    let x = wide(&example.evidence);
    let p = sigmoid(dot(weights, &x));
    let weight = f64::from(example.weight);
    let error = weight * (p - f64::from(u8::from(example.wrong)));
    let curvature = weight * p * (1.0 - p);
    for i in 0..EVIDENCE {
        gradient[i] += error * x[i];
        for j in 0..=i {
            hessian[i][j] += curvature * x[i] * x[j];
        }
    }
}

/// Solves for a symmetric positive definite matrix, of which only the lower half is read, by Cholesky's method.
fn solve(matrix: &mut Matrix, right: &Vector) -> Option<Vector> {
    for i in 0..EVIDENCE {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - sum;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                matrix[i][i] = rest.sqrt();
            } else {
                matrix[i][j] = rest / matrix[j][j];
            }
        }
    }
    let mut x = *right;
    for i in 0..EVIDENCE {
        let sum: f64 = (0..i).map(|k| matrix[i][k] * x[k]).sum();
        x[i] = (x[i] - sum) / matrix[i][i];
    }
    for i in (0..EVIDENCE).rev() {
        let sum: f64 = (i + 1..EVIDENCE).map(|k| matrix[k][i] * x[k]).sum();
        x[i] = (x[i] - sum) / matrix[i][i];
    }
    Some(x)
}

fn wide(evidence: &Evidence) -> Vector {
    evidence.0.map(f64::from)
}

fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-logit))
}
