//! A stream of requests in random order into an empty cache, decided as the gateway decides.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_cache::semantic::decision::{
    ClusterId, Decision, DecisionEngine, KeyAdmission, KeyId, Label, LabelSource, NEIGHBOURS, Neighbour, Request, Risk,
    Settings, TextEvidence, Verdict,
};

use super::nearest::Nearest;
use super::texts::{Text, Texts};
use super::vectors::{Vectors, similarity};
use crate::Result;

/// Requests with what their answer is.
#[derive(Clone, Debug)]
pub(super) struct Corpus<'a> {
    vectors: Vec<&'a [f32]>,
    nearest: Arc<Nearest>,
    classes: Vec<usize>,
    texts: Option<Vec<&'a Text>>,
}

/// What came of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) hit: bool,
    pub(super) wrong: bool,
    pub(super) shadow: bool,
}

/// What came of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) coverage: f64,
    pub(super) error_rate: f64,
    shadow: f64,
    windows: f64,
    worst: f64,
}

/// A cache in memory whose answers are classes.
#[derive(Debug)]
pub(super) struct Simulation<'a> {
    corpus: &'a Corpus<'a>,
    engine: DecisionEngine,
    index: Index,
    /// The class of each cluster.
    answers: Vec<usize>,
    noise: f64,
    random: fastrand::Rng,
}

/// What was stored for which requests.
#[derive(Debug, Default)]
struct Index {
    clusters: HashMap<usize, ClusterId>,
}

/// The span over which a bound is checked, in requests.
const WINDOW: usize = 5000;

// === impl Corpus ===

impl<'a> Corpus<'a> {
    /// Requests and the names of their classes.
    pub(super) fn of(rows: &'a [(String, String)], vectors: &'a Vectors) -> Result<Self> {
        let mut names: Vec<&str> = rows.iter().map(|(_, class)| &**class).collect();
        names.sort_unstable();
        names.dedup();
        let class = |name: &str| names.binary_search(&name).map_err(|_| "a class without a name");
        let vectors: Vec<&[f32]> = rows.iter().map(|(text, _)| vectors.get(text)).collect::<Result<_>>()?;
        Ok(Self {
            nearest: Arc::new(Nearest::of(&vectors)),
            vectors,
            classes: rows.iter().map(|(_, name)| class(name)).collect::<std::result::Result<_, _>>()?,
            texts: None,
        })
    }

    /// The same, to which the rules on texts apply too.
    pub(super) fn guarded(&self, rows: &[(String, String)], texts: &'a Texts) -> Self {
        Self { texts: rows.iter().map(|(text, _)| texts.get(text)).collect(), ..self.clone() }
    }

    pub(super) fn len(&self) -> usize {
        self.classes.len()
    }

    fn namespace(&self, request: usize) -> u64 {
        self.texts.as_ref().map_or(0, |texts| texts[request].namespace)
    }

    fn compare(&self, stored: &[KeyId], asked: usize) -> Option<TextEvidence> {
        let texts = self.texts.as_ref()?;
        let analysis = |request: usize| &texts[request].analysis;
        let comparisons = stored.iter().map(|key| analysis(place(key.0)).compare(analysis(asked)));
        Risk::mildest(comparisons).map(|comparison| TextEvidence::of(&comparison, false))
    }
}

// === impl Simulation ===

