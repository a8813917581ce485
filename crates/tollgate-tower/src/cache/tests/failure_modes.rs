//! What must never be answered with the answer to another request, even if vectors say that both mean the same.
//!
//! The numbers are those of `docs/cache-failure-modes.md`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::semantic::decision::{DecisionEngine, Policy, Settings as Decisions};
use tollgate_cache::semantic::{EmbedError, Embedder, SemanticCache};
use tollgate_cache::{AnswerCache, Scope, Settings};
use tollgate_core::{BoxFuture, CacheMode, CacheStatus, Context, ErrorKind, Identity, Operation, Request, Target};
use tollgate_protocols::doors::Doors;

use super::concealed::{PACE, slow_down};
use super::support::*;

/// Takes everything for the same, as somebody would have it who seeks texts that meet.
struct Blind(&'static str);

impl Embedder for Blind {
    fn id(&self) -> &str {
        self.0
    }

    fn embed<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(std::future::ready(Ok(vec![1.0; 8])))
    }
}

fn bench_with(index: &MemoryIndex, embedder: &'static str, change: impl FnOnce(&mut Settings)) -> Bench {
    let mut settings = Settings::default();
    settings.mode = CacheMode::Semantic;
    change(&mut settings);
    let engine = DecisionEngine::new(Decisions::new(Policy::Threshold(0.5)), 1);
    let semantic = SemanticCache::new(Arc::new(Blind(embedder)), Arc::new(index.clone()), engine, false);
    Bench::over(AnswerCache::builder(settings, Arc::new(Doors)).semantic(Arc::new(semantic)).build())
}

fn bench() -> Bench {
    bench_with(&MemoryIndex::builder().build(), "blind", |_| ())
}

const ANSWER: &str = "It depends on what you have, so look at the page with the settings first.";

/// Whether the second request is answered with what the first was.
async fn is_reused(bench: &mut Bench, stored: &Request, asked: Request) -> bool {
    bench.ask_and_answer(stored, ANSWER).await;
    others().await;
    let only = directed(asked, |directives| directives.only_if_cached = true);
    let answered = bench.ask(&only).await.expect("no panic");
    assert!(bench.calls.is_idle());
    match answered {
        Ok(_) => {
            assert_eq!(status(&only), (CacheStatus::Hit, Some("semantic")));
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotCached);
            false
        }
    }
}

/// The mode, what was stored, and what is asked then.
const TEXTS: &[(u8, &str, &str)] = &[
    (1, "Where is the parcel 48213 at the moment of writing?", "Where is the parcel 48231 at the moment of writing?"),
    (1, "How much is 17% of 2,400?", "How much is 71% of 2,400?"),
    (1, "What does error D-7781 mean?", "What does error D-7782 mean?"),
    (2, "What was the revenue in Q2 2024?", "What was the revenue in Q3 2024?"),
    (2, "What happened on 4 July 1999?", "What happened on 7 April 1999?"),
    (3, "Is this medicine safe with alcohol?", "Is this medicine not safe with alcohol?"),
    (3, "Which plants are edible?", "Which plants are inedible?"),
    (3, "Are fees waived for students?", "Are fees never waived for students?"),
    (4, "How do I turn on dark mode?", "How do I turn off dark mode?"),
    (4, "Should one buy Tesla shares?", "Should one sell Tesla shares?"),
    (5, "What is the capital of Austria?", "What is the capital of Australia?"),
    (5, "What are the signs of hypothyroidism?", "What are the signs of hyperthyroidism?"),
    (5, "What does the gold card cost?", "What does the platinum card cost?"),
    (6, "How long is the flight from Miami to Boston?", "How long is the flight from Boston to Miami?"),
    (6, "Did Google sue Apple?", "Did Apple sue Google?"),
    (7, "How far is the moon in km?", "How far is the moon in miles?"),
    (7, "How long does a chicken need at 180 C?", "How long does a chicken need at 180 F?"),
    (8, "What does `a - b` give?", "What does `b - a` give?"),
    (8, "What does `x > y` mean?", "What does `x >= y` mean?"),
    (8, "What is `Foo` in this crate?", "What is `foo` in this crate?"),
    (9, "How does a heat pump work?", "Comment fonctionne une pompe à chaleur ?"),
    (9, "How do I sort a list in Python?", "How do I sort a list in Rust?"),
    (10, "Explain entropy in one sentence.", "Explain entropy in one paragraph."),
    (10, "Which is the best phone?", "Which is the cheapest phone?"),
    (11, "Why does it do that?", "Why did it do that?"),
    (16, "Where is my order?", "Where's my order?"),
    (17, "What time is it now?", "What time is it right now?"),
    (18, "Tell me a joke.", "Tell me a joke!"),
    (19, "Send the email to Sam.", "Send the email to Sam!"),
    (23, "What do whales eat?", "How do I reset the password of the router?"),
    (23, "Which account takes donations?", "Which account takes my salary?"),
];

