//! Streams, and bodies of every size.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_testkit::{Gate, Gateway, Reply, Step, Upstream, data_events, eventually, fake_openai};

use crate::support::{chat, chunk, completion, config, finish_chunk, gateway, gateway_to, streamed, usage_chunk};

/// How soon the upstream should hear of a client that is gone. It takes milliseconds; the rest is for busy machines.
const AT_ONCE: Duration = Duration::from_secs(3);

fn done() -> String {
    "[DONE]".to_owned()
}

fn with_usage() -> Value {
    let mut body = streamed("m");
    body["stream_options"] = json!({ "include_usage": true });
    body
}

async fn cancelled(upstream: &Upstream, since: Instant) {
    eventually("the upstream to be cancelled", || (upstream.aborted() == 1).then_some(())).await;
    assert!(since.elapsed() < AT_ONCE, "it took {:?}", since.elapsed());
}

// === In time ===

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let gate = Gate::new();
    let words = ["one", "two", "three", "four"].map(chunk);
    let reply = words.iter().fold(Reply::sse([""; 0]), |reply, word| reply.event(word).gate(&gate));
    let upstream = Upstream::always(reply.event(&finish_chunk()).event("[DONE]"));
    let gateway = gateway_to(&upstream, "").await;
    let mut answer = gateway.chat(streamed("m")).send().await;
    for word in &words {
        // The upstream waits at the gate, so whatever was held back would never come.
        assert_eq!(answer.event().await, Some(format!("data: {word}")));
        gate.pass();
    }
    assert_eq!(answer.event().await, Some(format!("data: {}", finish_chunk())));
    assert_eq!(answer.event().await.as_deref(), Some("data: [DONE]"));
    assert_eq!(answer.event().await, None);
}

#[tokio::test]
async fn comments_arrive_as_they_are_sent() {
    let gate = Gate::new();
    let reply = Reply::sse([chunk("one")]).bytes(": still thinking\n\n").gate(&gate).event(&finish_chunk());
    let upstream = Upstream::always(reply.event("[DONE]"));
    let gateway = gateway_to(&upstream, "").await;
    let mut answer = gateway.chat(streamed("m")).send().await;
    answer.event().await;
    assert_eq!(answer.event().await.as_deref(), Some(": still thinking"));
    gate.open();
    assert_eq!(answer.event().await, Some(format!("data: {}", finish_chunk())));
}

#[tokio::test]
async fn a_stream_of_nothing_but_comments_is_opened() {
    let gate = Gate::new();
    let reply = Reply::sse([""; 0]).bytes(": queued\n\n").gate(&gate).event(&chunk("a")).event(&finish_chunk());
    let upstream = Upstream::always(reply.event("[DONE]"));
    let gateway = gateway_to(&upstream, "").await;
    let mut answer = gateway.chat(streamed("m")).send().await;
    assert_eq!(answer.event().await.as_deref(), Some(": queued"));
    gate.open();
    assert_eq!(answer.event().await, Some(format!("data: {}", chunk("a"))));
}

#[tokio::test]
async fn over_http_2() {
    let gate = Gate::new();
    let upstream = Upstream::start({
        let gate = gate.clone();
        move |request| match request.json()["model"].as_str() {
            Some("endless") => Reply::sse([chunk("1")]).step(Step::Hang),
            _ => Reply::sse([chunk("1")]).gate(&gate).event(&finish_chunk()).event("[DONE]"),
        }
    });
    let mut gateway = gateway_to(&upstream, "").await;
    let mut answer = gateway.chat(streamed("m")).http2().send().await;
    assert_eq!(answer.event().await, Some(format!("data: {}", chunk("1"))));
    gate.open();
    assert!(answer.text().await.ends_with("data: [DONE]\n\n"));
    assert_eq!(gateway.next_record().await["status"], 200);
    let mut answer = gateway.chat(streamed("endless")).http2().send().await;
    answer.event().await;
    drop(answer);
    cancelled(&upstream, Instant::now()).await;
    assert_eq!(gateway.next_record().await["status"], 499);
}

// === Byte for byte ===

