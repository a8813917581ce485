//! Providers that fail before they answer, and when they are asked again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{Deaf, Refusing, Reply, Step, Upstream, eventually, fake_openai};

use crate::support::{chat, chunk, completion, config, fails, final_error, gateway, gateway_to, refused, streamed};

// === Before the answer ===

#[tokio::test]
async fn refuses_connections() {
    let upstream = Refusing::start();
    let mut gateway = gateway().config(config(&upstream.base_url(), "")).start().await;
    for body in [chat("m"), streamed("m")] {
        let (error, record) = fails(&mut gateway, &body, 502, "upstream_unreachable").await;
        assert_eq!(error["provider"], "up");
        assert_eq!((&record["attempts"], &record["error"]), (&json!(3), &json!("upstream_unreachable")), "{record}");
        assert_eq!(record["input_tokens"], Value::Null, "nobody worked on it: {record}");
    }
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!(answer.header("x-tollgate-attempts"), Some("3"));
    assert_eq!(answer.header("x-tollgate-provider"), Some("up"));
    let text = answer.text().await;
    assert!(!text.contains("127.0.0.1"), "an address in an answer: {text}");
}

#[tokio::test]
async fn takes_no_connection() {
    let upstream = Deaf::start().await;
    let more = "timeouts: { connect: 300ms }\nretry: { max_attempts: 2, base_delay: 1ms }";
    let mut gateway = gateway().config(config(&upstream.base_url(), more)).start().await;
    let (error, record) = fails(&mut gateway, &chat("m"), 504, "upstream_timeout").await;
    assert_eq!((&error["provider"], &record["attempts"]), (&json!("up"), &json!(2)));
}

#[tokio::test]
async fn hangs_before_it_answers() {
    let upstream = Upstream::always(Reply::hang());
    let more = "timeouts: { first_byte: 300ms }\nretry: { max_attempts: 2, base_delay: 1ms }";
    let mut gateway = gateway_to(&upstream, more).await;
    for (round, body) in [chat("m"), streamed("m")].iter().enumerate() {
        let (error, record) = fails(&mut gateway, body, 504, "upstream_timeout").await;
        assert_eq!(error["provider"], "up");
        assert_eq!(record["attempts"], 2);
        assert_eq!(record["estimated"], true, "the provider may have worked on it: {record}");
        eventually("attempts that are given up", || (upstream.aborted() == 2 * (round + 1)).then_some(())).await;
    }
    assert_eq!(upstream.answering(), 0);
}

#[tokio::test]
async fn sends_a_head_and_then_nothing() {
    let upstream = Upstream::always(Reply::new(200).header("content-type", "application/json").step(Step::Hang));
    let mut gateway =
        gateway_to(&upstream, "timeouts: { first_byte: 300ms, idle: 300ms }\nretry: { max_attempts: 1 }").await;
    for body in [chat("m"), streamed("m")] {
        fails(&mut gateway, &body, 504, "upstream_timeout").await;
    }
    eventually("the answers to be given up", || (upstream.aborted() == 2).then_some(())).await;
}

#[tokio::test]
async fn stops_in_the_middle_of_a_whole_answer() {
    let start = &completion("hello")[..40];
    let upstream = Upstream::start({
        let start = start.to_owned();
        move |_| Reply::json(start.clone()).step(Step::Cut)
    });
    let mut gateway = gateway_to(&upstream, "retry: { max_attempts: 2, base_delay: 1ms }").await;
    let (_, record) = fails(&mut gateway, &chat("m"), 502, "upstream_invalid_response").await;
    assert_eq!(record["attempts"], 2);
}

#[tokio::test]
async fn closes_the_connection_without_a_word() {
    let upstream = Upstream::always(Reply::raw([Step::Cut]));
    let mut gateway = gateway_to(&upstream, "").await;
    let (_, record) = fails(&mut gateway, &chat("m"), 502, "upstream_unreachable").await;
    assert_eq!(record["attempts"], 3);
}

#[tokio::test]
async fn speaks_no_http() {
    let upstream = Upstream::always(Reply::raw([Step::Bytes("220 mail.example ESMTP\r\n\r\n".into())]));
    let mut gateway = gateway_to(&upstream, "").await;
    fails(&mut gateway, &chat("m"), 502, "upstream_invalid_response").await;
}

