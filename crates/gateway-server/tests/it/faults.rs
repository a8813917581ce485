//! Providers that fail, in every way that was ever seen of one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{Answer, Deaf, Gateway, Refusing, Reply, Step, Upstream, data_events, eventually, fake_openai};

use crate::support::{
    PROVIDER_KEY, assert_no_key, chat, chunk, completion, config, final_error, finish_chunk, gateway, gateway_to,
    streamed,
};

/// The error object of an answer that must have this status and code.
#[track_caller]
fn expect(status: u16, code: &str, seen: u16, body: &Value) -> Value {
    assert_eq!((seen, body["error"]["code"].as_str()), (status, Some(code)), "{body}");
    let error = &body["error"];
    assert!(error["message"].is_string() && error["type"].is_string() && error.get("param").is_some(), "{body}");
    error.clone()
}

async fn refused(answer: Answer, status: u16, code: &str) -> Value {
    let seen = answer.status();
    let body = answer.json().await;
    expect(status, code, seen, &body)
}

/// Sends a chat request to a gateway in front of `upstream`, and returns the answer's error and the record.
async fn fails(gateway: &mut Gateway, body: &Value, status: u16, code: &str) -> (Value, Value) {
    let error = refused(gateway.chat(body).send().await, status, code).await;
    let record = gateway.next_record().await;
    assert_eq!(record["status"], status, "{record}");
    (error, record)
}

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

// === Errors of its own ===