#[tokio::test(start_paused = true)]
async fn texts_that_only_look_alike_are_not_answered_alike() {
    let mut reused = Vec::new();
    for (mode, stored, asked) in TEXTS {
        if is_reused(&mut bench(), &chat(stored), chat(asked)).await {
            reused.push((mode, stored, asked));
        }
    }
    assert!(reused.is_empty(), "{reused:#?}");
}

#[tokio::test(start_paused = true)]
async fn texts_that_mean_the_same_are_answered_alike() {
    for (stored, asked) in [
        ("How do I reset my password?", "How can I reset my password?"),
        ("What is the capital of Austria?", "Please tell me, what is the capital of Austria?"),
        ("How far is the moon in km?", "How far is the moon in kilometres?"),
    ] {
        assert!(is_reused(&mut bench(), &chat(stored), chat(asked)).await, "{stored} {asked}");
    }
}

const QUESTION: &str = "How do I reset the password of the router?";
const REPHRASED: &str = "How can I reset the password of the router?";

/// A request whose last words are to be told apart from others by what stands around them.
fn around(question: &str, change: impl FnOnce(&mut Value)) -> Request {
    let turns = json!([
        { "role": "system", "content": "Refunds take 30 days." },
        { "role": "user", "content": "I have a router of Netflix." },
        { "role": "assistant", "content": "A fine one." },
        { "role": "user", "content": question },
    ]);
    let mut body = json!({ "model": "m", "max_tokens": 50, "messages": turns });
    change(&mut body);
    request(Operation::ChatCompletions, &body)
}

