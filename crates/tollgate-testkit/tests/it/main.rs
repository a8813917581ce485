//! The testkit against itself: what the other tests rely on.

mod codec_anthropic;
mod codec_chat;
mod codec_gemini;
mod codec_others;
mod codec_responses;
mod directories;
mod ledger_stores;
mod quota_stores;
mod recordings_translated;
mod redis_client;
mod vector_indexes;

use std::time::Duration;

use serde_json::json;
use tollgate_testkit::{Call, Gate, Refusing, Reply, Step, Upstream, data_events, eventually, fake_openai};

#[tokio::test]
async fn requests_are_recorded_and_answered() {
    let upstream = Upstream::start(fake_openai());
    let body = json!({ "model": "fake-chat", "messages": [] });
    let answer = Call::post(format!("{}/chat/completions?x=1", upstream.base_url()), &body).send().await;
    assert_eq!(answer.json().await["choices"][0]["message"]["content"], "Hello from upstream!");
    let request = upstream.only_request();
    assert_eq!((request.path(), request.json()), ("/v1/chat/completions", body));
    assert_eq!(request.path_and_query, "/v1/chat/completions?x=1");
}

#[tokio::test]
async fn streams_arrive_as_they_are_sent() {
    let gate = Gate::new();
    let upstream = Upstream::always(Reply::sse(["1"]).gate(&gate).event("2"));
    let mut answer = Call::get(upstream.url()).send().await;
    assert_eq!(answer.event().await.as_deref(), Some("data: 1"));
    assert_eq!(upstream.answering(), 1);
    gate.pass();
    assert_eq!(answer.event().await.as_deref(), Some("data: 2"));
    assert_eq!(answer.event().await, None);
    assert_eq!(upstream.aborted(), 0);
}

#[tokio::test]
async fn a_peer_that_goes_is_noticed() {
    let upstream = Upstream::start(|request| match request.path() {
        "/early" => Reply::hang(),
        _ => Reply::sse(["1"]).step(Step::Hang),
    });
    let mut answer = Call::get(upstream.url()).send().await;
    answer.event().await;
    drop(answer);
    eventually("the first abort", || (upstream.aborted() == 1).then_some(())).await;
    let call = Call::get(format!("{}/early", upstream.url())).send();
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    eventually("the second abort", || (upstream.aborted() == 2 && upstream.connections() == 0).then_some(())).await;
}

#[tokio::test]
async fn answers_that_break() {
    let upstream = Upstream::start(|request| match request.path() {
        "/cut" => Reply::sse(["1"]).bytes("data: {\"a").step(Step::Cut),
        "/raw" => Reply::raw([Step::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".into())]),
        _ => Reply::raw([Step::Bytes("garbage\r\n\r\n".into())]),
    });
    let call = |path| Call::get(format!("{}{path}", upstream.url()));
    assert!(call("/cut").send().await.try_bytes().await.is_err());
    assert_eq!(call("/raw").send().await.text().await, "hi");
    assert!(call("/garbage").try_send().await.is_err());
    let refusing = Refusing::start();
    assert!(Call::get(refusing.base_url()).try_send().await.is_err());
}

#[tokio::test]
async fn replies_in_sequence() {
    let upstream = Upstream::sequence([Reply::error(500, "no"), Reply::json("{}")]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(Call::get(upstream.url()).send().await.status());
    }
    assert_eq!(seen, [500, 200, 200]);
}

#[tokio::test]
async fn the_fake_streams_as_openai_does() {
    let upstream = Upstream::start(fake_openai());
    let body = json!({
        "model": "fake-tools", "messages": [], "stream": true, "stream_options": { "include_usage": true },
    });
    let stream = Call::post(format!("{}/chat/completions", upstream.base_url()), body).send().await.text().await;
    let events = data_events(&stream);
    let chunks: Vec<serde_json::Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    let arguments: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, r#"{"city":"Paris"}"#);
    assert_eq!(chunks.last().map(|chunk| &chunk["usage"]["total_tokens"]), Some(&json!(13)));
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
}