#[tokio::test]
async fn refuses_the_request() {
    let upstream = Upstream::start(fake_openai());
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(chat("fake-error-400")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-attempts")), (400, Some("1")));
    let expect = json!({ "error": {
        "provider": "up", "message": "bad thing from upstream", "type": "invalid_request_error",
        "param": "messages", "code": "bad_thing",
    } });
    assert_eq!(answer.json().await, expect);
    let record = gateway.next_record().await;
    assert_eq!((&record["status"], &record["error"]), (&json!(400), &json!("upstream_error")), "{record}");
    assert_eq!((&record["attempts"], &record["output_tokens"]), (&json!(1), &Value::Null), "{record}");
    refused(gateway.chat(streamed("fake-error-400")).send().await, 400, "bad_thing").await;
    refused(gateway.chat(chat("unheard-of")).send().await, 404, "model_not_found").await;
}

#[tokio::test]
async fn answers_200_with_an_error() {
    let error = json!({ "error": { "message": "too many for us", "code": 429, "metadata": {} } });
    let upstream = Upstream::always(Reply::json(error.to_string()));
    let gateway = gateway_to(&upstream, "retry: { max_attempts: 1 }").await;
    for body in [chat("m"), streamed("m")] {
        let answer = gateway.chat(body).send().await;
        assert_eq!((answer.status(), answer.header("content-type")), (429, Some("application/json")));
        assert_eq!(answer.json().await["error"]["message"], "too many for us");
    }
}

#[tokio::test]
async fn answers_200_with_an_error_that_names_no_status() {
    let upstream = Upstream::always(Reply::json(r#"{"error":{"message":"it broke","type":"internal"}}"#));
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json().await["error"]["message"], "it broke");
    assert_eq!(gateway.next_record().await["attempts"], 3);
}

#[tokio::test]
async fn begins_its_stream_with_an_error() {
    let error = json!({ "error": { "message": "overloaded", "code": 503 } }).to_string();
    let upstream = Upstream::sequence([Reply::sse([&error]), Reply::sse([&error]), Reply::sse([&error])]);
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(streamed("m")).send().await;
    assert_eq!((answer.status(), answer.header("content-type")), (503, Some("application/json")));
    assert_eq!(answer.json().await["error"]["message"], "overloaded");
    assert_eq!(gateway.next_record().await["attempts"], 3);
}

#[tokio::test]
async fn begins_its_stream_with_an_error_once() {
    let error = json!({ "error": { "message": "overloaded", "code": 503 } }).to_string();
    let good = Reply::sse([chunk("hi"), finish_chunk(), "[DONE]".to_owned()]);
    let upstream = Upstream::sequence([Reply::sse([error]), good]);
    let gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(streamed("m")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-attempts")), (200, Some("2")));
    assert!(answer.text().await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn an_error_is_not_json() {
    let upstream = Upstream::always(Reply::new(500).header("content-type", "text/html").bytes("<h1>Oh no</h1>"));
    let mut gateway = gateway_to(&upstream, "retry: { max_attempts: 1 }").await;
    let (error, _) = fails(&mut gateway, &chat("m"), 500, "upstream_error").await;
    assert_eq!(error["provider"], "up");
}

#[tokio::test]
async fn an_error_never_ends() {
    let upstream = Upstream::always(Reply::new(500).step(Step::Repeat("<p>error</p>".into(), 1 << 20)));
    let mut gateway = gateway_to(&upstream, "retry: { max_attempts: 1 }").await;
    fails(&mut gateway, &chat("m"), 500, "upstream_error").await;
}

/// An error that quotes the key.
fn quoting_key() -> String {
    let message = format!("Incorrect API key provided: {PROVIDER_KEY}. Find yours at https://example.com.");
    json!({ "error": { "message": message, "type": "invalid_request_error", "code": "invalid_api_key" } }).to_string()
}

/// Looks for secrets in everything that the gateway tells, at its most talkative.
async fn keeps_secrets(reply: Reply) {
    let upstream = Upstream::always(reply);
    let more = "log: { level: trace }\nretry: { max_attempts: 1 }\nclient_key: tg-client-1b2e88";
    let mut gateway = gateway_to(&upstream, more).await;
    for body in [chat("m"), streamed("m")] {
        let answer = gateway.chat(&body).bearer("tg-client-1b2e88").send().await;
        assert!(answer.status() >= 400);
        assert_no_key("a header", &format!("{:?}", answer.headers()));
        assert_no_key(&format!("the answer to {body}"), &answer.text().await);
    }
    let recent = gateway.get("/admin/v1/usage/recent").send().await.text().await;
    assert_no_key("the usage", &recent);
    gateway.usage_records(2).await;
    gateway.terminate();
    gateway.wait_exit().await;
    for (what, text) in [("standard output", gateway.stdout()), ("standard error", gateway.stderr())] {
        assert_no_key(what, &text);
        assert!(!text.contains("tg-client-1b2e88"), "the client's key is in {what}: {text}");
        assert!(!text.contains("What is a tollgate?"), "what the client said is in {what}: {text}");
    }
}

#[tokio::test]
async fn echoes_the_key() {
    keeps_secrets(Reply::json(quoting_key()).status(401)).await;
    keeps_secrets(Reply::json(quoting_key()).status(500)).await;
    let plain = format!("<h1>who is {PROVIDER_KEY}?</h1>");
    keeps_secrets(Reply::new(403).header("content-type", "text/plain").bytes(plain)).await;
}

#[tokio::test]
async fn echoes_the_key_in_an_answer_of_200() {
    keeps_secrets(Reply::json(quoting_key())).await;
}

#[tokio::test]
async fn echoes_the_key_at_the_beginning_of_a_stream() {
    keeps_secrets(Reply::sse([quoting_key()])).await;
}

#[tokio::test]
async fn echoes_the_key_in_the_middle_of_a_stream() {
    let error = json!({ "error": { "message": format!("{PROVIDER_KEY} has expired") } }).to_string();
    let upstream = Upstream::always(Reply::sse([chunk("hi"), error]));
    let gateway = gateway_to(&upstream, "").await;
    let stream = gateway.chat(streamed("m")).send().await.text().await;
    assert!(stream.contains("has expired"), "{stream}");
    assert_no_key("the stream", &stream);
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

// === In the middle of a stream ===

/// Lets a stream fail after it has begun. Returns the events before the error, the error and the record.
async fn breaks(reply: Reply, more: &str) -> (Vec<String>, Value, Value) {
    let upstream = Upstream::always(reply);
    let mut gateway = gateway_to(&upstream, more).await;
    let answer = gateway.chat(streamed("m")).send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    // The body ends well, although the stream does not: the connection is good for the next request.
    let stream = answer.text().await;
    let error = final_error(&stream);
    let mut events = data_events(&stream);
    events.pop();
    eventually("the upstream to be let go", || (upstream.answering() == 0).then_some(())).await;
    let record = gateway.next_record().await;
    assert_eq!((&record["status"], &record["stream"]), (&json!(200), &json!(true)), "{record}");
    (events, error, record)
}

fn is_estimated(record: &Value, output: u64) {
    assert_eq!(record["estimated"], true, "{record}");
    assert!(record["input_tokens"].as_u64() > Some(0), "{record}");
    assert_eq!(record["output_tokens"], output, "{record}");
}

#[tokio::test]
async fn hangs_in_the_middle_of_a_stream() {
    let reply = Reply::sse([chunk("12345678")]).step(Step::Hang);
    let (events, error, record) = breaks(reply, "timeouts: { idle: 300ms }").await;
    assert_eq!(events, [chunk("12345678")]);
    assert_eq!((&error["code"], &error["provider"]), (&json!("upstream_timeout"), &json!("up")));
    assert_eq!(record["error"], "upstream_timeout");
    is_estimated(&record, 2);
}

#[tokio::test]
async fn takes_longer_than_allowed_in_all() {
    let steps =
        (0..1000).fold(Reply::sse([chunk("a")]), |reply, _| reply.wait(Duration::from_millis(50)).event(&chunk("b")));
    let (_, error, record) = breaks(steps, "timeouts: { total: 500ms }").await;
    assert_eq!((&error["code"], &record["error"]), (&json!("upstream_timeout"), &json!("upstream_timeout")));
}

#[tokio::test]
async fn breaks_off_within_an_event() {
    let whole = chunk("second");
    let reply = Reply::sse([chunk("1234")]).bytes(format!("data: {}", &whole[..30])).step(Step::Cut);
    let (events, error, record) = breaks(reply, "").await;
    assert_eq!(events, [chunk("1234")], "half an event must not reach the client");
    assert_eq!((&error["code"], &error["provider"]), (&json!("upstream_invalid_response"), &json!("up")));
    assert_eq!(record["error"], "upstream_invalid_response");
    is_estimated(&record, 1);
}

#[tokio::test]
async fn breaks_off_between_events() {
    let (events, error, _) = breaks(Reply::sse([chunk("1"), chunk("2")]).step(Step::Cut), "").await;
    assert_eq!((events, &error["code"]), (vec![chunk("1"), chunk("2")], &json!("upstream_invalid_response")));
}

#[tokio::test]
async fn ends_without_having_finished() {
    let (events, error, record) = breaks(Reply::sse([chunk("1"), chunk("2")]), "").await;
    assert_eq!((events.len(), &error["code"]), (2, &json!("upstream_invalid_response")));
    assert_eq!(record["error"], "upstream_invalid_response");
}

#[tokio::test]
async fn ends_within_an_event() {
    let reply = Reply::sse([chunk("1")]).bytes("data: {\"choices\":[{\"del");
    let (events, error, _) = breaks(reply, "").await;
    assert_eq!((events, &error["code"]), (vec![chunk("1")], &json!("upstream_invalid_response")));
}

#[tokio::test]
async fn finishes_without_done() {
    let upstream = Upstream::always(Reply::sse([chunk("1"), finish_chunk()]));
    let mut gateway = gateway_to(&upstream, "").await;
    let stream = gateway.chat(streamed("m")).send().await.text().await;
    assert_eq!(data_events(&stream)[..2], [chunk("1"), finish_chunk()]);
    assert!(!stream.contains("\"error\""), "{stream}");
    assert_eq!(gateway.next_record().await["error"], Value::Null);
}

#[tokio::test]
async fn breaks_off_after_done() {
    let events = [chunk("1"), finish_chunk(), "[DONE]".to_owned()];
    let upstream = Upstream::always(Reply::sse(&events).step(Step::Cut));
    let mut gateway = gateway_to(&upstream, "").await;
    let stream = gateway.chat(streamed("m")).send().await.text().await;
    assert_eq!(data_events(&stream), events);
    assert_eq!(gateway.next_record().await["error"], Value::Null);
}

#[tokio::test]
async fn sends_an_error_in_the_middle_of_a_stream() {
    let failure = json!({ "error": { "message": "the model fell over", "type": "server_error", "code": "fell" } });
    let (events, error, record) = breaks(Reply::sse([chunk("1234"), failure.to_string()]), "").await;
    assert_eq!(events, [chunk("1234")]);
    assert_eq!((&error["message"], &error["code"]), (&json!("the model fell over"), &json!("fell")));
    assert_eq!(record["error"], "upstream_error");
    is_estimated(&record, 1);
}

#[tokio::test]
async fn breaks_off_a_stream_of_the_responses_protocol() {
    let start = "event: response.created\n\
                 data: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{}}\n\n\
                 event: response.output_text.delta\n\
                 data: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"1234\"}\n\n";
    let reply = Reply::new(200).header("content-type", "text/event-stream").bytes(start).step(Step::Cut);
    let upstream = Upstream::always(reply);
    let mut gateway = gateway_to(&upstream, "").await;
    let body = json!({ "model": "m", "input": "hi", "stream": true });
    let answer = gateway.post("/v1/responses", body).send().await;
    let stream = answer.text().await;
    let end = stream.strip_prefix(start).unwrap_or_else(|| panic!("other events than were sent: {stream}"));
    let ends: Vec<Value> = data_events(end).iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    let [error, failed] = &ends[..] else { panic!("an error and the end of the response: {end}") };
    assert_eq!((&error["type"], &error["sequence_number"]), (&json!("error"), &json!(2)));
    assert_eq!((&error["code"], &failed["type"]), (&json!("upstream_invalid_response"), &json!("response.failed")));
    assert_eq!((&failed["sequence_number"], &failed["response"]["status"]), (&json!(3), &json!("failed")));
    let record = gateway.next_record().await;
    assert_eq!(record["error"], "upstream_invalid_response");
    is_estimated(&record, 1);
}

#[tokio::test]
async fn sends_garbage_in_the_middle_of_a_stream() {
    let reply = Reply::sse([chunk("1")]).bytes(vec![0xff, 0xfe, 0, b'\n', b'{', b'\n', b'\n']).step(Step::Cut);
    let upstream = Upstream::always(reply);
    let mut gateway = gateway_to(&upstream, "").await;
    let stream = gateway.chat(streamed("m")).send().await.bytes().await;
    let stream = String::from_utf8_lossy(&stream);
    assert_eq!(data_events(&stream)[0], chunk("1"));
    final_error(&stream);
    assert_eq!(gateway.next_record().await["error"], "upstream_invalid_response");
}

#[tokio::test]
async fn begins_with_an_event_that_is_too_large() {
    let event = Reply::new(200)
        .header("content-type", "text/event-stream")
        .bytes("data: ")
        .step(Step::Repeat("x".repeat(64 * 1024).into(), 64));
    let upstream = Upstream::always(event);
    let mut gateway = gateway_to(&upstream, "").await;
    let (_, record) = fails(&mut gateway, &streamed("m"), 502, "upstream_invalid_response").await;
    assert_eq!(record["attempts"], 1, "it would be as large again");
    eventually("the upstream to be let go", || (upstream.answering() == 0).then_some(())).await;
}

#[tokio::test]
async fn sends_an_event_that_is_too_large() {
    let reply = Reply::sse([chunk("1")]).bytes("data: ").step(Step::Repeat("x".repeat(64 * 1024).into(), 64));
    let (events, error, record) = breaks(reply.step(Step::Hang), "").await;
    assert_eq!((events, &error["code"]), (vec![chunk("1")], &json!("upstream_invalid_response")));
    assert_eq!(record["error"], "upstream_invalid_response");
}

#[tokio::test]
async fn a_failed_stream_leaves_its_connection_good() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let upstream = Upstream::start(|request| match request.json()["stream"] {
        Value::Bool(true) => Reply::sse([chunk("1")]).step(Step::Cut),
        _ => Reply::json(completion("hello")),
    });
    let gateway = gateway_to(&upstream, "").await;
    let mut socket = tokio::net::TcpStream::connect(gateway.authority()).await.unwrap();
    let request = |body: String| {
        let length = body.len();
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let mut seen = String::new();
    for (body, until) in [(streamed("m"), "\r\n0\r\n\r\n"), (chat("m"), &*completion("hello"))] {
        socket.write_all(request(body.to_string()).as_bytes()).await.unwrap();
        seen.clear();
        while !seen.ends_with(until) {
            let mut buffer = [0; 4096];
            let read = socket.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the connection was closed after {seen}");
            seen += str::from_utf8(&buffer[..read]).unwrap();
        }
    }
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