#[tokio::test]
async fn the_same_bytes_however_they_are_cut() {
    const CASES: usize = 40;
    let stream = [
        ": hello\n\n".to_owned(),
        format!("event: chunk\nid: 7\ndata: {}\n\n", chunk("Grüße 🚦 \"quoted\" \\n")),
        format!("data: {}\n\n", chunk("data: [DONE]")),
        format!("data:{}\n\n", chunk(&"long ".repeat(500))),
        format!("data: {}\n\n", finish_chunk()),
        format!("data: {}\n\n", usage_chunk(11, 22)),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let next = AtomicU64::new(1);
    let upstream = Upstream::start({
        let stream = Bytes::from(stream.clone());
        move |_| cut(&stream, next.fetch_add(1, Ordering::SeqCst))
    });
    let gateway = gateway_to(&upstream, "").await;
    let answers = (0..CASES).map(|_| async {
        let answer = gateway.chat(with_usage()).send().await;
        assert_eq!(answer.text().await, stream);
    });
    join_all(answers).await;
    for record in gateway.usage_records(CASES).await {
        assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(11), &json!(22)), "{record}");
        assert_eq!((&record["estimated"], &record["error"]), (&json!(false), &Value::Null), "{record}");
    }
}

/// The stream in pieces of chance sizes, some of them with a pause between.
fn cut(stream: &Bytes, seed: u64) -> Reply {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let most = [1, 3, 17, 200, 2000][random(5)];
    let mut rest = stream.clone();
    let mut reply = Reply::new(200).header("content-type", "text/event-stream");
    while !rest.is_empty() {
        reply = reply.bytes(rest.split_to((1 + random(most)).min(rest.len())));
        if random(20) == 0 {
            reply = reply.wait(Duration::from_millis(1));
        }
    }
    reply
}

#[tokio::test]
async fn line_ends_of_every_kind() {
    for end in ["\n", "\r\n", "\r"] {
        let stream: String =
            [chunk("a"), finish_chunk(), done()].iter().map(|data| format!("data: {data}{end}{end}")).collect();
        let upstream =
            Upstream::always(Reply::new(200).header("content-type", "text/event-stream").bytes(stream.clone()));
        let mut gateway = gateway_to(&upstream, "").await;
        let answer = gateway.chat(with_usage()).send().await;
        assert_eq!(answer.text().await, stream, "{end:?}");
        assert_eq!(gateway.next_record().await["error"], Value::Null, "{end:?}");
    }
}

#[tokio::test]
async fn the_request_is_sent_as_it_came() {
    let upstream = Upstream::always(Reply::json(completion("hi")));
    let gateway = gateway_to(&upstream, "").await;
    let body = "{ \"messages\" : [ ] ,\n\t\"unknown\": [1e400, -0.0, 12345678901234567890123, null],\r\n \
                \"model\": \"m\", \"caf\\u00e9\": \"\\ud83d\\ude80 \u{1f680}\", \"temperature\": 1.10 } ";
    gateway.chat(body).send().await;
    assert_eq!(upstream.only_request().body, body);
}

#[tokio::test]
async fn only_the_model_is_changed_for_an_alias() {
    let upstream = Upstream::always(Reply::json(completion("hi")));
    let gateway = gateway_to(&upstream, "aliases: { fast: up/some-model-2 }").await;
    let body = |model| format!("{{\"a\": 1.0,\"model\" : \"{model}\" ,\"messages\":[{{\"content\":\"model\"}}]}}");
    for name in ["fast", "up/some-model-2", "some-model-2"] {
        gateway.chat(body(name)).send().await;
    }
    for request in upstream.requests() {
        assert_eq!(request.body, body("some-model-2"));
    }
}

