//! Stored answers of clients that share them, and must not tell what others have asked.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::Instant;
use tollgate_cache::{Pace, Scope, Settings};
use tollgate_core::{CacheStatus, Context, ErrorKind, Identity, Request};

use super::support::*;

pub(super) const PACE: Pace = Pace { first: 300, last: 1300, pieces: 4 };
const ANSWER: &str = "A gate at which whoever passes pays for the road.";

fn team(settings: &mut Settings) {
    settings.scope = Scope::Team;
}

fn by(key: &str, mut request: Request) -> Request {
    request.context = Context::builder("r").identity(Identity::of_key(key)).build();
    request.context.observe(|observed| observed.target.clone_from(&request.target));
    request
}

fn alice(request: Request) -> Request {
    by("acme/search/alice", request)
}

fn bob(request: Request) -> Request {
    by("acme/search/bob", request)
}

/// Lets everything that is stored have come at a pace.
pub(super) fn slow_down(bench: &Bench, pace: Option<Pace>) {
    let mut entries = Vec::new();
    bench.cache.memory().visit(|key, entry, _| {
        entries.push((*key, (**entry).clone()));
        true
    });
    assert!(!entries.is_empty());
    for (key, mut entry) in entries {
        entry.pace = pace;
        bench.cache.memory().keep(key, entry.into());
    }
}

/// A bench in which Alice has asked.
async fn asked_by_alice() -> Bench {
    let mut bench = Bench::exact(team);
    bench.ask_and_answer(&alice(chat("Hi")), ANSWER).await;
    slow_down(&bench, Some(PACE));
    bench
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_comes_as_late_as_the_first_time() {
    let mut bench = asked_by_alice().await;
    // More than twice, because what is remembered of requests would come at once.
    for _ in 0..4 {
        let (request, since) = (bob(chat("Hi")), Instant::now());
        assert_eq!(bench.served(&request).await, ANSWER);
        assert_eq!(since.elapsed(), Duration::from_millis(PACE.last.into()));
        assert_eq!(status(&request), (CacheStatus::Hit, Some("exact")), "for the records");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_comes_in_pieces_over_time() {
    let bench = asked_by_alice().await;
    for request in [bob(streamed("Hi")), bob(messages("Hi", true))] {
        let since = Instant::now();
        let mut body = answered(bench.ask(&request)).await.body;
        assert_eq!(since.elapsed(), Duration::from_millis(PACE.first.into()), "no sooner than its first piece");
        let (mut whole, mut times) = (String::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let piece = frame.expect("a piece").into_data().expect("data");
            times.push(since.elapsed());
            whole.push_str(std::str::from_utf8(&piece).expect("text"));
        }
        assert_eq!(says(&whole), ANSWER);
        assert!(times.is_sorted() && (3..=6).contains(&times.len()), "{times:?}");
        assert_eq!(
            (times.first(), times.last()),
            (Some(&Duration::from_millis(PACE.first.into())), Some(&Duration::from_millis(PACE.last.into())))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_without_a_pace_takes_its_time_too() {
    let mut bench = asked_by_alice().await;
    slow_down(&bench, None);
    let since = Instant::now();
    bench.served(&bob(chat("Hi"))).await;
    assert_eq!(since.elapsed(), Duration::from_millis(560), "for three tokens");
}

#[tokio::test(start_paused = true)]
async fn the_pace_of_a_new_answer_is_kept() {
    let mut bench = Bench::exact(team);
    let asked = bench.ask(&alice(streamed("Hi")));
    let feed = bench.calls.next().await.begin();
    for piece in ["A ", "gate ", "at a road."] {
        send(&feed, piece);
    }
    finish(&feed);
    drop(feed);
    assert_eq!(text_of(asked).await, "A gate at a road.");
    let mut pieces = None;
    bench.cache.memory().visit(|_, entry, _| {
        pieces = entry.pace.map(|pace| pace.pieces);
        true
    });
    assert_eq!(pieces, Some(3));
}

/// A whole answer without the names that everybody gets anew.
fn nameless(body: &str) -> Value {
    let mut answer: Value = serde_json::from_str(body).expect("JSON");
    let members = answer.as_object_mut().expect("an object");
    assert!(members.remove("id").is_some() && members.remove("created").is_some());
    answer
}

#[tokio::test(start_paused = true)]
async fn new_answers_look_like_stored_ones() {
    let mut bench = Bench::exact(team);
    let asked = bench.ask(&alice(chat("Hi")));
    let mut response = whole(ANSWER);
    // What a provider says of itself beside the answer.
    response.headers.insert("openai-processing-ms", "512".parse().expect("a value"));
    response.headers.insert("content-type", "application/json; charset=utf-8".parse().expect("a value"));
    bench.calls.next().await.answer(response);
    let new = answered(asked).await;
    let stored = answered(bench.ask(&bob(chat("Hi")))).await;
    assert_eq!((new.status, &new.headers), (stored.status, &stored.headers));
    let (new, stored) = (body_of(new).await, body_of(stored).await);
    assert_eq!(nameless(&new), nameless(&stored));
    assert_eq!(new.len(), stored.len(), "white space and order are the same");
}

#[tokio::test(start_paused = true)]
async fn errors_are_passed_on_as_they_are() {
    let mut bench = Bench::exact(team);
    let asked = bench.ask(&alice(chat("Hi")));
    let mut response = whole("none");
    response.status = http::StatusCode::BAD_REQUEST;
    bench.calls.next().await.answer(response);
    let answer = answered(asked).await;
    assert_eq!(answer.status, 400);
    assert!(body_of(answer).await.contains("chatcmpl-1"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_passed_on_as_it_is() {
    let mut bench = Bench::exact(team);
    let asked = bench.ask(&alice(chat("Hi")));
    let mut response = whole("none");
    response.body = r#"{"choices":["#.into();
    bench.calls.next().await.answer(response);
    assert_eq!(body_of(answered(asked).await).await, r#"{"choices":["#);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_whether_there_is_an_answer() {
    let mut bench = asked_by_alice().await;
    for text in ["Hi", "Hello"] {
        let only = directed(bob(chat(text)), |directives| directives.only_if_cached = true);
        assert_eq!(failure(bench.ask(&only)).await, ErrorKind::NotCached);
    }
    assert!(bench.calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn only_requests_of_one_key_share_a_call() {
    let mut bench = Bench::exact(team);
    let asked = [bench.ask(&alice(chat("Hi"))), bench.ask(&bob(chat("Hi"))), bench.ask(&alice(chat("Hi")))];
    let calls = [bench.calls.next().await, bench.calls.next().await];
    others().await;
    assert!(bench.calls.is_idle());
    calls.into_iter().for_each(|call| call.answer(whole(ANSWER)));
    for asked in asked {
        assert_eq!(text_of(asked).await, ANSWER);
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_mind_gets_answers_at_once() {
    for (scope, conceal) in [(Scope::Team, false), (Scope::Key, true)] {
        let mut bench = Bench::exact(|settings| (settings.scope, settings.conceal) = (scope, conceal));
        bench.ask_and_answer(&alice(chat("Hi")), ANSWER).await;
        slow_down(&bench, Some(PACE));
        let since = Instant::now();
        assert_eq!(bench.served(&alice(streamed("Hi"))).await, ANSWER);
        assert_eq!(since.elapsed(), Duration::ZERO);
    }
}