#[tokio::test]
async fn answers_no_json() {
    let upstream = Upstream::always(Reply::new(200).header("content-type", "text/html").bytes("<html>login</html>"));
    let mut gateway = gateway_to(&upstream, "").await;
    for body in [chat("m"), streamed("m")] {
        fails(&mut gateway, &body, 502, "upstream_invalid_response").await;
    }
}

#[tokio::test]
async fn answers_nothing() {
    let upstream = Upstream::always(Reply::json(""));
    let mut gateway = gateway_to(&upstream, "").await;
    for body in [chat("m"), streamed("m")] {
        fails(&mut gateway, &body, 502, "upstream_invalid_response").await;
    }
}

#[tokio::test]
async fn answers_half_a_json() {
    let upstream = Upstream::always(Reply::json(&completion("hello")[..60]));
    let mut gateway = gateway_to(&upstream, "").await;
    for body in [chat("m"), streamed("m")] {
        fails(&mut gateway, &body, 502, "upstream_invalid_response").await;
    }
}

#[tokio::test]
async fn sends_huge_headers() {
    let upstream = Upstream::always(Reply::json(completion("hello")).header("x-huge", &"h".repeat(256 * 1024)));
    let mut gateway = gateway_to(&upstream, "").await;
    fails(&mut gateway, &chat("m"), 502, "upstream_invalid_response").await;
}

#[tokio::test]
async fn sends_headers_without_end() {
    let lines = Step::Repeat(format!("x-more: {}\r\n", "h".repeat(1000)).into(), 100_000);
    let upstream = Upstream::always(Reply::raw([Step::Bytes("HTTP/1.1 200 OK\r\n".into()), lines]));
    let mut gateway = gateway_to(&upstream, "retry: { max_attempts: 1 }").await;
    fails(&mut gateway, &chat("m"), 502, "upstream_invalid_response").await;
    eventually("the connection to be closed", || (upstream.connections() == 0).then_some(())).await;
}

#[tokio::test]
async fn redirects() {
    let elsewhere = Upstream::start(fake_openai());
    let upstream = Upstream::always(Reply::new(302).header("location", &elsewhere.url()));
    let gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(chat("fake-chat")).send().await;
    assert_eq!((answer.status(), answer.header("location")), (502, None));
    assert_eq!(answer.json().await["error"]["provider"], "up");
    assert!(elsewhere.requests().is_empty(), "the key would go wherever an answer points");
}

// === Retries ===

