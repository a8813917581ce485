//! Answers of rephrased requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::semantic::decision::{Calibrated, DecisionEngine, Policy, Settings as Decisions};
use tollgate_cache::semantic::{EmbedError, Embedder, SemanticCache};
use tollgate_cache::{AnswerCache, Settings};
use tollgate_core::ir::{Answer, AnswerCodec, Canonical, Event, Naming, ReadAnswer, WriteAnswer};
use tollgate_core::{BoxFuture, CacheMode, CacheStatus, ErrorKind, Operation, Request};
use tollgate_protocols::doors::Doors;
use tower_service::Service;

use super::support::*;

/// Counts words, each in a place that its letters decide.
#[derive(Default)]
struct BagOfWords {
    /// How often a prompt was read: each time, the vector's maker is asked for its name.
    readings: AtomicUsize,
    /// Told when the first prompt is read, which then takes until something comes back.
    hold: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>,
}

/// Counts how often a request is decoded.
#[derive(Default)]
struct CountingDoors(AtomicUsize);

impl AnswerCodec for CountingDoors {
    fn canonical(&self, request: &Request) -> Option<Canonical> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Doors.canonical(request)
    }

    fn reader(&self, request: &Request, is_stream: bool) -> Box<dyn ReadAnswer> {
        Doors.reader(request, is_stream)
    }

    fn gather(&self, events: &[Event]) -> Answer {
        Doors.gather(events)
    }

    fn replay(&self, answer: &Answer) -> Vec<Event> {
        Doors.replay(answer)
    }

    fn write_whole(&self, request: &Request, answer: &Answer, naming: &Naming) -> Option<Bytes> {
        Doors.write_whole(request, answer, naming)
    }

    fn write_stream(&self, request: &Request, naming: &Naming) -> Option<(Box<dyn WriteAnswer>, &'static str)> {
        Doors.write_stream(request, naming)
    }
}

impl Embedder for BagOfWords {
    fn id(&self) -> &str {
        self.readings.fetch_add(1, Ordering::Relaxed);
        let hold = self.hold.lock().expect("no panic").take();
        if let Some((entered, go_on)) = hold {
            entered.send(()).expect("the test waits");
            go_on.recv().expect("the test lets it go on");
        }
        "bag-of-words"
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        let mut vector = vec![0.0; 256];
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let place = word.to_lowercase().bytes().fold(7_usize, |sum, byte| sum * 31 % 251 + usize::from(byte));
            vector[place % 256] += 1.0;
        }
        Box::pin(std::future::ready(Ok(vector)))
    }
}

const ASKED: &str = "How do I reset the password of the router?";
const REPHRASED: &str = "How can I reset the password of the router?";
const THINGS: [&str; 20] = [
    "roses", "bicycles", "violins", "goldfish", "carpets", "kettles", "tents", "boots", "clocks", "candles", "oaks",
    "sheep", "mirrors", "pianos", "kites", "vines", "saddles", "lamps", "ferns", "sledges",
];
const OTHER: &str = "What do whales eat in winter near Iceland?";
const ANSWER: &str = "Hold the small button on its back for ten seconds, then choose a new password in the browser.";

fn bench(policy: Policy) -> Bench {
    bench_of(policy, Arc::default(), Arc::default())
}

fn bench_of(policy: Policy, codec: Arc<CountingDoors>, embedder: Arc<BagOfWords>) -> Bench {
    let mut settings = Settings::default();
    settings.mode = CacheMode::Semantic;
    let engine = DecisionEngine::new(Decisions::new(policy), 1);
    let index = Arc::new(MemoryIndex::builder().build());
    let semantic = Arc::new(SemanticCache::new(embedder, index, engine, true));
    Bench::over(AnswerCache::builder(settings, codec).semantic(semantic).build())
}

/// A bench that has answered one question, and learned it.
async fn taught(policy: Policy) -> Bench {
    let mut bench = bench(policy);
    bench.ask_and_answer(&chat(ASKED), ANSWER).await;
    others().await;
    bench
}