#[tokio::test]
async fn usage_is_asked_for_and_nothing_else_changes() {
    let upstream = Upstream::always(Reply::sse([chunk("a"), finish_chunk(), usage_chunk(1, 1), done()]));
    let gateway = gateway_to(&upstream, "").await;
    let cases = [
        (
            r#"{ "stream" : true, "x":1e5, "model":"m" , "messages":[] }"#,
            r#"{ "stream" : true, "x":1e5, "model":"m" , "messages":[] ,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"model":"m","stream_options": {"include_obfuscation" : false}, "messages":[]}"#,
            r#"{"stream":true,"model":"m","stream_options": {"include_obfuscation" : false,"include_usage":true}, "messages":[]}"#,
        ),
        (
            r#"{"stream":true,"model":"m","stream_options":{"include_usage": false},"messages":[]}"#,
            r#"{"stream":true,"model":"m","stream_options":{"include_usage": true},"messages":[]}"#,
        ),
        (
            r#"{"stream":true,"model":"m","stream_options":null,"messages":[]}"#,
            r#"{"stream":true,"model":"m","stream_options":{"include_usage":true},"messages":[]}"#,
        ),
        (
            r#"{"stream":true,"model":"m","stream_options":{"include_usage" :true},"messages":[]}"#,
            r#"{"stream":true,"model":"m","stream_options":{"include_usage" :true},"messages":[]}"#,
        ),
        (r#"{"stream":false,"model":"m","messages":[]}"#, r#"{"stream":false,"model":"m","messages":[]}"#),
    ];
    for (index, (sent, received)) in cases.into_iter().enumerate() {
        gateway.chat(sent).send().await.bytes().await;
        assert_eq!(upstream.wait_requests(index + 1).await[index].body, received);
    }
}

// === Usage at the end ===

#[tokio::test]
async fn usage_is_hidden_from_who_did_not_ask() {
    let events = [chunk("a"), finish_chunk(), usage_chunk(31, 17), done()];
    let upstream = Upstream::always(Reply::sse(&events));
    let mut gateway = gateway_to(&upstream, "").await;
    let seen = data_events(&gateway.chat(streamed("m")).send().await.text().await);
    assert_eq!(seen, [chunk("a"), finish_chunk(), done()]);
    let seen = data_events(&gateway.chat(with_usage()).send().await.text().await);
    assert_eq!(seen, events);
    for _ in 0..2 {
        let record = gateway.next_record().await;
        assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(31), &json!(17)), "{record}");
        assert_eq!((&record["estimated"], &record["stream"]), (&json!(false), &json!(true)), "{record}");
        assert!(record["time_to_first_token_ms"].as_f64() <= record["latency_ms"].as_f64(), "{record}");
    }
}

#[tokio::test]
async fn usage_is_not_asked_for_where_the_provider_minds() {
    let upstream = Upstream::always(Reply::sse([chunk("12345678"), finish_chunk(), done()]));
    let base = upstream.base_url();
    let yaml =
        format!("providers: {{ up: {{ kind: openai, base_url: \"{base}\", api_key: k, stream_usage: false }} }}");
    let mut gateway = gateway().config(yaml).start().await;
    let body = streamed("m").to_string();
    gateway.chat(&body).send().await.bytes().await;
    assert_eq!(upstream.only_request().body, body);
    let record = gateway.next_record().await;
    assert_eq!((&record["estimated"], &record["output_tokens"]), (&json!(true), &json!(2)), "{record}");
}

#[tokio::test]
async fn tool_calls_and_completions() {
    let upstream = Upstream::start(fake_openai());
    let mut gateway = gateway_to(&upstream, "").await;
    for (path, body) in [("/v1/chat/completions", streamed("fake-tools")), ("/v1/completions", streamed("fake-chat"))] {
        for ask in [false, true] {
            let mut body = body.clone();
            if ask {
                body["stream_options"] = json!({ "include_usage": true });
            }
            let direct = tollgate_testkit::Call::post(format!("{}{path}", upstream.url()), &body).send().await;
            let direct = data_events(&direct.text().await);
            let seen = data_events(&gateway.post(path, &body).send().await.text().await);
            assert_eq!(seen.len(), direct.len(), "{seen:#?}");
            if ask {
                assert_eq!(seen, direct);
            }
            let record = gateway.next_record().await;
            assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(9), &json!(4)), "{record}");
        }
    }
}

#[tokio::test]
async fn a_whole_answer_to_a_request_for_a_stream() {
    let upstream = Upstream::always(Reply::json(completion("hello")));
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(streamed("m")).send().await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events = data_events(&answer.text().await);
    assert_eq!(events.last(), Some(&done()));
    let text: String = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, "hello");
    assert_eq!(gateway.next_record().await["output_tokens"], 3);
}

// === Clients that go ===

#[tokio::test]
async fn a_client_that_goes_in_the_middle() {
    let upstream = Upstream::always(Reply::sse([chunk("12345678")]).step(Step::Hang));
    let mut gateway = gateway_to(&upstream, "").await;
    let mut answer = gateway.chat(streamed("m")).send().await;
    answer.event().await;
    drop(answer);
    cancelled(&upstream, Instant::now()).await;
    let record = gateway.next_record().await;
    assert_eq!((&record["status"], &record["estimated"]), (&json!(499), &json!(true)), "{record}");
    assert!(record["input_tokens"].as_u64() > Some(0), "{record}");
    assert_eq!(record["output_tokens"], 2, "{record}");
}

