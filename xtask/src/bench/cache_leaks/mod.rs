//! `cargo xtask bench cache-leaks`: whether two requests that differ can ever meet in the cache.
//!
//! Random requests of every operation whose answers are kept are changed in one random place, and both are put to the
//! cache. A **leak** is two requests with one key that differ in what counts, by a second account of what counts
//! ([`oracle`]): among a request and its changes, and among all requests of the run. For keys of exact answers everything
//! counts but delivery; for namespaces of rephrased ones, everything but the last words of the user, of which still the
//! literals and the language do. Requests that say the same are put to it too, since keys that never meet would prove
//! nothing. What the cache remembers of requests that it has answered is searched for leaks in the same way ([`recall`]).

mod mutate;
mod oracle;
mod recall;
mod specimen;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use fastrand::Rng;
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::semantic::decision::{DecisionEngine, Policy, Settings as Decisions};
use tollgate_cache::semantic::text::Reading;
use tollgate_cache::semantic::{EmbedError, Embedder, SemanticCache};
use tollgate_cache::{AnswerCache, Plan, Scope, Settings};
use tollgate_core::{BoxFuture, CacheMode, Context, Identity, Operation, Request, Target};
use tollgate_protocols::doors::Doors;
use tollgate_protocols::openai::{HeadLimits, read_head};

use self::mutate::{delivered_otherwise, mutated};
use self::oracle::{Form, written};
use self::recall::Recalls;
use self::specimen::{QUESTIONS, Specimen};
use crate::Result;

/// How many requests to change.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Changes.
    #[arg(long, default_value_t = 100_000)]
    mutations: u64,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    mutations: u64,
    /// Changed requests that the cache would look for.
    keyed: u64,
    /// Those that it would look for among rephrased ones.
    prepared: u64,
    exact_leaks: u64,
    namespace_leaks: u64,
    /// Requests that say the same, and those of them that did not meet.
    same: u64,
    same_apart: u64,
    rephrased: u64,
    rephrased_apart: u64,
    /// Keys that requests of different operations have in common because they mean the same.
    shared_by_operations: u64,
    recalls: Recalls,
    examples: Vec<String>,
}

/// How often each request is changed.
const CHANGES: u64 = 10;
/// How many examples of leaks are shown.
const EXAMPLES: usize = 10;

/// Runs the search, and fails if there is a leak.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let tally = Search::new(args.seed)?.run(args.mutations);
    println!("{} changed requests, {} with a key, {} with a namespace", tally.mutations, tally.keyed, tally.prepared);
    println!("leaks: {} of keys, {} of namespaces", tally.exact_leaks, tally.namespace_leaks);
    println!("said otherwise: {}, apart: {}", tally.same, tally.same_apart);
    println!("rephrased: {}, apart: {}", tally.rephrased, tally.rephrased_apart);
    println!("keys shared between operations: {}", tally.shared_by_operations);
    let Recalls { remembered, forgotten, written_anew, probed, unchanged, leaks, recognized, misread } = tally.recalls;
    println!("remembered: {remembered}, forgotten: {forgotten}, written anew: {written_anew}");
    println!("recalled of {probed} changed requests: {unchanged} in which nothing was changed, {leaks} others");
    println!("recognized by their bodies: {recognized}, wrongly: {misread}");
    tally.examples.iter().for_each(|example| println!("\n{example}"));
    Ok(if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Search {
    rng: Rng,
    caches: [AnswerCache; 4],
    tally: Tally,
    /// Everything that was ever seen, by the start of a digest of what counts: a million whole requests would not fit.
    keys: HashMap<[u8; 32], (Operation, [u8; 16])>,
    namespaces: HashMap<(Operation, [u8; 32]), [u8; 16]>,
}

/// Where the cache looks for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    key: Option<[u8; 32]>,
    namespace: Option<[u8; 32]>,
}

// === impl Search ===

impl Search {
    fn new(seed: u64) -> Result<Self> {
        Ok(Self {
            rng: Rng::with_seed(seed),
            caches: [cache(Scope::Key), cache(Scope::Team), cache(Scope::Tenant), cache(Scope::Deployment)],
            tally: Tally::default(),
            keys: HashMap::new(),
            namespaces: HashMap::new(),
        })
    }

    fn run(mut self, mutations: u64) -> Tally {
        while self.tally.mutations < mutations {
            let base = Specimen::draw(&mut self.rng);
            let (at, form) = (self.look(&base), Form::of(&base));
            self.meet(&base, at, &form);
            self.say_the_same(&base, at, &form);
            let known = self.remember(&base);
            for _ in 0..CHANGES {
                let changed = mutated(&base, &mut self.rng);
                let (at, form) = (self.look(&changed), Form::of(&changed));
                self.tally.mutations += 1;
                self.tally.keyed += u64::from(at.key.is_some());
                self.tally.prepared += u64::from(at.namespace.is_some());
                self.meet(&changed, at, &form);
                known.iter().for_each(|known| self.probe(known, &changed));
            }
            known.iter().for_each(|known| self.forget(known));
        }
        self.tally
    }

    /// Where the cache looks for a request that was written down somehow.
    fn look(&mut self, specimen: &Specimen) -> Found {
        let text = written(specimen, &mut self.rng);
        let Some(request) = request(specimen, text) else { return Found::default() };
        let cache = &self.caches[specimen.scope];
        let Plan::Use(lookup) = cache.plan(&request) else { return Found::default() };
        let query = cache.query(&lookup, &request).and_then(std::result::Result::ok);
        Found { key: Some(*lookup.key.as_bytes()), namespace: query.map(|query| *query.namespace.as_bytes()) }
    }

