//! Limits and budgets: who is let through, what clients are told, and what becomes of it while Redis is away.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_testkit::servers::Redis;
use tollgate_testkit::{Answer, Gate, Gateway, PATIENCE, Reply, Upstream};

use crate::support::{
    chat, chunk, completion, config, finish_chunk, gateway, gateway_to, refused, streamed, usage_chunk,
};

const MODEL: &str = "gpt-4o-mini";

/// By the built-in book: 0.60 dollars for a million tokens of output; at most 1.00, in the dearest class of service.
const NANO_PER_OUTPUT: u64 = 600;

/// What a request for at most 900 tokens costs at most is a little more than 900,000, and 540,000 if it takes them all.
const ROOM_FOR_ONE: u64 = 1_000_000;

fn answering() -> Upstream {
    Upstream::always(Reply::json(completion("A gate.")))
}

/// An answer that took so many tokens of output, and none of input.
fn of_length(output: u64) -> Reply {
    let mut answer: Value = serde_json::from_str(&completion("A gate.")).expect("JSON");
    answer["usage"] = json!({ "prompt_tokens": 0, "completion_tokens": output, "total_tokens": output });
    Reply::json(answer.to_string())
}

/// A request whose answer has at most so many tokens.
fn at_most(tokens: u64) -> Value {
    let mut body = chat(MODEL);
    body["max_tokens"] = json!(tokens);
    body
}

async fn status(gateway: &Gateway) -> u16 {
    gateway.chat(chat(MODEL)).send().await.status()
}

fn number(answer: &Answer, header: &str) -> u64 {
    answer.header(header).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no number in {header}"))
}

#[tokio::test]
async fn openais_clients_are_told_of_limits() {
    let provider = Reply::json(completion("A gate.")).header("x-ratelimit-remaining-requests", "4999");
    let upstream = Upstream::always(provider.header("x-ratelimit-remaining-images", "5"));
    let gateway = gateway_to(&upstream, "rate_limits: { all: { requests: 2/minute, tokens: 10000/hour } }").await;
    for remaining in [1, 0] {
        let answer = gateway.chat(at_most(100)).send().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(number(&answer, "x-ratelimit-limit-requests"), 2);
        assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), remaining);
        assert_eq!(answer.header("x-ratelimit-reset-requests").map(|span| span.ends_with('s')), Some(true));
        assert!((9000..10_000).contains(&number(&answer, "x-ratelimit-remaining-tokens")));
        assert_eq!(answer.header("x-ratelimit-remaining-images"), Some("5"), "what the gateway does not limit");
    }
    let answer = gateway.chat(chat(MODEL)).send().await;
    assert!((1..=61).contains(&number(&answer, "retry-after")));
    assert!(number(&answer, "retry-after-ms") <= 61_000);
    assert_eq!(answer.header("x-should-retry"), None);
    assert_eq!(
        (number(&answer, "x-ratelimit-limit-requests"), number(&answer, "x-ratelimit-remaining-requests")),
        (2, 0)
    );
    let error = refused(answer, 429, "rate_limit_exceeded").await;
    assert_eq!(error["type"], "rate_limit_error");
    let message = error["message"].as_str().expect("a text");
    assert!(message.starts_with("The limit `all` (2 requests per minute) is reached; try again in "), "{message}");
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn anthropics_clients_are_told_of_limits() {
    let upstream = answering();
    let gateway = gateway_to(&upstream, "rate_limits: { all: { requests: 1/minute } }").await;
    let body = json!({ "model": MODEL, "max_tokens": 10, "messages": [{ "role": "user", "content": "Hi" }] });
    let answer = gateway.post("/v1/messages", &body).send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(number(&answer, "anthropic-ratelimit-requests-limit"), 1);
    assert_eq!(number(&answer, "anthropic-ratelimit-requests-remaining"), 0);
    let reset: jiff::Timestamp =
        answer.header("anthropic-ratelimit-requests-reset").and_then(|at| at.parse().ok()).expect("a time");
    let left = reset.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((1..=62).contains(&left), "{left}");
    let answer = gateway.post("/v1/messages", &body).send().await;
    assert_eq!(answer.status(), 429);
    assert!(number(&answer, "retry-after") >= 1);
    assert_eq!(answer.json().await["error"]["type"], "rate_limit_error");
}