/// As many clients do, without waiting for the end of the body.
#[tokio::test]
async fn a_client_that_goes_after_the_last_event_has_had_all_of_it() {
    let events = [chunk("12345678"), finish_chunk(), usage_chunk(7, 3), "[DONE]".to_owned()];
    let upstream = Upstream::always(Reply::sse(events).step(Step::Hang));
    let mut gateway = gateway_to(&upstream, "").await;
    let mut answer = gateway.chat(streamed("m")).send().await;
    while answer.event().await.is_some_and(|event| !event.contains("[DONE]")) {}
    drop(answer);
    let record = gateway.next_record().await;
    assert_eq!((&record["status"], &record["estimated"]), (&json!(200), &json!(false)), "{record}");
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(7), &json!(3)), "{record}");
}

#[tokio::test]
async fn a_client_that_goes_before_the_first_byte() {
    for body in [chat("m"), streamed("m")] {
        let upstream = Upstream::always(Reply::hang());
        let mut gateway = gateway_to(&upstream, "").await;
        let calling = tokio::spawn(gateway.chat(body).send());
        upstream.wait_requests(1).await;
        calling.abort();
        cancelled(&upstream, Instant::now()).await;
        let record = gateway.next_record().await;
        assert_eq!((&record["status"], &record["estimated"]), (&json!(499), &json!(true)), "{record}");
        assert!(record["input_tokens"].as_u64() > Some(0), "{record}");
    }
}

#[tokio::test]
async fn a_client_that_goes_between_two_attempts() {
    let upstream = Upstream::always(Reply::error(500, "no"));
    let mut gateway = gateway_to(&upstream, "retry: { base_delay: 1s, max_attempts: 10 }").await;
    let calling = tokio::spawn(gateway.chat(chat("m")).send());
    upstream.wait_requests(1).await;
    calling.abort();
    assert_eq!(gateway.next_record().await["status"], 499);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(upstream.requests().len(), 1, "nobody waits for another attempt");
}

#[tokio::test]
async fn a_client_that_goes_in_the_middle_of_a_pass_through() {
    let upstream = Upstream::always(Reply::new(200).bytes("some").step(Step::Hang));
    let mut gateway = gateway_to(&upstream, "").await;
    let mut answer = gateway.get("/p/up/files/1/content").send().await;
    assert_eq!(answer.try_chunk().await.unwrap().unwrap(), "some");
    drop(answer);
    cancelled(&upstream, Instant::now()).await;
    assert_eq!(gateway.next_record().await["status"], 499);
}

#[tokio::test]
async fn a_client_that_takes_nothing() {
    let event = format!("data: {}\n\n", chunk(&"x".repeat(64 * 1024)));
    let reply = Reply::new(200).header("content-type", "text/event-stream").step(Step::Repeat(event.into(), 1024));
    let upstream = Upstream::always(reply);
    let mut gateway = gateway_to(&upstream, "timeouts: { idle: 500ms }").await;
    let answer = gateway.chat(streamed("m")).send().await;
    eventually("the upstream to be cancelled", || (upstream.aborted() == 1).then_some(())).await;
    let record = gateway.next_record().await;
    assert_eq!((&record["status"], &record["estimated"]), (&json!(499), &json!(true)), "{record}");
    drop(answer);
}

