//! One kind of traffic: its model, its bar and its budget.

use super::bound::{Bound, Estimate, GRID};
use super::calibrator::Calibrator;
use super::evidence::Evidence;
use super::governor::{Drift, Ledger, Ration};
use super::policy::Calibrated;
use super::shadow::Sampler;
use super::snapshot::{Reader, SnapshotError, Writer};
use super::verdict::{Judgement, LabelSource};

/// How many requests pass between two looks at where the bar may be.
const LOOK_EVERY: u64 = 20;
/// How many labels near the bar it takes to raise it by a step.
const LABELS_PER_STEP: u64 = 10;
/// Labels near the bar have scores up to so many times it.
const NEAR: f64 = 4.0;
/// Before there are labels, a warm start serves what is wrong with up to so many times the budget: of questions that
/// people ask, hardly one in six has a neighbour that passes. The ledger holds the sum within the budget.
const WARM: f64 = 6.0;
/// The alarm is off until the model has so many labels: before, it is the prior that does not fit.
const ALARM_FROM: u64 = 300;
/// A label of a hit weighs at most so much in the model, or a single one could bend it.
const WEIGHT: f64 = 8.0;

/// Everything that is learned of a workload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Workload {
    pub(super) calibrator: Calibrator,
    pub(super) bound: Bound,
    pub(super) ledger: Ledger,
    pub(super) sampler: Sampler,
    drift: Drift,
    shock: Drift,
    /// The step of the bar; none while nothing may be served.
    step: Option<usize>,
    near_labels: u64,
    /// Labels since the beginning, or since the last alarm.
    labels: u64,
    pub(super) counts: Counts,
}

/// Totals since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) hits: u64,
    pub(super) shadowed: u64,
    pub(super) miss_labels: u64,
    pub(super) hit_labels: u64,
    pub(super) false_hits: u64,
    pub(super) alarms: u64,
}

// === impl Workload ===

impl Workload {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            calibrator: Calibrator::new(),
            bound: Bound::new(),
            ledger: Ledger::default(),
            sampler: Sampler::new(seed),
            drift: Drift::of_labels(),
            shock: Drift::of_hits(),
            step: None,
            near_labels: 0,
            labels: 0,
            counts: Counts::default(),
        }
    }

    pub(super) fn p_wrong(&self, evidence: &Evidence) -> f64 {
        self.calibrator.p_wrong(evidence)
    }

    /// Whether there are enough labels to serve anything.
    pub(super) fn is_observing(&self, policy: &Calibrated) -> bool {
        self.labels < policy.floor()
    }

    /// What the modelled probability is compared with.
    pub(super) fn bar(&self) -> f64 {
        self.step.map_or(0.0, Bound::bar)
    }

    /// The same before there are labels.
    pub(super) fn warm_bar(policy: &Calibrated) -> f64 {
        (WARM * policy.budget()).min(0.25)
    }

    pub(super) fn ration(&mut self, policy: &Calibrated) -> Ration {
        self.ledger.ration(policy.budget())
    }

    pub(super) fn estimate(&self, policy: &Calibrated) -> Estimate {
        self.step.map_or_else(Estimate::default, |step| self.bound.estimate(step, policy.alpha))
    }

    /// Takes down a request that was decided.
    pub(super) fn note_request(&mut self, policy: &Calibrated, score: f64, served: bool, charged: f64, shadow: bool) {
        self.counts.requests += 1;
        self.counts.hits += u64::from(served);
        self.counts.shadowed += u64::from(shadow);
        self.bound.note_request(score);
        self.sampler.note_request(served);
        self.ledger.note_request(charged);
        if self.counts.requests.is_multiple_of(LOOK_EVERY) {
            self.look(policy);
        }
    }

    pub(super) fn learn(&mut self, judgement: &Judgement, wrong: bool, source: LabelSource) {
        match source {
            LabelSource::Miss => self.counts.miss_labels += 1,
            LabelSource::Shadow => {
                self.counts.hit_labels += 1;
                self.ledger.note_label(judgement.charged, wrong);
            }
            LabelSource::Feedback => {}
        }
        self.counts.false_hits += u64::from(wrong && judgement.served);
        if source == LabelSource::Feedback {
            return;
        }
        self.labels += 1;
        let near = NEAR * self.step.map_or(1.0, Bound::bar);
        self.near_labels += u64::from(judgement.score <= near);
        #[expect(clippy::cast_possible_truncation, reason = "between 1 and 8")]
        let weight = (1.0 / judgement.probability).clamp(1.0, WEIGHT) as f32;
        self.calibrator.learn(judgement.evidence, wrong, weight);
        self.bound.note_label(judgement.score, wrong);
        let drifts = self.drift.note(judgement.score, wrong) && self.counts.miss_labels >= ALARM_FROM;
        let shocks = source == LabelSource::Shadow && self.shock.note(judgement.score, wrong);
        if drifts || shocks {
            self.restart();
        }
    }

    /// The model no longer fits: observe again.
    fn restart(&mut self) {
        self.counts.alarms += 1;
        self.labels = 0;
        self.step = None;
        self.bound.restart();
        self.calibrator.forget_half();
    }

    /// Lowers the bar as far as the bound demands; raises it by one step for enough fresh labels near it, because a bar
    /// that runs ahead of its evidence has broken its bound before anything shows it.
    fn look(&mut self, policy: &Calibrated) {
        if self.labels < policy.floor().max(1) {
            return;
        }
        let highest = self.bound.highest(policy.budget(), policy.alpha);
        self.step = match (highest, self.step) {
            (Some(highest), Some(now)) if highest > now => {
                let steps = usize::try_from(self.near_labels / LABELS_PER_STEP).unwrap_or(GRID);
                let step = highest.min(now + steps);
                if step > now {
                    self.near_labels = 0;
                }
                Some(step)
            }
            (highest, _) => highest,
        };
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.calibrator.write(to);
        self.bound.write(to);
        self.ledger.write(to);
        self.sampler.write(to);
        self.drift.write(to);
        self.shock.write(to);
        to.count(self.step.map_or(GRID, |step| step));
        to.u64(self.near_labels);
        to.u64(self.labels);
        self.counts.fields().iter().for_each(|count| to.u64(*count));
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut read = Self::new(0);
        read.calibrator = Calibrator::read(from)?;
        read.bound = Bound::read(from)?;
        read.ledger = Ledger::read(from)?;
        read.sampler = Sampler::read(from)?;
        read.drift.read(from)?;
        read.shock.read(from)?;
        let step: usize = from.narrow()?;
        read.step = (step < GRID).then_some(step);
        read.near_labels = from.u64()?;
        read.labels = from.u64()?;
        let mut fields = [0; 7];
        for field in &mut fields {
            *field = from.u64()?;
        }
        read.counts = Counts::of(fields);
        Ok(read)
    }
}

// === impl Counts ===

impl Counts {
    fn fields(&self) -> [u64; 7] {
        let Self { requests, hits, shadowed, miss_labels, hit_labels, false_hits, alarms } = *self;
        [requests, hits, shadowed, miss_labels, hit_labels, false_hits, alarms]
    }

    fn of([requests, hits, shadowed, miss_labels, hit_labels, false_hits, alarms]: [u64; 7]) -> Self {
        Self { requests, hits, shadowed, miss_labels, hit_labels, false_hits, alarms }
    }
}