#[tokio::test]
async fn geminis_clients_are_told_when_to_retry() {
    let upstream = answering();
    let gateway = gateway_to(&upstream, "rate_limits: { all: { requests: 1/minute } }").await;
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }] });
    let path = format!("/v1beta/models/{MODEL}:generateContent");
    let answer = gateway.post(&path, &body).send().await;
    assert_eq!((answer.status(), answer.header("x-ratelimit-limit-requests")), (200, None));
    let answer = gateway.post(&path, &body).send().await;
    assert_eq!(answer.status(), 429);
    let error = answer.json().await["error"].take();
    assert_eq!(error["status"], "RESOURCE_EXHAUSTED");
    let retry = error["details"].as_array().into_iter().flatten().find(|detail| detail["retryDelay"].is_string());
    assert!(retry.is_some(), "{error}");
}

#[tokio::test]
async fn a_spent_budget_refuses_and_says_when_it_resets() {
    let upstream = Upstream::always(of_length(900));
    let limit = format!("budgets: {{ small: {{ limit: {}, per: day }} }}", money(ROOM_FOR_ONE));
    let mut gateway = gateway_to(&upstream, &limit).await;
    let answer = gateway.chat(at_most(900)).send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(gateway.next_record().await["cost_nano_usd"], 900 * NANO_PER_OUTPUT);
    let answer = gateway.chat(at_most(900)).send().await;
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let wait = number(&answer, "retry-after");
    assert!((1..=86_400).contains(&wait), "{wait}");
    let error = refused(answer, 402, "budget_exceeded").await;
    let message = error["message"].as_str().expect("a text");
    assert!(message.contains("`small` ($0.001 per day)") && message.contains("It resets at "), "{message}");
    assert_eq!(gateway.next_record().await["cost_nano_usd"], Value::Null);
    assert_eq!(gateway.chat(at_most(10)).send().await.status(), 200, "what fits into the rest");
    assert_eq!(upstream.requests().len(), 2);
}

/// Dollars as the configuration has them.
fn money(nano: u64) -> String {
    tollgate_core::NanoUsd(nano).to_string()
}

#[tokio::test]
async fn budgets_can_be_told_as_429_and_soft_ones_only_warn() {
    let hook = Upstream::always(Reply::json("{}"));
    let upstream = Upstream::always(of_length(900));
    let more = format!(
        "budgets:\n  hard: {{ limit: {}, per: total, provider: up, warn_at: [50] }}\n  soft: {{ limit: {}, per: total, mode: soft }}\nquota: \
         {{ budget_status: 429, webhook: {{ url: \"{}/alerts\", token: t0ken }} }}",
        money(1_700_000),
        money(600_000),
        hook.url(),
    );
    let gateway = gateway_to(&upstream, &more).await;
    let first = gateway.chat(at_most(900)).send().await;
    assert_eq!((first.status(), first.header("x-tollgate-budget-warning")), (200, None));
    let second = gateway.chat(at_most(900)).send().await;
    assert_eq!(second.header("x-tollgate-budget-warning"), Some("soft: 90 % of $0.0006 spent ($0.00054)"));
    assert_eq!(second.status(), 200);
    let answer = gateway.chat(at_most(900)).send().await;
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    refused(answer, 429, "budget_exceeded").await;
    let told = hook.wait_requests(3).await;
    let mut alerts: Vec<(String, u64, u64)> = told
        .iter()
        .map(|request| {
            let alert = request.json();
            assert_eq!((request.path(), request.header("authorization")), ("/alerts", Some("Bearer t0ken")));
            assert_eq!((&alert["event"], &alert["resets_at"]), (&json!("budget_threshold"), &Value::Null));
            let number = |name: &str| alert[name].as_u64().expect("a number");
            (alert["budget"].as_str().expect("a name").to_owned(), number("percent"), number("spent_nano_usd"))
        })
        .collect();
    alerts.sort();
    let spent = |answers: u64| answers * 900 * NANO_PER_OUTPUT;
    let expect = [("hard", 50, spent(2)), ("soft", 80, spent(1)), ("soft", 100, spent(2))];
    assert_eq!(alerts, expect.map(|(name, percent, spent)| (name.to_owned(), percent, spent)));
}

#[tokio::test]
async fn what_has_no_price_is_refused_unless_it_is_allowed() {
    let upstream = answering();
    let gateway = gateway_to(&upstream, "budgets: { b: { limit: 5 } }").await;
    let answer = gateway.chat(chat("nobody-knows-it")).send().await;
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    refused(answer, 403, "price_unknown").await;
    let gateway = gateway_to(&upstream, "budgets: { b: { limit: 5, unpriced: allow } }").await;
    assert_eq!(gateway.chat(chat("nobody-knows-it")).send().await.status(), 200);
}

