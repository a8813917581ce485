//! What the tests share.

use serde_json::{Value, json};
use tollgate_testkit::{Answer, Gateway, GatewayBuilder, Upstream, data_events};

/// The key that the gateway signs with; no client may ever see it.
pub(crate) const PROVIDER_KEY: &str = "sk-upstream-4f9a1c7e55d0";

pub(crate) fn gateway() -> GatewayBuilder {
    Gateway::builder(env!("CARGO_BIN_EXE_gateway-server"))
}

/// A configuration with the provider `up` and whatever else is to be in it. Retries come quickly unless it says otherwise.
pub(crate) fn config(base_url: &str, more: &str) -> String {
    let retry = if more.contains("retry:") { "" } else { "retry: { base_delay: 1ms }\n" };
    format!("providers:\n  up: {{ kind: openai, base_url: \"{base_url}\", api_key: {PROVIDER_KEY} }}\n{retry}{more}\n")
}

/// A gateway in front of an upstream.
pub(crate) async fn gateway_to(upstream: &Upstream, more: &str) -> Gateway {
    gateway().config(config(&upstream.base_url(), more)).start().await
}

/// A chat request.
pub(crate) fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "What is a tollgate?" }] })
}

/// A chat request for a stream.
pub(crate) fn streamed(model: &str) -> Value {
    let mut body = chat(model);
    body["stream"] = json!(true);
    body
}

/// A chunk of a chat stream with some text.
pub(crate) fn chunk(text: &str) -> String {
    let choice = json!({ "index": 0, "delta": { "content": text }, "finish_reason": null });
    json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] })
        .to_string()
}

/// The chunk that ends a choice.
pub(crate) fn finish_chunk() -> String {
    let choice = json!({ "index": 0, "delta": {}, "finish_reason": "stop" });
    json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] })
        .to_string()
}

/// The chunk that has nothing but usage.
pub(crate) fn usage_chunk(input: u64, output: u64) -> String {
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    json!({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage,
    })
    .to_string()
}

/// A whole answer of a chat.
pub(crate) fn completion(text: &str) -> String {
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" });
    let usage = json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 });
    json!({
        "id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage,
    })
    .to_string()
}

/// The error that ends a stream; fails if anything else does.
#[track_caller]
pub(crate) fn final_error(stream: &str) -> Value {
    assert!(!stream.contains("[DONE]"), "a stream that failed must not say that it is done: {stream}");
    assert!(stream.ends_with("\n\n"), "the stream ends within an event: {stream:?}");
    let events = data_events(stream);
    let last = events.last().unwrap_or_else(|| panic!("no event in {stream:?}"));
    let error = serde_json::from_str::<Value>(last).unwrap_or_else(|error| panic!("{error}: {last}"))["error"].take();
    assert!(error.is_object(), "the last event is no error: {stream}");
    error
}

/// Fails if a text holds the provider's key.
#[track_caller]
pub(crate) fn assert_no_key(what: &str, text: &str) {
    assert!(!text.contains(PROVIDER_KEY), "the provider's key is in {what}: {text}");
}

/// Fails unless an answer is this error, as OpenAI's clients expect one; returns the error object.
pub(crate) async fn refused(answer: Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-request-id").is_some());
    let seen = answer.status();
    let body = answer.json().await;
    assert_eq!((seen, body["error"]["code"].as_str()), (status, Some(code)), "{body}");
    let error = &body["error"];
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    assert!(error["type"].is_string() && error.get("param").is_some(), "{body}");
    error.clone()
}

/// Sends a chat request to a gateway in front of `upstream`, and returns the answer's error and the record.
pub(crate) async fn fails(gateway: &mut Gateway, body: &Value, status: u16, code: &str) -> (Value, Value) {
    let error = refused(gateway.chat(body).send().await, status, code).await;
    let record = gateway.next_record().await;
    assert_eq!(record["status"], status, "{record}");
    (error, record)
}
