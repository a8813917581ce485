//! What is taken, and what is put right.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use tollgate_core::{CacheOutcome, CacheStatus, Error, ErrorKind, NanoUsd, Request, Response, Target, Usage};
use tollgate_usage::price::{PriceBook, Prices};
use tollgate_usage::quota::{
    Amount, Budget, CacheHits, Counter, CounterKind, MemoryQuotas, Period, Quotas, Rate, Rule, RuleBook, Window,
};
use tower::{Layer as _, ServiceExt, service_fn};

use super::QuotaLayer;
use crate::test_helpers::{chat, streaming};

/// A nano-dollar for each token.
fn prices() -> Arc<Prices> {
    let book = PriceBook::parse("# version 1\nthere known in=0.001 out=0.001\n").expect("is a book");
    Arc::new(Prices::new(book))
}

/// What a request without a limit on its answer costs at most: 40 bytes of text, and what every request may have.
const CEILING: u64 = 296;

fn routed() -> Request {
    let request = Request { target: Some(Target::new("there", "known")), ..chat() };
    request.context.observe(|observed| observed.target = request.target.clone());
    request
}

fn layer(rules: impl IntoIterator<Item = Rule>) -> QuotaLayer {
    let book = RuleBook::new();
    book.configure(rules.into_iter().collect()).expect("rules");
    QuotaLayer::new(Arc::new(Quotas::new(book, Arc::new(MemoryQuotas::new()))), prices()).assumed_output(0)
}

fn budget(limit: u64) -> Rule {
    Rule::new("b", Amount::Budget(Budget::hard(NanoUsd(limit), Period::Total)))
}

fn tokens(limit: u64) -> Rule {
    Rule::new("t", Amount::Tokens { limit, per: Rate::Minute })
}

/// What was spent and what is held of the budget.
async fn level(layer: &QuotaLayer) -> (u64, u64) {
    let kind = CounterKind::Budget(Window { start: 0, end: None });
    let counter = Counter { name: "b".into(), kind };
    let level = layer.quotas.store().levels(&[counter]).await.expect("in memory")[0];
    (level.used, level.held)
}

fn observing(request: &Request, input: u64, output: u64) {
    let usage = Usage { input: Some(input), output: Some(output), ..Usage::default() };
    request.context.observe(|observed| {
        observed.attempts = 1;
        observed.usage = Some(usage);
    });
}

#[tokio::test]
async fn a_whole_answer_is_settled_at_once() {
    let layer = layer([budget(1000), tokens(5000)]);
    let inner = service_fn(|request: Request| async move {
        observing(&request, 3, 4);
        Ok::<_, Error>(Response::new("{}".into()))
    });
    let request = routed();
    let context = request.context.clone();
    layer.layer(inner).oneshot(request).await.expect("answers");
    assert_eq!(level(&layer).await, (7, 0));
    let observed = context.observed();
    assert_eq!(observed.cost.expect("noted").amount, NanoUsd(7));
    assert_eq!(observed.quota.expect("told").tokens.expect("limited").remaining, 5000 - 10);
}

#[tokio::test]
async fn a_stream_is_settled_at_its_end() {
    let layer = layer([budget(1000)]);
    let request = routed();
    let context = request.context.clone();
    let response = layer.layer(streaming()).oneshot(request).await.expect("answers");
    assert_eq!(level(&layer).await, (0, CEILING));
    let usage = Usage { output: Some(9), ..Usage::default() };
    context.observe(|observed| (observed.attempts, observed.usage) = (1, Some(usage)));
    response.body.collect().await.expect("ends");
    assert_eq!(level(&layer).await, (9, 0));
}

#[tokio::test]
async fn a_client_that_goes_away_pays_for_what_a_provider_may_bill() {
    let layer = layer([budget(1000)]);
    let request = routed();
    let context = request.context.clone();
    let response = layer.layer(streaming()).oneshot(request).await.expect("answers");
    context.observe(|observed| observed.attempts = 1);
    drop(response);
    assert_eq!(level(&layer).await, (10, 0), "the estimate of the input");
}