#[tokio::test]
async fn a_stream_holds_its_place_until_its_client_goes_away() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::start(move |request| match request.json()["stream"].as_bool() {
        Some(true) => Reply::sse([chunk("A")]).gate(&held).event(&usage_chunk(7, 3)),
        _ => Reply::json(completion("A gate.")),
    });
    let gateway = gateway_to(&upstream, "rate_limits: { one: { concurrent: 1 } }").await;
    let mut stream = gateway.chat(streamed(MODEL)).send().await;
    assert!(stream.event().await.is_some());
    let refusal = gateway.chat(chat(MODEL)).send().await;
    assert_eq!(number(&refusal, "retry-after"), 1);
    refused(refusal, 429, "rate_limit_exceeded").await;
    drop(stream);
    let start = Instant::now();
    while status(&gateway).await != 200 {
        assert!(start.elapsed() < PATIENCE, "the place does not come back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gate.open();
}

#[tokio::test]
async fn a_stream_is_paid_for_at_its_end() {
    let upstream = Upstream::always(Reply::sse([chunk("A"), finish_chunk(), usage_chunk(0, 900), "[DONE]".to_owned()]));
    let limit = format!("budgets: {{ b: {{ limit: {}, per: total }} }}", money(ROOM_FOR_ONE));
    let gateway = gateway_to(&upstream, &limit).await;
    let mut body = at_most(900);
    body["stream"] = json!(true);
    let stream = gateway.chat(&body).send().await.text().await;
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    refused(gateway.chat(&body).send().await, 402, "budget_exceeded").await;
}

#[tokio::test]
async fn who_waits_gets_what_others_did_not_use() {
    let gate = Gate::new();
    let upstream =
        Upstream::always(Reply::sse([chunk("A")]).gate(&gate).event(&finish_chunk()).event(&usage_chunk(0, 1)));
    let limit = format!("budgets: {{ b: {{ limit: {}, per: total }} }}\nquota: {{ wait: 60s }}", money(ROOM_FOR_ONE));
    let gateway = gateway_to(&upstream, &limit).await;
    let mut body = at_most(900);
    body["stream"] = json!(true);
    let first = gateway.chat(&body).send().await;
    let second = gateway.chat(&body).send();
    tokio::pin!(second);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
    assert!(early.is_err(), "there is no room yet: {:?}", early.map(|answer| answer.status()));
    gate.open();
    first.text().await;
    assert_eq!(second.await.status(), 200);
}

#[tokio::test]
async fn cached_answers_are_free_or_count() {
    let upstream = answering();
    let both = "cache: { mode: exact }\nrate_limits:\n  free: { requests: 1/minute, model: up/gpt-4o-mini }\n  counted: { \
                requests: 3/minute, cache_hits: count }";
    let gateway = gateway_to(&upstream, both).await;
    for remaining in [0, 1, 0] {
        let answer = gateway.chat(chat(MODEL)).send().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), remaining, "the tighter one that it counts for");
    }
    let error = refused(gateway.chat(chat(MODEL)).send().await, 429, "rate_limit_exceeded").await;
    assert!(error["message"].as_str().is_some_and(|message| message.contains("`counted`")), "{error}");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn what_was_counted_outlives_a_reload() {
    let upstream = answering();
    let with =
        |limit: u32| config(&upstream.base_url(), &format!("rate_limits: {{ all: {{ requests: {limit}/hour }} }}"));
    let gateway = gateway().config(with(2)).start().await;
    for expect in [200, 200, 429] {
        assert_eq!(status(&gateway).await, expect);
    }
    gateway.write_config(&with(3));
    assert_eq!(gateway.post("/admin/v1/reload", "").send().await.status(), 200);
    for expect in [200, 429] {
        assert_eq!(status(&gateway).await, expect);
    }
}

/// A configuration whose limits are counted in Redis.
fn shared(upstream: &Upstream, redis: &Redis, more: &str) -> String {
    let quota = format!("quota: {{ redis: {{ url: \"{}\", read_timeout: 2s }} }}\n{more}", redis.url());
    config(&upstream.base_url(), &quota)
}

#[tokio::test]
async fn replicas_share_what_is_left() {
    let Some(redis) = Redis::start().await else { return };
    // Each may cost 140,000 and costs 60,000.
    let upstream = Upstream::always(of_length(100));
    let more = format!("budgets: {{ b: {{ limit: {}, model: up/{MODEL} }} }}", money(1_400_000));
    let config = shared(&upstream, &redis, &more);
    let replicas = [gateway().config(&config).start().await, gateway().config(&config).start().await];
    let mut rounds = 0;
    loop {
        let answers = join_all((0..20).map(|at| replicas[at % 2].chat(at_most(100)).send())).await;
        let statuses: Vec<u16> = answers.iter().map(Answer::status).collect();
        assert!(statuses.iter().all(|status| [200, 402, 429].contains(status)), "{statuses:?}");
        if statuses.iter().all(|status| *status == 402) {
            break;
        }
        rounds += 1;
        assert!(rounds < 20, "a budget that does not end");
    }
    let passed = upstream.requests().len();
    assert!((21..=23).contains(&passed), "{passed} of 23.3 were let through");
}

