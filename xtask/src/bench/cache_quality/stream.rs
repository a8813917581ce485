//! A stream of requests in random order into an empty cache, decided as the gateway decides.

use tollgate_cache::semantic::decision::{
    ClusterId, Decision, DecisionEngine, KeyAdmission, KeyId, Label, LabelSource, NEIGHBOURS, Neighbour, Request,
    Settings, TextEvidence, Verdict,
};

use super::texts::{Text, Texts};
use super::vectors::{Vectors, similarity};
use crate::Result;

/// Requests with what their answer is.
#[derive(Debug)]
pub(super) struct Corpus<'a> {
    vectors: Vec<&'a [f32]>,
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
    index: Index<'a>,
    /// The class of each cluster.
    answers: Vec<usize>,
    noise: f64,
    random: fastrand::Rng,
}

#[derive(Debug, Default)]
struct Index<'a> {
    keys: Vec<Entry<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    vector: &'a [f32],
    cluster: ClusterId,
    request: usize,
    namespace: u64,
}

/// The span over which a bound is checked, in requests.
const WINDOW: usize = 5000;

// === impl Corpus ===

impl<'a> Corpus<'a> {
    /// Requests and the names of their classes. With texts, their rules apply too.
    pub(super) fn of(rows: &'a [(String, String)], vectors: &'a Vectors, texts: Option<&'a Texts>) -> Result<Self> {
        let mut names: Vec<&str> = rows.iter().map(|(_, class)| &**class).collect();
        names.sort_unstable();
        names.dedup();
        let class = |name: &str| names.binary_search(&name).map_err(|_| "a class without a name");
        Ok(Self {
            vectors: rows.iter().map(|(text, _)| vectors.get(text)).collect::<Result<_>>()?,
            classes: rows.iter().map(|(_, name)| class(name)).collect::<std::result::Result<_, _>>()?,
            texts: texts.and_then(|texts| rows.iter().map(|(text, _)| texts.get(text)).collect()),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.classes.len()
    }

    fn namespace(&self, request: usize) -> u64 {
        self.texts.as_ref().map_or(0, |texts| texts[request].namespace)
    }

    fn compare(&self, stored: usize, asked: usize) -> Option<TextEvidence> {
        self.texts.as_ref().map(|texts| texts[stored].compare(texts[asked]))
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
        let near = self.index.search(self.corpus.vectors[request], self.corpus.namespace(request));
        let candidate = self.engine.rank(&near);
        let text = candidate.and_then(|candidate| self.corpus.compare(place(candidate.key.0), request));
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
        let entry = |cluster| Entry {
            vector: self.corpus.vectors[request],
            cluster,
            request,
            namespace: self.corpus.namespace(request),
        };
        let Some(cluster) = known else {
            let cluster = ClusterId(self.answers.len() as u64);
            self.answers.push(class);
            self.engine.open_cluster(cluster, key);
            self.index.keys.push(entry(cluster));
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
        self.index.keys.push(entry(cluster));
    }
}

// === impl Index ===

impl Index<'_> {
    fn search(&self, query: &[f32], namespace: u64) -> Vec<Neighbour> {
        let mut best: Vec<Neighbour> = Vec::with_capacity(NEIGHBOURS + 1);
        for entry in self.keys.iter().filter(|entry| entry.namespace == namespace) {
            let similarity = similarity(query, entry.vector);
            if best.len() < NEIGHBOURS || best.last().is_some_and(|last| similarity > last.similarity) {
                let place = best.partition_point(|each| each.similarity >= similarity);
                best.insert(place, Neighbour { cluster: entry.cluster, key: KeyId(entry.request as u64), similarity });
                best.truncate(NEIGHBOURS);
            }
        }
        best
    }

    fn remove(&mut self, key: KeyId) {
        if let Some(at) = self.keys.iter().position(|entry| entry.request as u64 == key.0) {
            self.keys.swap_remove(at);
        }
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