impl<'a> Simulation<'a> {
    pub(super) fn new(corpus: &'a Corpus<'a>, settings: Settings, seed: u64) -> Self {
        Self {
            corpus,
            engine: DecisionEngine::new(settings, seed),
            index: Index::default(),
            answers: Vec::new(),
            noise: 0.0,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Turns this share of labels round.
    pub(super) fn with_noise(mut self, noise: f64) -> Self {
        self.noise = noise;
        self
    }

    pub(super) fn run(mut self, order: &[usize]) -> Vec<Outcome> {
        order.iter().map(|request| self.ask(*request).0).collect()
    }

    /// One request: what came of it, and how it was decided.
    pub(super) fn ask(&mut self, request: usize) -> (Outcome, Decision, bool) {
        let class = self.corpus.classes[request];
        let near = self.index.search(self.corpus, request);
        let candidate = self.engine.rank(&near);
        let text = candidate.and_then(|candidate| {
            let witnesses = self.engine.witnesses(&candidate, &near);
            self.corpus.compare(&witnesses, request)
        });
        let decision = self.engine.decide(&Request { text, ..Request::default() }, candidate);
        let right = candidate.is_some_and(|candidate| self.answers[place(candidate.cluster.0)] == class);
        let (hit, shadow) = match decision.verdict {
            Verdict::Serve { shadow } => (true, shadow),
            Verdict::Miss(_) => (false, false),
        };
        if !hit || shadow {
            self.answered(request, class, right, hit, &near, &decision);
        }
        (Outcome { hit, wrong: hit && !right, shadow }, decision, right)
    }

    /// The fresh answer is there: it is compared with those of the neighbours, nearest first, and stored.
    fn answered(
        &mut self,
        request: usize,
        class: usize,
        right: bool,
        hit: bool,
        near: &[Neighbour],
        decision: &Decision,
    ) {
        let clusters = near.iter().map(|near| self.engine.resolve(near.cluster));
        let same: Vec<ClusterId> = clusters.filter(|cluster| self.answers[place(cluster.0)] == class).collect();
        let known = same.first().copied();
        if let Some(judgement) = &decision.judgement {
            let flipped = self.noise > 0.0 && self.random.f64() < self.noise;
            let source = if hit { LabelSource::Shadow } else { LabelSource::Miss };
            self.engine.learn(judgement, Label { agrees: right != flipped, actual: known, source });
        }
        let key = KeyId(request as u64);
        let Some(cluster) = known else {
            let cluster = ClusterId(self.answers.len() as u64);
            self.answers.push(class);
            self.engine.open_cluster(cluster, key);
            self.index.insert(request, cluster);
            return;
        };
        // Clusters that turn out to have one answer become one.
        for other in same.iter().filter(|other| **other != cluster) {
            self.engine.merge_clusters(*other, cluster).into_iter().for_each(|key| self.index.remove(key));
        }
        let of_cluster = near.iter().filter(|near| self.engine.resolve(near.cluster) == cluster);
        let nearest = of_cluster.map(|near| near.similarity).fold(-1.0, f32::max);
        match self.engine.add_key(cluster, key, nearest) {
            KeyAdmission::Refused => return,
            KeyAdmission::Replaced(old) => self.index.remove(old),
            KeyAdmission::Kept => {}
        }
        self.index.insert(request, cluster);
    }
}

// === impl Index ===

impl Index {
    fn insert(&mut self, request: usize, cluster: ClusterId) {
        self.clusters.insert(request, cluster);
    }

    fn search(&self, corpus: &Corpus<'_>, request: usize) -> Vec<Neighbour> {
        let namespace = corpus.namespace(request);
        let neighbour = |other: usize, similarity: f32| {
            let cluster = *self.clusters.get(&other).filter(|_| corpus.namespace(other) == namespace)?;
            Some(Neighbour { cluster, key: KeyId(other as u64), similarity })
        };
        let listed = corpus.nearest.to(request).iter().filter_map(|(other, similarity)| neighbour(*other, *similarity));
        let found: Vec<Neighbour> = listed.take(NEIGHBOURS).collect();
        if found.len() == NEIGHBOURS {
            return found;
        }
        let vector = corpus.vectors[request];
        let of = |other: &usize| neighbour(*other, similarity(vector, corpus.vectors[*other]));
        let mut all: Vec<Neighbour> =
            self.clusters.keys().filter(|other| corpus.namespace(**other) == namespace).filter_map(of).collect();
        all.sort_by(|one, other| other.similarity.total_cmp(&one.similarity).then(one.key.cmp(&other.key)));
        all.truncate(NEIGHBOURS);
        all
    }

    fn remove(&mut self, key: KeyId) {
        self.clusters.remove(&place(key.0));
    }
}

// === impl Summary ===

impl Summary {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
    pub(super) fn of(outcomes: &[Outcome], bound: f64) -> Self {
        let share = |what: fn(&Outcome) -> bool, of: &[Outcome]| {
            of.iter().filter(|outcome| what(outcome)).count() as f64 / of.len().max(1) as f64
        };
        let mut wrong: usize = outcomes.iter().take(WINDOW).filter(|outcome| outcome.wrong).count();
        let mut rates = vec![wrong as f64 / WINDOW.min(outcomes.len().max(1)) as f64];
        for (left, entered) in outcomes.iter().zip(outcomes.iter().skip(WINDOW)) {
            wrong = wrong + usize::from(entered.wrong) - usize::from(left.wrong);
            rates.push(wrong as f64 / WINDOW as f64);
        }
        Self {
            coverage: share(|outcome| outcome.hit, outcomes),
            error_rate: share(|outcome| outcome.wrong, outcomes),
            shadow: share(|outcome| outcome.shadow, outcomes),
            windows: rates.iter().filter(|rate| **rate <= bound).count() as f64 / rates.len() as f64,
            worst: rates.iter().copied().fold(0.0, f64::max),
        }
    }

    /// The mean over runs; of the worst window, the worst.
    #[expect(clippy::cast_precision_loss, reason = "a handful of runs")]
    pub(super) fn mean(runs: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
        Self {
            coverage: mean(|run| run.coverage),
            error_rate: mean(|run| run.error_rate),
            shadow: mean(|run| run.shadow),
            windows: mean(|run| run.windows),
            worst: runs.iter().map(|run| run.worst).fold(0.0, f64::max),
        }
    }

    pub(super) fn print(&self, name: &str, has_bound: bool) {
        let false_hits = self.error_rate / self.coverage.max(f64::MIN_POSITIVE);
        let percent = |share: f64, digits: usize| format!("{:.digits$}%", 100.0 * share);
        println!(
            "{name:<34} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8}",
            percent(self.coverage, 1),
            percent(self.error_rate, 2),
            percent(false_hits, 2),
            percent(self.shadow, 2),
            if has_bound { percent(self.windows, 1) } else { "-".to_owned() },
            percent(self.worst, 2),
        );
    }
}

/// The numbers below `count` in an order that depends on the seed alone.
pub(super) fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut order);
    order
}

/// Ids in here are places in lists.
fn place(id: u64) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}