#[tokio::test]
async fn replicas_share_a_rate() {
    let Some(redis) = Redis::start().await else { return };
    let upstream = answering();
    let config = shared(&upstream, &redis, "rate_limits: { all: { requests: 7/hour } }");
    let replicas = [gateway().config(&config).start().await, gateway().config(&config).start().await];
    let statuses = join_all((0..20).map(|at| status(&replicas[at % 2]))).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 7, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 13, "{statuses:?}");
}

#[tokio::test]
async fn redis_stopped_and_started_under_load() {
    let Some(mut redis) = Redis::start().await else { return };
    let upstream = answering();
    let open = shared(&upstream, &redis, "rate_limits: { all: { requests: 100000/minute } }");
    let closed = shared(&upstream, &redis, "rate_limits: { all: { requests: 100000/minute, on_error: closed } }");
    let (open, closed) = (gateway().config(open).start().await, gateway().config(closed).start().await);
    let burst = async |gateway: &Gateway| -> Vec<u16> { join_all((0..20).map(|_| status(gateway))).await };
    assert!(burst(&open).await.iter().chain(&burst(&closed).await).all(|status| *status == 200));
    redis.stop();
    assert!(burst(&open).await.iter().all(|status| *status == 200), "it counts for itself");
    let answer = closed.chat(chat(MODEL)).send().await;
    assert_eq!(number(&answer, "retry-after"), 1);
    refused(answer, 503, "accounts_unavailable").await;
    assert!(burst(&closed).await.iter().all(|status| *status == 503));
    redis.restart().await;
    let start = Instant::now();
    while status(&closed).await != 200 {
        assert!(start.elapsed() < PATIENCE, "redis is not found again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(burst(&open).await.iter().all(|status| *status == 200));
}

#[tokio::test]
async fn a_hard_budget_is_not_spent_while_redis_is_away() {
    let Some(mut redis) = Redis::start().await else { return };
    let gate = Gate::new();
    let upstream =
        Upstream::always(Reply::sse([chunk("A")]).gate(&gate).event(&finish_chunk()).event(&usage_chunk(0, 1)));
    let gateway = gateway().config(shared(&upstream, &redis, "budgets: { b: { limit: 1, per: total } }")).start().await;
    let stream = gateway.chat(streamed(MODEL)).send().await;
    assert_eq!(stream.status(), 200);
    redis.stop();
    refused(gateway.chat(chat(MODEL)).send().await, 503, "accounts_unavailable").await;
    gate.open();
    assert!(stream.text().await.contains("stop"), "what has begun goes on");
    gateway.wait_stderr("redis cannot be told what was used").await;
    redis.restart().await;
    gateway.wait_stderr("redis is told again what was used").await;
}

#[tokio::test]
async fn what_cannot_be_enforced_is_refused_at_the_start() {
    for (yaml, message) in [
        ("rate_limits: { a: {} }", "rate_limits.a: this limits nothing"),
        ("rate_limits: { a: { requests: 60/week } }", "a number and a span such as 60/minute"),
        ("rate_limits: { a: { requests: 0/minute } }", "a limit of zero would let nothing through"),
        ("rate_limits: { a: { requests: 1/minute, model: gpt-4o } }", "not the full name of a model"),
        ("rate_limits: { a: { requests: 1/minute, path: acme/ } }", "a path has no empty parts"),
        ("rate_limits: { \"a b\": { requests: 1/minute } }", "a name has letters, digits"),
        ("budgets: { a: {} }", "a budget needs a limit"),
        ("budgets: { a: { limit: 0 } }", "must be more than nothing"),
        ("budgets: { a: { limit: -5 } }", "an amount of US dollars"),
        ("budgets: { a: { limit: 5, warn_at: [120] } }", "percentages from 1 to 100"),
        ("quota: { budget_status: 500 }", "must be 402 or 429"),
        ("quota: { redis: {} }", "a server needs an address"),
        ("quota: { webhook: { url: nowhere } }", "not an address"),
    ] {
        let finished = gateway().config(yaml).arg("--listen").arg("127.0.0.1:0").run();
        assert_ne!(finished.code, Some(0), "{yaml}");
        assert!(finished.stderr.contains(message), "{yaml}: {}", finished.stderr);
    }
}
