//! Equal requests in flight.

use std::time::Duration;

use http_body_util::BodyExt;
use tollgate_core::{CacheMode, CacheStatus, ErrorKind};
use tower_service::Service;

use super::support::*;

#[tokio::test(start_paused = true)]
async fn clients_of_other_protocols_and_shapes_share_one_call() {
    let mut bench = Bench::exact(|_| ());
    let leader = bench.ask(&streamed("Hi"));
    let feed = bench.calls.next().await.begin();
    send(&feed, "A ");
    let requests = [chat("Hi"), messages("Hi", true), messages("Hi", false), streamed("Hi")];
    let followers: Vec<Asked> = requests.iter().map(|request| bench.ask(request)).collect();
    others().await;
    assert!(bench.calls.is_idle());
    send(&feed, "gate.");
    finish(&feed);
    drop(feed);
    assert_eq!(text_of(leader).await, "A gate.");
    for (follower, request) in followers.into_iter().zip(&requests) {
        let body = body_of(answered(follower).await).await;
        assert_eq!(says(&body), "A gate.", "{body}");
        assert_eq!(body.contains("message_stop"), request.protocol != chat("").protocol && request.is_streamed());
        assert_eq!(status(request), (CacheStatus::Collapsed, None));
    }
    assert_eq!(bench.served(&chat("Hi")).await, "A gate.");
}

#[tokio::test(start_paused = true)]
async fn the_first_one_leaves_before_the_answer_begins() {
    let mut bench = Bench::exact(|_| ());
    let leader = bench.ask(&chat("Hi"));
    let call = bench.calls.next().await;
    let follower = chat("Hi");
    let asked = bench.ask(&follower);
    others().await;
    leader.abort();
    assert!(leader.await.is_err_and(|error| error.is_cancelled()));
    assert!(!call.has_been_left(), "the call belongs to whoever waits for it");
    call.answer(whole("A gate."));
    assert_eq!(text_of(asked).await, "A gate.");
    assert!(bench.calls.is_idle());
    assert_eq!(bench.served(&chat("Hi")).await, "A gate.");
}

#[tokio::test(start_paused = true)]
async fn the_first_one_leaves_in_the_middle() {
    let mut bench = Bench::exact(|_| ());
    let leader = bench.ask(&streamed("Hi"));
    let feed = bench.calls.next().await.begin();
    send(&feed, "A ");
    let mut body = answered(leader).await.body;
    assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
    let asked = bench.ask(&streamed("Hi"));
    others().await;
    drop(body);
    send(&feed, "gate.");
    finish(&feed);
    drop(feed);
    assert_eq!(text_of(asked).await, "A gate.", "from its first byte");
    assert_eq!(bench.served(&chat("Hi")).await, "A gate.");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_gives_up_disturbs_nobody() {
    let mut bench = Bench::exact(|_| ());
    let leader = bench.ask(&streamed("Hi"));
    let feed = bench.calls.next().await.begin();
    send(&feed, "A ");
    let mut service = bench.service.clone();
    let follower = tokio::time::timeout(Duration::from_secs(1), service.call(chat("Hi")));
    assert!(follower.await.is_err(), "time passes as soon as everybody waits");
    drop(answered(bench.ask(&messages("Hi", true))).await);
    send(&feed, "gate.");
    finish(&feed);
    drop(feed);
    assert_eq!(text_of(leader).await, "A gate.");
    assert!(bench.calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn when_all_have_left_the_work_stops() {
    let mut bench = Bench::exact(|_| ());
    let (one, other) = (bench.ask(&chat("Hi")), bench.ask(&chat("Hi")));
    let call = bench.calls.next().await;
    others().await;
    for asked in [one, other] {
        assert!(!call.has_been_left());
        asked.abort();
        assert!(asked.await.is_err());
    }
    assert!(call.has_been_left());
    assert!(bench.cache.flights().is_empty());
    assert_eq!(bench.ask_and_answer(&chat("Hi"), "A gate.").await, "A gate.");
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_byte_is_tried_once_more_for_all() {
    let mut bench = Bench::exact(|_| ());
    let asked: Vec<Asked> = (0..5).map(|_| bench.ask(&chat("Hi"))).collect();
    let call = bench.calls.next().await;
    others().await;
    call.fail(ErrorKind::UpstreamUnreachable);
    let call = bench.calls.next().await;
    others().await;
    assert!(bench.calls.is_idle(), "one asks for all");
    call.answer(whole("A gate."));
    let mut failed = 0;
    for asked in asked {
        match asked.await.expect("no panic") {
            Ok(response) => assert_eq!(says(&body_of(response).await), "A gate."),
            Err(error) => failed += usize::from(error.kind() == ErrorKind::UpstreamUnreachable),
        }
    }
    assert_eq!(failed, 1, "the first one, whose own call it was");
}

#[tokio::test(start_paused = true)]
async fn a_second_failure_is_everybodys() {
    let mut bench = Bench::exact(|_| ());
    let asked: Vec<Asked> = (0..5).map(|_| bench.ask(&chat("Hi"))).collect();
    for _ in 0..2 {
        let call = bench.calls.next().await;
        others().await;
        call.fail(ErrorKind::UpstreamUnreachable);
    }
    for asked in asked {
        assert_eq!(failure(asked).await, ErrorKind::UpstreamUnreachable);
    }
    assert!(bench.calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_is_not_asked_again() {
    let mut bench = Bench::exact(|_| ());
    let asked: Vec<Asked> = (0..3).map(|_| bench.ask(&chat("Hi"))).collect();
    let call = bench.calls.next().await;
    others().await;
    call.fail(ErrorKind::InvalidRequest);
    for asked in asked {
        assert_eq!(failure(asked).await, ErrorKind::InvalidRequest);
    }
    assert!(bench.calls.is_idle());
}

#[tokio::test(start_paused = true)]
async fn some_ask_alone() {
    let mut bench = Bench::exact(|_| ());
    let mut strict = chat("Hi");
    strict.strict = true;
    let refresh = directed(chat("Hi"), |directives| directives.refresh = true);
    // Whoever would take the answer to another question must not pass it on to who would not.
    let semantic = directed(chat("Hi"), |directives| directives.mode = Some(CacheMode::Semantic));
    let similar = directed(semantic.clone(), |directives| directives.min_similarity = Some(0.99));
    let requests = [chat("Hi"), strict, refresh, semantic, similar];
    let asked: Vec<Asked> = requests.iter().map(|request| bench.ask(request)).collect();
    for text in ["a", "b", "c", "d", "e"] {
        bench.calls.next().await.answer(whole(text));
    }
    for (asked, text) in asked.into_iter().zip(["a", "b", "c", "d", "e"]) {
        assert_eq!(text_of(asked).await, text);
    }
    let mut bench = Bench::exact(|settings| settings.coalesce = false);
    let asked = [bench.ask(&chat("Hi")), bench.ask(&chat("Hi"))];
    for _ in &asked {
        bench.calls.next().await.answer(whole("A gate."));
    }
}
