//! A small world of prompts with known answers: classes are directions, prompts lie around them, some classes are close.

use crate::semantic::decision::{
    ClusterId, DecisionEngine, KeyAdmission, KeyId, Label, LabelSource, NEIGHBOURS, Neighbour, Policy, Request,
    Settings, Verdict,
};

const DIMENSIONS: usize = 12;
const CLASSES: usize = 40;

/// In which order classes come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// Any class at any time.
    Random,
    /// Ten classes at a time, then ten others.
    Bursts,
    /// One class after the other, each twin right behind the class that it is confused with.
    Sorted,
}

/// Wrong hits and hits of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) requests: usize,
    pub(super) hits: usize,
    pub(super) wrong: usize,
    pub(super) shadowed: usize,
    pub(super) first_hit: Option<usize>,
}

/// An engine with the cache around it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) engine: DecisionEngine,
    random: fastrand::Rng,
    centres: Vec<[f32; DIMENSIONS]>,
    keys: Vec<([f32; DIMENSIONS], ClusterId, KeyId)>,
    answers: Vec<usize>,
    noise: f64,
    asked: u64,
}

// === impl World ===

impl World {
    pub(super) fn new(max_error_rate: f64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut centres: Vec<[f32; DIMENSIONS]> = (0..CLASSES).map(|_| around(&mut random, &[0.0; 12], 1.0)).collect();
        // Every other class is a near twin of the one before: those are confused.
        for at in (1..CLASSES).step_by(2) {
            centres[at] = around(&mut random, &centres[at - 1], 0.18);
        }
        Self {
            engine: DecisionEngine::new(Settings::new(Policy::calibrated(max_error_rate)), seed),
            random,
            centres,
            keys: Vec::new(),
            answers: Vec::new(),
            noise: 0.0,
            asked: 0,
        }
    }

    pub(super) fn with_noise(mut self, noise: f64) -> Self {
        self.noise = noise;
        self
    }

    pub(super) fn run(&mut self, order: Order, requests: usize) -> Outcome {
        let mut outcome = Outcome { requests, ..Outcome::default() };
        for at in 0..requests {
            let class = match order {
                Order::Random => self.random.usize(..CLASSES),
                Order::Bursts => (at * 4 / requests * 10 + self.random.usize(..10)) % CLASSES,
                Order::Sorted => at * CLASSES / requests,
            };
            let (verdict, right) = self.ask(class);
            if let Verdict::Serve { shadow } = verdict {
                outcome.first_hit = outcome.first_hit.or(Some(at));
                outcome.hits += 1;
                outcome.wrong += usize::from(!right);
                outcome.shadowed += usize::from(shadow);
            }
        }
        outcome
    }

    /// Asks for something of a class; also whether the candidate was right.
    pub(super) fn ask(&mut self, class: usize) -> (Verdict, bool) {
        let vector = around(&mut self.random, &self.centres[class], 0.11);
        let near = self.near(&vector);
        let candidate = self.engine.rank(&near);
        let decision = self.engine.decide(&Request::default(), candidate);
        let class_of = |cluster: ClusterId| self.answers[usize::try_from(cluster.0).unwrap()];
        let right = candidate.is_some_and(|candidate| class_of(candidate.cluster) == class);
        if matches!(decision.verdict, Verdict::Serve { shadow: false }) {
            return (decision.verdict, right);
        }
        let known = near.iter().map(|near| near.cluster).find(|cluster| class_of(*cluster) == class);
        if let Some(judgement) = &decision.judgement {
            let flipped = self.random.f64() < self.noise;
            let source = if judgement.was_served() { LabelSource::Shadow } else { LabelSource::Miss };
            self.engine.learn(judgement, Label { agrees: right != flipped, actual: known, source });
        }
        self.store(vector, class, known, &near);
        (decision.verdict, right)
    }

    fn store(&mut self, vector: [f32; DIMENSIONS], class: usize, known: Option<ClusterId>, near: &[Neighbour]) {
        self.asked += 1;
        let key = KeyId(self.asked);
        let cluster = known.unwrap_or(ClusterId(self.answers.len() as u64));
        if known.is_none() {
            self.answers.push(class);
            self.engine.open_cluster(cluster, key);
        } else {
            let nearest = near.iter().filter(|near| near.cluster == cluster).map(|near| near.similarity);
            match self.engine.add_key(cluster, key, nearest.fold(-1.0, f32::max)) {
                KeyAdmission::Refused => return,
                KeyAdmission::Replaced(old) => self.keys.retain(|each| each.2 != old),
                KeyAdmission::Kept => {}
            }
        }
        self.keys.push((vector, cluster, key));
    }

    fn near(&self, vector: &[f32; DIMENSIONS]) -> Vec<Neighbour> {
        let similarity = |key: &[f32; DIMENSIONS]| key.iter().zip(vector).map(|(a, b)| a * b).sum();
        let of = |(key, cluster, id): &([f32; DIMENSIONS], ClusterId, KeyId)| Neighbour {
            cluster: *cluster,
            key: *id,
            similarity: similarity(key),
        };
        let mut near: Vec<Neighbour> = self.keys.iter().map(of).collect();
        near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        near.truncate(NEIGHBOURS);
        near
    }
}

// === impl Outcome ===

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
    pub(super) fn error_rate(&self) -> f64 {
        self.wrong as f64 / self.requests as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
    pub(super) fn coverage(&self) -> f64 {
        self.hits as f64 / self.requests as f64
    }
}

/// A vector of length one near another.
#[expect(clippy::cast_possible_truncation, reason = "vectors are of f32")]
fn around(random: &mut fastrand::Rng, centre: &[f32; DIMENSIONS], spread: f32) -> [f32; DIMENSIONS] {
    // Twelve uniform numbers add up to about a normal one.
    let mut normal = || (0..12).map(|_| random.f64()).sum::<f64>() as f32 - 6.0;
    let vector = centre.map(|at| at + spread * normal());
    let length = vector.iter().map(|at| at * at).sum::<f32>().sqrt();
    vector.map(|at| at / length)
}