#[tokio::test]
async fn fails_once_and_then_answers() {
    let upstream = Upstream::sequence([Reply::error(500, "hiccup"), Reply::json(completion("hello"))]);
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-attempts")), (200, Some("2")));
    assert_eq!(answer.text().await, completion("hello"));
    let record = gateway.next_record().await;
    assert_eq!((&record["attempts"], &record["status"], &record["error"]), (&json!(2), &json!(200), &Value::Null));
    let [first, second] = &upstream.requests()[..] else { panic!("two requests") };
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn fails_once_at_a_large_request() {
    let upstream = Upstream::sequence([Reply::error(500, "hiccup"), Reply::json(completion("hello"))]);
    let gateway = gateway_to(&upstream, "aliases: { fast: up/quick-model }").await;
    let mut body = chat("fast");
    body["messages"][0]["content"] = json!("long ".repeat(200_000));
    assert_eq!(gateway.chat(&body).send().await.status(), 200);
    body["model"] = json!("quick-model");
    for request in upstream.requests() {
        assert!(request.json() == body, "{} bytes are not those that were sent", request.body.len());
    }
}

#[tokio::test]
async fn closes_each_connection_after_its_answer() {
    let answer = completion("hello");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
    // It does not say so beforehand, so the gateway may find out only when it uses the connection again.
    let upstream = Upstream::always(Reply::raw([Step::Bytes((head + &answer).into())]));
    let gateway = gateway_to(&upstream, "").await;
    for _ in 0..30 {
        assert_eq!(gateway.chat(chat("m")).send().await.status(), 200);
    }
}

#[tokio::test]
async fn asks_to_wait() {
    let limited = Reply::error(429, "slow down").header("retry-after", "1");
    let upstream = Upstream::sequence([limited, Reply::json(completion("hello"))]);
    let gateway = gateway_to(&upstream, "").await;
    let started = Instant::now();
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-attempts")), (200, Some("2")));
    assert!(started.elapsed() >= Duration::from_secs(1), "it came back after {:?}", started.elapsed());
}

#[tokio::test]
async fn asks_to_wait_for_too_long() {
    let limited = Reply::error(429, "slow down")
        .header("retry-after", "60")
        .header("x-ratelimit-remaining-requests", "0")
        .header("set-cookie", "a=b")
        .header("x-internal-node", "n7");
    let upstream = Upstream::always(limited);
    let gateway = gateway_to(&upstream, "retry: { base_delay: 1ms, max_retry_after: 2s }").await;
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-attempts")), (429, Some("1")));
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!((answer.header("set-cookie"), answer.header("x-internal-node")), (None, None));
    assert_eq!(answer.json().await["error"]["message"], "slow down");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn has_no_quota_left() {
    let error = json!({ "error": {
        "message": "You exceeded your current quota.", "type": "insufficient_quota", "param": null,
        "code": "insufficient_quota",
    } });
    let upstream = Upstream::always(Reply::json(error.to_string()).status(429));
    let gateway = gateway_to(&upstream, "").await;
    refused(gateway.chat(chat("m")).send().await, 429, "insufficient_quota").await;
    assert_eq!(upstream.requests().len(), 1, "an empty account stays empty");
}

#[tokio::test]
async fn says_that_asking_again_is_no_use() {
    let upstream = Upstream::always(Reply::error(500, "never").header("x-should-retry", "false"));
    let gateway = gateway_to(&upstream, "").await;
    assert_eq!(gateway.chat(chat("m")).send().await.status(), 500);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_client_error_is_not_repeated() {
    for status in [400, 401, 403, 404, 413, 422] {
        let upstream = Upstream::always(Reply::error(status, "no"));
        let gateway = gateway_to(&upstream, "").await;
        assert_eq!(gateway.chat(chat("m")).send().await.status(), status);
        assert_eq!(upstream.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn is_not_asked_again_after_the_first_byte() {
    let upstream = Upstream::always(Reply::sse([chunk("hi")]).step(Step::Cut));
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(streamed("m")).send().await;
    assert_eq!(answer.status(), 200);
    final_error(&answer.text().await);
    assert_eq!((upstream.requests().len(), &gateway.next_record().await["attempts"]), (1, &json!(1)));
}

// === Too much at once ===

#[tokio::test]
async fn there_is_no_place_at_the_provider() {
    let upstream = Upstream::always(Reply::sse([chunk("1")]).step(Step::Hang));
    let base = upstream.base_url();
    let provider = format!("{{ kind: openai, base_url: \"{base}\", api_key: k, max_concurrency: 1 }}");
    let gateway =
        gateway().config(format!("providers: {{ up: {provider} }}\nretry: {{ base_delay: 1ms }}")).start().await;
    let mut first = gateway.chat(streamed("m")).send().await;
    first.event().await;
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-provider")), (503, Some("up")));
    assert_eq!(upstream.requests().len(), 1);
    drop(first);
    eventually("the place to be free", || (upstream.answering() == 0).then_some(())).await;
    assert_eq!(gateway.chat(streamed("m")).send().await.status(), 200);
}

#[tokio::test]
async fn there_is_no_place_for_another_request() {
    let upstream = Upstream::always(Reply::sse([chunk("1")]).step(Step::Hang));
    let gateway = gateway_to(&upstream, "limits: { max_concurrency: 1, queue_timeout: 0 }").await;
    let mut first = gateway.chat(streamed("m")).send().await;
    first.event().await;
    let answer = gateway.chat(chat("m")).send().await;
    assert!(answer.header("retry-after").is_some());
    refused(answer, 503, "overloaded").await;
    drop(first);
    eventually("the place to be free", || (upstream.answering() == 0).then_some(())).await;
    let mut second = gateway.chat(streamed("m")).send().await;
    assert_eq!(second.event().await, Some(format!("data: {}", chunk("1"))));
}