#[tokio::test]
async fn a_client_that_goes_away_before_anybody_was_asked_pays_nothing() {
    let layer = layer([budget(1000)]);
    let inner = service_fn(|_: Request| std::future::pending::<Result<Response, Error>>());
    let calling = layer.layer(inner).oneshot(routed());
    tokio::time::timeout(Duration::from_millis(10), calling).await.expect_err("hangs");
    assert_eq!(level(&layer).await, (0, 0));
}

#[tokio::test]
async fn a_failure_costs_what_it_may_have_cost() {
    for (kind, cost) in
        [(ErrorKind::UpstreamUnreachable, 0), (ErrorKind::Upstream, 0), (ErrorKind::UpstreamTimeout, 10)]
    {
        let layer = layer([budget(1000)]);
        let inner = service_fn(move |request: Request| async move {
            request.context.observe(|observed| observed.attempts = 1);
            Err::<Response, _>(Error::new(kind, "no"))
        });
        layer.layer(inner).oneshot(routed()).await.expect_err("fails");
        assert_eq!(level(&layer).await, (cost, 0), "{kind:?}");
    }
}

#[tokio::test]
async fn what_a_cache_answers_costs_nothing() {
    let counted = Rule { cache_hits: CacheHits::Count, ..budget(1000) };
    let layer = layer([counted, Rule { cache_hits: CacheHits::Count, ..tokens(5000) }]).rules(CacheHits::Count);
    let inner = service_fn(|request: Request| async move {
        let usage = Usage { input: Some(30), output: Some(20), ..Usage::default() };
        request.context.observe(|observed| {
            observed.cache = Some(CacheOutcome::new(CacheStatus::Hit).saved(Some(usage)));
            observed.usage = Some(usage);
        });
        Ok::<_, Error>(Response::new("{}".into()))
    });
    layer.layer(inner).oneshot(routed()).await.expect("answers");
    assert_eq!(level(&layer).await, (0, 0));
}

#[tokio::test]
async fn rules_of_the_other_kind_are_left_alone() {
    let layer = layer([budget(1)]).rules(CacheHits::Count);
    layer.layer(streaming()).oneshot(routed()).await.expect("no rule here says no");
}

#[tokio::test]
async fn a_budget_refuses_with_the_status_that_is_set() {
    let layer = layer([budget(CEILING - 1)]);
    let refused = layer.layer(streaming()).oneshot(routed()).await.expect_err("too expensive");
    assert_eq!((refused.kind(), refused.status().as_u16()), (ErrorKind::BudgetExceeded, 402));
    let layer = layer.budget_status(Some(http::StatusCode::TOO_MANY_REQUESTS));
    let refused = layer.layer(streaming()).oneshot(routed()).await.expect_err("too expensive");
    assert_eq!((refused.kind(), refused.status().as_u16()), (ErrorKind::BudgetExceeded, 429));
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_what_is_given_back() {
    let layer = layer([budget(CEILING * 5 / 2)]).wait(Duration::from_secs(60));
    let service = layer.layer(streaming());
    let first = service.clone().oneshot(routed()).await.expect("there is room");
    let second = service.clone().oneshot(routed()).await.expect("there is room");
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let call = service.clone().oneshot(routed());
            tokio::spawn(async move { call.await.map(drop) })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    drop((first, second));
    for waiting in waiting {
        waiting.await.expect("no panic").expect("those before gave back all");
    }
    assert_eq!(level(&layer).await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waited_in_vain_may_try_again() {
    let layer = layer([budget(CEILING * 3 / 2)]);
    let service = layer.layer(streaming());
    let _first = service.clone().oneshot(routed()).await.expect("there is room");
    let refused = service.oneshot(routed()).await.expect_err("there is none");
    assert_eq!((refused.kind(), refused.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(1))));
}
