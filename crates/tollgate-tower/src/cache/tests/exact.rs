//! Answers to the very same request.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tollgate_core::{CacheMode, CacheStatus, ErrorKind, Request};

use super::support::*;

#[tokio::test(start_paused = true)]
async fn a_miss_is_kept_and_the_next_one_is_a_hit() {
    let mut bench = Bench::exact(|_| ());
    let first = chat("Hi");
    assert_eq!(bench.ask_and_answer(&first, "A gate.").await, "A gate.");
    assert!(outcome(&first).stored && status(&first) == (CacheStatus::Miss, None));
    let second = chat("Hi");
    assert_eq!(bench.served(&second).await, "A gate.");
    assert_eq!(status(&second), (CacheStatus::Hit, Some("exact")));
    let saved = outcome(&second).saved.expect("what was saved");
    assert_eq!((saved.input, saved.output), (usage(7, 3).input, usage(7, 3).output));
    assert_eq!(second.context.observed().model.as_deref(), None, "the inner service names no model here");
    assert_eq!(bench.ask_and_answer(&chat("Hello"), "Another.").await, "Another.");
}

#[tokio::test(start_paused = true)]
async fn one_entry_serves_every_protocol_and_shape() {
    let mut bench = Bench::exact(|_| ());
    let asked = bench.ask(&streamed("Hi"));
    let feed = bench.calls.next().await.begin();
    send(&feed, "A ");
    send(&feed, "gate.");
    finish(&feed);
    drop(feed);
    assert_eq!(text_of(asked).await, "A gate.");
    for request in [chat("Hi"), streamed("Hi"), messages("Hi", false), messages("Hi", true)] {
        assert_eq!(bench.served(&request).await, "A gate.", "{request:?}");
        assert_eq!(status(&request), (CacheStatus::Hit, Some("exact")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_is_answered_again_without_being_read() {
    let mut bench = Bench::exact(|_| ());
    for make in [|text: &str| chat(text), |text: &str| streamed(text)] {
        check_recalled(&mut bench, make).await;
    }
    for stream in [false, true] {
        check_recalled(&mut bench, |text| messages(text, stream)).await;
        check_recalled(&mut bench, |text| responses(text, stream)).await;
    }
}

async fn check_recalled(bench: &mut Bench, make: impl Fn(&str) -> Request) {
    let question = format!("What is a gate? {:?}", (make("").operation, make("").is_streamed()));
    bench.ask_and_answer(&chat(&question), "A gate.").await;
    bench.served(&make(&question)).await;
    let again = make(&question);
    let recalled = bench.cache.recall(&again).unwrap_or_else(|| panic!("{again:?} is read again"));
    let body = body_of(recalled).await;
    assert!(body.contains("A gate."), "{body}");
    // Each client gets names of its own.
    let other = bench.cache.recall(&make(&question)).expect("is remembered");
    assert_ne!(body_of(other).await, body);
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_new_answer_gets_one_and_it_is_kept() {
    let mut bench = Bench::exact(|_| ());
    bench.ask_and_answer(&chat("Hi"), "old").await;
    let request = directed(chat("Hi"), |directives| directives.refresh = true);
    assert_eq!(bench.ask_and_answer(&request, "new").await, "new");
    assert_eq!(status(&request).0, CacheStatus::Miss);
    assert_eq!(bench.served(&chat("Hi")).await, "new");
}

#[tokio::test(start_paused = true)]
async fn who_wants_only_what_is_stored_asks_nobody() {
    let mut bench = Bench::exact(|_| ());
    let only = || directed(chat("Hi"), |directives| directives.only_if_cached = true);
    assert_eq!(failure(bench.ask(&only())).await, ErrorKind::NotCached);
    assert!(bench.calls.is_idle());
    bench.ask_and_answer(&chat("Hi"), "A gate.").await;
    assert_eq!(bench.served(&only()).await, "A gate.");
}

#[tokio::test(start_paused = true)]
async fn who_wants_no_cache_gets_none() {
    let mut bench = Bench::exact(|_| ());
    bench.ask_and_answer(&chat("Hi"), "stored").await;
    let off = directed(chat("Hi"), |directives| directives.mode = Some(CacheMode::Off));
    assert_eq!(bench.ask_and_answer(&off, "new").await, "new");
    assert_eq!(status(&off), (CacheStatus::Bypass, Some("off")));
    let no_store = directed(chat("Hi"), |directives| directives.no_store = true);
    assert_eq!(bench.ask_and_answer(&no_store, "newer").await, "newer");
    assert_eq!(status(&no_store), (CacheStatus::Bypass, Some("no-store")));
    assert_eq!(bench.served(&chat("Hi")).await, "stored");
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_is_served_while_another_call_fetches_a_new_one() {
    let mut bench = Bench::exact(|settings| settings.stale_while_revalidate = Duration::from_secs(3600));
    let short = || directed(chat("Hi"), |directives| directives.ttl = Some(Duration::ZERO));
    bench.ask_and_answer(&short(), "old").await;
    let (one, other) = (short(), short());
    assert_eq!(text_of(bench.ask(&one)).await, "old");
    assert_eq!(text_of(bench.ask(&other)).await, "old");
    assert_eq!(status(&one), (CacheStatus::Stale, Some("stale-while-revalidate")));
    let call = bench.calls.next().await;
    assert_eq!(call.request.context.identity().key.as_deref(), Some("tollgate"), "no client's own account");
    others().await;
    assert!(bench.calls.is_idle(), "two who found it stale fetch one new answer");
    call.answer(whole("new"));
    others().await;
    assert_eq!(bench.background.0.load(Ordering::Relaxed), 1, "background calls have layers of their own");
    assert_eq!(text_of(bench.ask(&short())).await, "new");
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_stands_in_where_no_other_can_be_had() {
    let mut bench = Bench::exact(|settings| settings.stale_if_error = Duration::from_secs(3600));
    let short = || directed(chat("Hi"), |directives| directives.ttl = Some(Duration::ZERO));
    bench.ask_and_answer(&short(), "old").await;
    let request = short();
    let asked = bench.ask(&request);
    bench.calls.next().await.fail(ErrorKind::UpstreamUnreachable);
    assert_eq!(text_of(asked).await, "old");
    assert_eq!(status(&request), (CacheStatus::Stale, Some("stale-if-error")));
    // What is the client's own mistake is none that an old answer helps with.
    let asked = bench.ask(&short());
    bench.calls.next().await.fail(ErrorKind::InvalidRequest);
    assert_eq!(failure(asked).await, ErrorKind::InvalidRequest);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_is_not_kept() {
    let mut bench = Bench::exact(|_| ());
    let request = streamed("Hi");
    let asked = bench.ask(&request);
    let feed = bench.calls.next().await.begin();
    send(&feed, "A ga");
    drop(feed);
    assert_eq!(text_of(asked).await, "A ga");
    assert_eq!(status(&request), (CacheStatus::Miss, Some("not-stored:incomplete")));
    assert_eq!(bench.ask_and_answer(&chat("Hi"), "A gate.").await, "A gate.");
}

#[tokio::test(start_paused = true)]
async fn strict_requests_take_no_answer_to_less_than_was_asked() {
    let mut bench = Bench::exact(|_| ());
    let asked = bench.ask(&chat("Hi"));
    let call = bench.calls.next().await;
    call.request.context.observe(|observed| observed.losses.drop("seed"));
    call.answer(whole("without a seed"));
    text_of(asked).await;
    let lenient = chat("Hi");
    assert_eq!(bench.served(&lenient).await, "without a seed");
    assert_eq!(lenient.context.observed().losses.fields().collect::<Vec<_>>(), ["seed"]);
    let mut strict = chat("Hi");
    strict.strict = true;
    assert_eq!(bench.ask_and_answer(&strict, "with a seed").await, "with a seed");
    assert_eq!(bench.served(&strict).await, "with a seed");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_a_model_that_stood_in_is_not_kept() {
    let mut bench = Bench::exact(|_| ());
    let request = chat("Hi");
    let asked = bench.ask(&request);
    let call = bench.calls.next().await;
    call.request.context.observe(|observed| observed.target = Some(tollgate_core::Target::new("p", "smaller")));
    call.answer(whole("smaller"));
    assert_eq!(text_of(asked).await, "smaller");
    assert_eq!(status(&request), (CacheStatus::Miss, Some("not-stored:other-model")));
    assert_eq!(bench.ask_and_answer(&chat("Hi"), "larger").await, "larger");
}