#[tokio::test]
async fn a_slow_client_does_not_fill_the_memory() {
    const MIB: u64 = 1024 * 1024;
    let event = format!("data: {}\n\n", chunk(&"x".repeat(64 * 1024)));
    let (count, size) = (1024, event.len());
    let reply = Reply::new(200).header("content-type", "text/event-stream").step(Step::Repeat(event.into(), count));
    let upstream = Upstream::always(reply.event(&finish_chunk()).event("[DONE]"));
    let mut gateway = gateway_to(&upstream, "").await;
    // A first request, so that what is set up once does not count.
    drop(gateway.chat(streamed("m")).send().await);
    gateway.next_record().await;
    let idle = gateway.resident_bytes();
    let mut answer = gateway.chat(streamed("m")).send().await;
    let mut read = 0;
    for _ in 0..50 {
        read += answer.try_chunk().await.unwrap().unwrap().len();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(upstream.answering(), 1, "the gateway has taken all of it from the upstream");
    while let Some(piece) = answer.try_chunk().await.unwrap() {
        read += piece.len();
    }
    assert!(read > count * size, "only {read} bytes came through");
    let grown = gateway.peak_resident_bytes().saturating_sub(idle) / MIB;
    assert!(grown < 40, "the gateway grew by {grown} MiB");
}

// === Much ===

#[tokio::test]
async fn large_requests() {
    let upstream = Upstream::start(|request| Reply::json(completion(&request.body.len().to_string())));
    let gateway = gateway_to(&upstream, "aliases: { other: up/another-name }").await;
    for (index, size) in [64 * 1024, 1024 * 1024, 8 * 1024 * 1024].into_iter().enumerate() {
        let mut body = chat("m");
        body["messages"][0]["content"] = json!("é\"\n".repeat(size / 6));
        let answer = gateway.chat(&body).send().await;
        assert_eq!(answer.status(), 200);
        // Twice, since a large body is sent in another way when something in it changes.
        body["model"] = json!("other");
        gateway.chat(&body).send().await.bytes().await;
        let requests = upstream.wait_requests(2 * index + 2).await;
        assert_eq!(requests[2 * index + 1].body, body.to_string().replace("\"other\"", "\"another-name\""));
        body["model"] = json!("m");
        assert_eq!(requests[2 * index].body, body.to_string());
    }
}

#[tokio::test]
async fn large_answers() {
    let sizes = [1024 * 1024, 6 * 1024 * 1024];
    let answers = sizes.map(|size| completion(&"ü".repeat(size / 2)));
    let upstream = Upstream::start({
        let answers = answers.clone();
        move |request| Reply::json(answers[usize::from(request.json()["model"] == "1")].clone())
    });
    let mut gateway = gateway_to(&upstream, "").await;
    for (index, expect) in answers.iter().enumerate() {
        let answer = gateway.chat(chat(&index.to_string())).send().await;
        assert!(answer.text().await == *expect, "answer {index} is another one");
        let record = gateway.next_record().await;
        assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(7), &json!(3)), "{record}");
        assert_eq!((&record["status"], &record["error"]), (&json!(200), &Value::Null), "{record}");
    }
}

#[tokio::test]
async fn many_streams_at_once() {
    const STREAMS: usize = 50;
    let gate = Gate::new();
    let upstream = Upstream::start({
        let gate = gate.clone();
        move |request| {
            let model = request.json()["model"].as_str().unwrap_or_default().to_owned();
            let first = Reply::sse([chunk(&model)]).gate(&gate);
            let reply = (0..20).fold(first, |reply, index| reply.event(&chunk(&format!("{model}-{index}"))));
            reply.event(&finish_chunk()).event(&usage_chunk(2, 21)).event("[DONE]")
        }
    });
    let gateway = gateway_to(&upstream, "").await;
    let one = async |gateway: &Gateway, index: usize| {
        let mut answer = gateway.chat(streamed(&format!("m{index}"))).send().await;
        assert_eq!(answer.event().await, Some(format!("data: {}", chunk(&format!("m{index}")))));
        answer
    };
    // All have begun before one may go on.
    let opened = join_all((0..STREAMS).map(|index| one(&gateway, index))).await;
    gate.open();
    let ended = join_all(opened.into_iter().map(|answer| answer.text())).await;
    for (index, stream) in ended.iter().enumerate() {
        let expect: Vec<String> = (0..20).map(|event| chunk(&format!("m{index}-{event}"))).collect();
        assert_eq!(data_events(stream)[..20], expect);
        assert!(stream.ends_with("data: [DONE]\n\n"));
    }
    let summary = {
        gateway.usage_records(STREAMS).await;
        gateway.get("/admin/v1/usage/summary?group_by=provider").send().await.json().await
    };
    assert_eq!((&summary["total"]["requests"], &summary["total"]["output_tokens"]), (&json!(50), &json!(1050)));
    assert_eq!(summary["groups"][0]["by"]["provider"], "up");
}

#[tokio::test]
async fn many_whole_requests_at_once() {
    let upstream = Upstream::start(fake_openai());
    let gateway = gateway().config(config(&upstream.base_url(), "")).start().await;
    let answers = (0..200).map(|_| async { gateway.chat(chat("fake-chat")).send().await.status() });
    assert!(join_all(answers).await.iter().all(|status| *status == 200));
    gateway.usage_records(200).await;
}