fn with_tools(text: &str) -> Request {
    let tool = json!({ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } });
    let turns = json!([{ "role": "user", "content": text }]);
    request(Operation::ChatCompletions, &json!({ "model": "m", "messages": turns, "tools": [tool] }))
}

#[tokio::test(start_paused = true)]
async fn a_rephrased_request_is_answered_in_its_own_protocol() {
    let mut bench = taught(Policy::Threshold(0.8)).await;
    for request in [chat(REPHRASED), messages(REPHRASED, true)] {
        assert_eq!(bench.served(&request).await, ANSWER);
        let outcome = outcome(&request);
        assert_eq!((outcome.status, outcome.detail), (CacheStatus::Hit, Some("semantic")));
        assert_eq!(outcome.saved.and_then(|saved| saved.input), Some(7));
    }
    let other = chat(OTHER);
    assert_eq!(bench.ask_and_answer(&other, "Krill, mostly.").await, "Krill, mostly.");
    assert_eq!(status(&other), (CacheStatus::Miss, Some("no-candidate")));
}

#[tokio::test(start_paused = true)]
async fn what_a_rephrased_request_was_answered_is_not_kept_as_its_own() {
    let mut bench = taught(Policy::Threshold(0.8)).await;
    bench.served(&chat(REPHRASED)).await;
    others().await;
    let exact = directed(chat(REPHRASED), |directives| directives.mode = Some(CacheMode::Exact));
    assert_eq!(bench.ask_and_answer(&exact, "its own").await, "its own");
}

#[tokio::test(start_paused = true)]
async fn who_wants_only_what_is_stored_takes_that_of_a_rephrased_request() {
    let mut bench = taught(Policy::Threshold(0.8)).await;
    let only = |text: &str| directed(chat(text), |directives| directives.only_if_cached = true);
    assert_eq!(bench.served(&only(REPHRASED)).await, ANSWER);
    assert_eq!(failure(bench.ask(&only(OTHER))).await, ErrorKind::NotCached);
}

#[tokio::test(start_paused = true)]
async fn clients_may_only_be_stricter() {
    let mut bench = taught(Policy::Threshold(0.8)).await;
    let least = |least: f32| directed(chat(REPHRASED), |directives| directives.min_similarity = Some(least));
    assert_eq!(bench.served(&least(0.0)).await, ANSWER);
    let strict = least(0.999);
    assert_eq!(bench.ask_and_answer(&strict, "new").await, "new");
    assert_eq!(status(&strict), (CacheStatus::Miss, Some("below-min-similarity")));
    let mut bench = taught(Policy::Threshold(0.99)).await;
    assert_eq!(bench.ask_and_answer(&least(0.01), "new").await, "new");
}