    /// Compares a request with all that were looked for in the same place before.
    fn meet(&mut self, specimen: &Specimen, at: Found, form: &Form) {
        if let Some(key) = at.key {
            let digest = digest(&form.whole);
            let (operation, known) = *self.keys.entry(key).or_insert((specimen.operation, digest));
            // Requests of two protocols that mean the same do meet; what they have in common is not told in one form here.
            self.tally.shared_by_operations += u64::from(operation != specimen.operation);
            if operation == specimen.operation && known != digest {
                self.tally.exact_leaks += 1;
                self.show("shares its key with another", specimen, form);
            }
        }
        let Some(namespace) = at.namespace else { return };
        let reading = Reading::of(&form.last);
        let literals = (reading.signature.as_bytes(), reading.language.key());
        // A request of which the user's words are not the last has no business in a namespace, unless a member stands twice.
        let counts = match &form.around {
            Some(around) => format!("{around}|{literals:?}"),
            None if specimen.twice.is_some() => return,
            None => "nothing".to_owned(),
        };
        let digest = digest(&counts);
        let known = *self.namespaces.entry((specimen.operation, namespace)).or_insert(digest);
        if known != digest || form.around.is_none() {
            self.tally.namespace_leaks += 1;
            self.show("shares its namespace with another", specimen, form);
        }
    }

    /// What says the same must be found in the same place; otherwise a key of everything that is random would do as well.
    fn say_the_same(&mut self, base: &Specimen, at: Found, form: &Form) {
        if at.key.is_none() {
            return;
        }
        let otherwise = delivered_otherwise(base, &mut self.rng);
        self.tally.same += 1;
        if self.look(&otherwise) != at {
            self.tally.same_apart += 1;
            self.show("is apart from what says the same", &otherwise, form);
        }
        let Some(namespace) = at.namespace else { return };
        let Some([one, other]) = QUESTIONS.iter().find(|[one, _]| form.last.starts_with(one)) else { return };
        let text = form.last.replacen(one, other, 1);
        let Some(rephrased) = replaced(base, &form.last, &text) else { return };
        let (was, is) = (Reading::of(&form.last), Reading::of(&text));
        if (was.signature, was.language) != (is.signature, is.language) || !is.cacheability.is_cacheable() {
            return;
        }
        self.tally.rephrased += 1;
        if self.look(&rephrased).namespace != Some(namespace) {
            self.tally.rephrased_apart += 1;
            self.show("is apart from its rephrasing", &rephrased, form);
        }
    }

    fn show(&mut self, what: &str, specimen: &Specimen, form: &Form) {
        self.tally.example(|| format!("{what}: {}\n  {}", form.whole, specimen.body));
    }
}

impl Tally {
    fn is_clean(&self) -> bool {
        let recalls = self.recalls.leaks + self.recalls.forgotten + self.recalls.misread;
        self.exact_leaks + self.namespace_leaks + self.same_apart + self.rephrased_apart + recalls == 0
    }

    fn example(&mut self, of: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(of());
        }
    }
}

fn digest(text: &str) -> [u8; 16] {
    let [half @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    half
}

/// The same request with another text in the place of one that stands in it once.
fn replaced(base: &Specimen, text: &str, by: &str) -> Option<Specimen> {
    let mut places = Vec::new();
    mutate::places(&base.body, "", &mut places);
    let mut places = places.into_iter().filter(|place| base.body.pointer(place).is_some_and(|value| value == text));
    let place = places.next().filter(|_| places.next().is_none())?;
    let mut next = base.clone();
    *next.body.pointer_mut(&place)? = by.into();
    Some(next)
}

/// The request as a front door makes it of what a client sent; `None` for what it would refuse.
fn request(specimen: &Specimen, text: String) -> Option<Request> {
    let mut head = read_head(text.as_bytes(), HeadLimits::default()).ok()?;
    if specimen.operation == Operation::GenerateContent {
        head.stream = false;
    }
    let identity = specimen.key.as_deref().map_or_else(Identity::default, Identity::of_key);
    let context = Context::builder("r").identity(identity).build();
    let mut request = Request::new(specimen.operation, head, text.into(), context);
    for (name, value) in &specimen.headers {
        request.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
    }
    request.target = Some(Target::new(&*specimen.provider, &*specimen.model));
    Some(request)
}

fn cache(scope: Scope) -> AnswerCache {
    let mut settings = Settings::default();
    (settings.mode, settings.scope) = (CacheMode::Semantic, scope);
    // Else nothing would be remembered where answers are shared.
    settings.conceal = false;
    let engine = DecisionEngine::new(Decisions::new(Policy::default()), 1);
    let index = Arc::new(MemoryIndex::builder().build());
    let semantic = Arc::new(SemanticCache::new(Arc::new(Nowhere), index, engine, true));
    AnswerCache::builder(settings, Arc::new(Doors)).semantic(semantic).build()
}

/// Keys are made of an embedder's name alone.
struct Nowhere;

impl Embedder for Nowhere {
    fn id(&self) -> &str {
        "nowhere"
    }

    fn embed<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::result::Result<Vec<f32>, EmbedError>> {
        Box::pin(std::future::ready(Err(EmbedError::new("there are no vectors here"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_differ_never_meet() {
        let tally = Search::new(7).unwrap().run(20_000);
        assert!(tally.is_clean(), "{tally:#?}");
        // Most of them must have been put to the test, or nothing was shown.
        assert!(tally.keyed > 10_000 && tally.prepared > 4_000, "{tally:?}");
        assert!(tally.recalls.recognized > 1_000, "{tally:?}");
        assert!(tally.recalls.remembered > 1_000 && tally.recalls.probed > 20_000, "{tally:?}");
        assert!(tally.same > 1_000 && tally.rephrased > 300 && tally.shared_by_operations > 0, "{tally:?}");
    }
}
