//! Providers that fail in the middle of a stream.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::{Reply, Step, Upstream, data_events, eventually};

use crate::support::{chat, chunk, completion, fails, final_error, finish_chunk, gateway_to, streamed};

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

/// A stream that after its first event, or from its very beginning, has nothing but comments.
fn signs_of_life(events: &[String]) -> Reply {
    (0..200).fold(Reply::sse(events), |reply, _| reply.bytes(": keep-alive\n\n").wait(Duration::from_millis(50)))
}

#[tokio::test]
async fn only_shows_that_it_lives() {
    let times = "timeouts: { idle: 5s, progress: 600ms }";
    let (events, error, record) = breaks(signs_of_life(&[chunk("12345678")]), times).await;
    assert_eq!(events, [chunk("12345678")]);
    assert_eq!((&error["code"], &error["provider"]), (&json!("upstream_timeout"), &json!("up")));
    assert_eq!(record["error"], "upstream_timeout");
    let (events, error, _) = breaks(signs_of_life(&[]), times).await;
    assert_eq!((events.len(), &error["code"]), (0, &json!("upstream_timeout")));
}

#[tokio::test]
async fn only_shows_that_it_lives_to_clients_of_other_protocols() {
    let start = [chunk("12345678")];
    let upstream = Upstream::start(move |_| signs_of_life(&start));
    let config = format!(
        "providers:\n  up: {{ kind: groq, base_url: \"{}\", api_key: k, timeouts: {{ progress: 600ms }} }}\n",
        upstream.base_url()
    );
    let mut gateway = crate::support::gateway().config(config).start().await;
    let messages = json!([{ "role": "user", "content": "hi" }]);
    let body = json!({ "model": "m", "max_tokens": 9, "stream": true, "messages": messages });
    let stream = gateway.post("/v1/messages", body).send().await.text().await;
    assert!(stream.contains("12345678"), "{stream}");
    let (_, end) = stream.rsplit_once("event: error\n").unwrap_or_else(|| panic!("no error: {stream}"));
    assert_eq!(serde_json::from_str::<Value>(&data_events(end)[0]).unwrap()["type"], "error", "{stream}");
    assert_eq!(gateway.next_record().await["error"], "upstream_timeout");
    assert!(!stream.contains("message_stop"), "{stream}");
}

#[tokio::test]
async fn only_shows_that_it_lives_in_a_stream_of_responses() {
    let event = json!({ "type": "response.created", "sequence_number": 0, "response": {} }).to_string();
    let upstream = Upstream::always(signs_of_life(&[event]));
    let mut gateway = gateway_to(&upstream, "timeouts: { idle: 5s, progress: 600ms }").await;
    let body = json!({ "model": "m", "input": "hi", "stream": true });
    let stream = gateway.post("/v1/responses", body).send().await.text().await;
    let last: Value = serde_json::from_str(data_events(&stream).last().expect("events")).unwrap();
    assert_eq!((&last["type"], &last["response"]["status"]), (&json!("response.failed"), &json!("failed")), "{stream}");
    assert_eq!(last["response"]["error"]["code"], "upstream_timeout", "{stream}");
    assert_eq!(gateway.next_record().await["error"], "upstream_timeout");
}

#[tokio::test]
async fn begins_a_whole_answer_with_blank_lines() {
    let reply = Reply::new(200).header("content-type", "application/json").bytes("\n\n").bytes(" \r\n");
    let upstream = Upstream::always(reply.wait(Duration::from_millis(20)).bytes(completion("hello")));
    let gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json().await["choices"][0]["message"]["content"], "hello");
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