/// Calls of a tool, with an argument and a result.
fn with_call(question: &str, city: &str, result: &str) -> Request {
    around(question, |body| {
        let arguments = json!({ "city": city }).to_string();
        let call =
            json!({ "id": "call_1", "type": "function", "function": { "name": "look", "arguments": arguments } });
        let turns = body["messages"].as_array_mut().expect("turns");
        turns.insert(2, json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
        turns.insert(3, json!({ "role": "tool", "tool_call_id": "call_1", "content": result }));
    })
}

#[tokio::test(start_paused = true)]
async fn what_stands_around_the_words_must_be_equal() {
    assert!(is_reused(&mut bench(), &around(QUESTION, |_| ()), around(REPHRASED, |_| ())).await, "the control");
    let changes: [(u8, &str, Value); 13] = [
        (11, "/messages/1/content", json!("I have a router of a gym.")),
        (11, "/messages/2/content", json!("A bad one.")),
        (13, "/messages/0/content", json!("Refunds take 14 days.")),
        (13, "/messages/0/role", json!("developer")),
        (14, "/tool_choice", json!("none")),
        (14, "/n", json!(2)),
        (14, "/seed", json!(7)),
        (14, "/stop", json!(["."])),
        (14, "/response_format", json!({ "type": "json_object" })),
        (14, "/logit_bias", json!({ "50256": -100 })),
        (14, "/temperature", json!(0.7)),
        (14, "/max_tokens", json!(60)),
        (14, "/x_unknown", Value::Null),
    ];
    for (mode, place, value) in changes {
        let other = around(REPHRASED, |body| match body.pointer_mut(place) {
            Some(there) => *there = value,
            None => body[&place[1..]] = value,
        });
        assert!(!is_reused(&mut bench(), &around(QUESTION, |_| ()), other).await, "{mode}: {place}");
    }
    let stored = with_call(QUESTION, "Oslo", "-3");
    assert!(is_reused(&mut bench(), &stored, with_call(REPHRASED, "Oslo", "-3")).await, "the control");
    for (city, result) in [("Rome", "-3"), ("Oslo", "21")] {
        assert!(!is_reused(&mut bench(), &stored, with_call(REPHRASED, city, result)).await, "12: {city} {result}");
    }
}

fn by(key: &str, question: &str) -> Request {
    let mut request = chat(question);
    request.context = Context::builder("r").identity(Identity::of_key(key)).build();
    request.context.observe(|observed| observed.target.clone_from(&request.target));
    request
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_what_is_of_another_scope() {
    let tenants = ["acme/search/alice", "acme/search/bob", "acme/ads/carol", "globex/search/dave"];
    for (scope, shared) in [(Scope::Key, 0), (Scope::Team, 1), (Scope::Tenant, 2), (Scope::Deployment, 3)] {
        for (number, other) in tenants.iter().enumerate() {
            let open = |settings: &mut Settings| (settings.scope, settings.conceal) = (scope, false);
            let mut bench = bench_with(&MemoryIndex::builder().build(), "blind", open);
            let is_reused = is_reused(&mut bench, &by(tenants[0], QUESTION), by(other, REPHRASED)).await;
            assert_eq!(is_reused, number <= shared, "15: {scope:?} {other}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_rephrased_request_comes_over_time_too() {
    let team = |settings: &mut Settings| settings.scope = Scope::Team;
    let mut bench = bench_with(&MemoryIndex::builder().build(), "blind", team);
    bench.ask_and_answer(&by("acme/search/alice", QUESTION), ANSWER).await;
    others().await;
    slow_down(&bench, Some(PACE));
    let (asked, since) = (by("acme/search/bob", REPHRASED), Instant::now());
    assert_eq!(bench.served(&asked).await, ANSWER);
    assert_eq!(since.elapsed(), Duration::from_millis(PACE.last.into()), "25");
    assert_eq!(status(&asked), (CacheStatus::Hit, Some("semantic")));
}

#[tokio::test(start_paused = true)]
async fn another_model_has_answers_of_its_own_whether_it_answers_or_makes_the_vectors() {
    let index = MemoryIndex::builder().build();
    let mut first = bench_with(&index, "blind", |_| ());
    assert!(is_reused(&mut first, &chat(QUESTION), chat(REPHRASED)).await, "the control");
    let mut other = chat(REPHRASED);
    other.target = Some(Target::new("p", "m-2"));
    assert!(!is_reused(&mut bench(), &chat(QUESTION), other).await, "22");
    // The same vectors and the same answers, but it cannot be known that they still mean the same.
    let mut second = bench_with(&index, "blind-2", |_| ());
    first.cache.memory().visit(|key, entry, _| {
        second.cache.memory().keep(*key, entry.clone());
        true
    });
    let only = directed(chat(REPHRASED), |directives| directives.only_if_cached = true);
    assert_eq!(failure(second.ask(&only)).await, ErrorKind::NotCached, "30");
    assert!(second.calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn an_answer_lives_no_longer_than_its_question_lets_it() {
    const HOUR: u64 = 3600;
    for (text, seconds) in [
        ("What time is it now?", 60),
        ("What is the latest version of Java?", 6 * HOUR),
        ("who is the prime minister of canada", 7 * 24 * HOUR),
        ("who invented the telephone", 30 * 24 * HOUR),
    ] {
        let mut bench = Bench::exact(|settings| settings.ttl = Duration::from_secs(30 * 24 * HOUR));
        bench.ask_and_answer(&chat(text), ANSWER).await;
        let mut ttl = 0;
        bench.cache.memory().visit(|_, entry, _| {
            ttl = entry.ttl / 1000;
            true
        });
        assert_eq!(ttl, seconds, "17: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_were_chosen_by_chance_may_be_left_alone() {
    let mut bench = Bench::exact(|settings| settings.reuse_sampled = false);
    let with = |temperature: Option<f64>| {
        let turns = json!([{ "role": "user", "content": "Hi" }]);
        let mut body = json!({ "model": "m", "messages": turns });
        if let Some(temperature) = temperature {
            body["temperature"] = json!(temperature);
        }
        request(Operation::ChatCompletions, &body)
    };
    for temperature in [None, Some(0.7)] {
        let sampled = with(temperature);
        assert_eq!(bench.ask_and_answer(&sampled, "one").await, "one");
        assert_eq!(status(&sampled), (CacheStatus::Bypass, Some("sampled")), "18");
    }
    bench.ask_and_answer(&with(Some(0.0)), "two").await;
    assert_eq!(bench.served(&with(Some(0.0))).await, "two");
}

/// What is answered to a request that comes many times: all answers, of which the provider has given each once.
async fn answers_to(bench: &mut Bench, asked: impl Fn() -> Request) -> BTreeSet<String> {
    let mut answers = BTreeSet::new();
    for _ in 0..200 {
        let asked = bench.ask(&asked());
        others().await;
        if let Some(call) = bench.calls.waiting() {
            let answer = format!("The answer number {}.", answers.len());
            call.answer(whole(&answer));
            assert!(answers.insert(text_of(asked).await));
        } else {
            assert!(answers.contains(&text_of(asked).await));
        }
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn one_of_several_answers_is_drawn_where_the_provider_draws_too() {
    let at = |temperature: f64| {
        let turns = json!([{ "role": "user", "content": QUESTION }]);
        request(Operation::ChatCompletions, &json!({ "model": "m", "messages": turns, "temperature": temperature }))
    };
    for (variants, temperature, expected) in [(3, 0.7, 3), (10, 1.0, 10), (3, 0.0, 1), (1, 0.7, 1)] {
        let mut bench = Bench::exact(|settings| settings.variants = variants);
        let answers = answers_to(&mut bench, || at(temperature)).await;
        assert_eq!(answers.len(), expected, "18: {variants} {temperature}");
        let mut served = BTreeSet::new();
        for _ in 0..200 {
            served.insert(bench.served(&at(temperature)).await);
        }
        assert_eq!(served, answers, "18: each of them is served");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_of_which_one_is_drawn_are_reused_one_by_one() {
    let mut bench = bench_with(&MemoryIndex::builder().build(), "blind", |settings| settings.variants = 2);
    bench.ask_and_answer(&chat(QUESTION), ANSWER).await;
    others().await;
    let mut outcomes = BTreeSet::new();
    for _ in 0..100 {
        let only = directed(chat(REPHRASED), |directives| directives.only_if_cached = true);
        outcomes.insert(bench.ask(&only).await.expect("no panic").is_ok());
    }
    assert_eq!(outcomes.len(), 2, "18: the other one is yet to be asked for");
}

#[tokio::test(start_paused = true)]
async fn a_herd_makes_one_call() {
    let mut bench = Bench::exact(|_| ());
    let herd: Vec<Asked> = (0..1000).map(|_| bench.ask(&chat("Hi"))).collect();
    let call = bench.calls.next().await;
    while bench.cache.flights().seats() < 1000 {
        tokio::task::yield_now().await;
    }
    assert!(bench.calls.is_idle(), "31");
    call.answer(whole(ANSWER));
    for asked in herd {
        assert_eq!(text_of(asked).await, ANSWER);
    }
    assert!(bench.calls.is_idle(), "31");
}