#[tokio::test(start_paused = true)]
async fn requests_with_tools_are_only_answered_exactly() {
    let mut bench = bench(Policy::Threshold(0.1));
    bench.ask_and_answer(&with_tools(ASKED), ANSWER).await;
    others().await;
    let rephrased = with_tools(REPHRASED);
    assert_eq!(bench.ask_and_answer(&rephrased, "new").await, "new");
    assert_eq!(status(&rephrased).0, CacheStatus::Miss);
    let same = with_tools(ASKED);
    assert_eq!(bench.served(&same).await, ANSWER);
    assert_eq!(status(&same), (CacheStatus::Hit, Some("exact")));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_decoded_and_its_prompt_read_once() {
    let (codec, embedder) = (Arc::<CountingDoors>::default(), Arc::<BagOfWords>::default());
    let mut bench = bench_of(Policy::Threshold(0.8), codec.clone(), embedder.clone());
    let counts = || (codec.0.swap(0, Ordering::Relaxed), embedder.readings.swap(0, Ordering::Relaxed));
    bench.ask_and_answer(&chat(ASKED), ANSWER).await;
    others().await;
    assert_eq!(counts(), (1, 1), "a miss");
    bench.served(&chat(REPHRASED)).await;
    assert_eq!(counts(), (1, 1), "one that was rephrased");
    bench.served(&chat(ASKED)).await;
    assert_eq!(counts(), (1, 0), "a hit");
    let asked = [bench.ask(&chat(OTHER)), bench.ask(&chat(OTHER))];
    bench.calls.next().await.fail(ErrorKind::UpstreamUnreachable);
    bench.calls.next().await.answer(whole("Krill, mostly."));
    for asked in asked {
        let _ = asked.await.expect("no panic");
    }
    assert_eq!(counts(), (2, 2), "the first one, and the other that asked again");
}

#[tokio::test]
async fn a_prompt_that_takes_long_to_read_holds_up_no_other() {
    let ((entered, has_entered), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
    let embedder = BagOfWords { hold: Mutex::new(Some((entered, may_go_on))), ..BagOfWords::default() };
    let mut bench = bench_of(Policy::Threshold(0.8), Arc::default(), Arc::new(embedder));
    let mut service = bench.service.clone();
    let slow = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async move { says(&body_of(service.call(chat(ASKED)).await.expect("an answer")).await) })
    });
    has_entered.recv().expect("it is being read");
    // On another thread too, so that a test of what holds it up fails and does not hang.
    let (mut service, (answered, is_answered)) = (bench.service.clone(), mpsc::channel());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let response = runtime.block_on(service.call(chat(OTHER)));
        answered.send(response.is_ok()).expect("the test waits");
    });
    let called = tokio::time::timeout(Duration::from_secs(20), bench.calls.next()).await;
    called.expect("the other prompt is not held up").answer(whole("Krill, mostly."));
    assert_eq!(is_answered.recv(), Ok(true));
    go_on.send(()).expect("it waits");
    bench.calls.next().await.answer(whole(ANSWER));
    assert_eq!(slow.join().expect("no panic"), ANSWER);
}

fn question(number: usize, way: usize) -> String {
    let thing = THINGS[number];
    match way {
        0 => format!("How should {thing} be stored over winter?"),
        1 => format!("How should {thing} be stored over the winter?"),
        2 => format!("Please explain how {thing} should be stored over winter."),
        3 => format!("How should the {thing} be stored over winter?"),
        _ => format!("Please, how should {thing} be stored over winter?"),
    }
}

#[tokio::test(start_paused = true)]
async fn some_hits_are_asked_upstream_as_well_and_learned_from() {
    let policy =
        Calibrated { max_error_rate: 0.2, shadow_of_hits: 1.0, shadow_of_requests: 1.0, ..Calibrated::default() };
    let mut bench = bench(Policy::Calibrated(policy));
    let labels = |bench: &Bench| {
        let stats = bench.cache.semantic().expect("it is semantic").stats();
        stats.workloads.iter().map(|workload| workload.hit_labels).sum::<u64>()
    };
    // Twenty questions in five ways each: of the first it learns, at some later one it serves.
    for (number, way) in (0..100).map(|number| (number % 20, number / 20)) {
        let request = chat(&question(number, way));
        let thing = THINGS[number];
        // Words that no other answer has, because answers are compared by their words.
        let answer = ["dry", "dark", "clean", "high", "covered", "aired"]
            .map(|how| format!("{thing}-{how}"))
            .join(" ")
            .replace('-', "");
        let asked = bench.ask(&request);
        others().await;
        let before = labels(&bench);
        let Some(call) = bench.calls.waiting() else {
            assert_eq!(text_of(asked).await, answer);
            continue;
        };
        let is_served = asked.is_finished();
        if is_served {
            assert_eq!(call.request.context.identity().key.as_deref(), Some("tollgate"));
            assert_eq!(status(&request), (CacheStatus::Hit, Some("semantic")));
        }
        call.answer(whole(&answer));
        assert_eq!(text_of(asked).await, answer);
        others().await;
        if is_served {
            assert_eq!(bench.background.0.load(Ordering::Relaxed), 1, "it goes through the layers for such calls");
            assert_eq!(labels(&bench), before + 1);
            assert_eq!(bench.served(&request).await, answer, "and is kept as its own");
            return;
        }
    }
    panic!("nothing was ever served: {:?}", bench.cache.semantic().map(|semantic| semantic.stats()));
}
