//! The fake against its specification.

use super::super::testing::{post, refused, said, wanted};
use super::*;

const HEADERS: &[(&str, &str)] = &[("x-api-key", "k"), ("anthropic-version", "2023-06-01")];

fn send(body: &Value) -> (u16, String) {
    post(fake_anthropic(), "/v1/messages", HEADERS, body)
}

#[expect(clippy::needless_pass_by_value, reason = "cases are shorter so")]
fn body(messages: Value, more: Value) -> Value {
    wanted(json!({ "model": "claude-fake", "max_tokens": 4096, "messages": messages }), more)
}

fn tool() -> Value {
    json!([{ "name": "get_weather", "input_schema": { "type": "object" } }])
}

#[test]
fn headers_are_required() {
    let ask = body(json!([{ "role": "user", "content": "say hello" }]), json!({}));
    assert_eq!(post(fake_anthropic(), "/v1/messages", &[], &ask).0, 401);
    assert_eq!(post(fake_anthropic(), "/v1/messages", &HEADERS[..1], &ask).0, 400);
    assert_eq!(said(send(&ask))["content"][0]["text"], "Hello from FAKE.");
}

#[test]
fn requests_are_judged() {
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {} });
    let cases = [
        (json!({ "model": "m", "messages": user("x".into()) }), "max_tokens: Field required"),
        (body(user("x".into()), json!({ "n": 1 })), "n: Extra inputs are not permitted"),
        (body(user("x".into()), json!({ "temperature": 1.5 })), "temperature"),
        (body(user(" ".into()), json!({})), "non-whitespace"),
        (body(json!([{ "role": "system", "content": "x" }]), json!({})), "first message"),
        (body(user("x".into()), json!({ "tools": [{ "name": "a", "input_schema": {} }] })), "input_schema.type"),
        (body(user("x".into()), json!({ "thinking": { "type": "enabled", "budget_tokens": 4096 } })), "max_tokens"),
        (
            body(
                json!([{ "role": "user", "content": "x" }, { "role": "assistant", "content": [call] },
                        { "role": "user", "content": "y" }]),
                json!({ "tools": tool() }),
            ),
            "without `tool_result`",
        ),
        (
            body(
                json!([{ "role": "user", "content": "x" }, { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "foreign", "signature": "s" }] },
                { "role": "user", "content": "y" }]),
                json!({}),
            ),
            "Invalid `signature`",
        ),
    ];
    for (body, message) in cases {
        refused(send(&body), message);
    }
}

#[test]
fn a_tool_loop_with_thinking() {
    let thinking = json!({ "tools": tool(), "thinking": { "type": "enabled", "budget_tokens": 1024 } });
    let question = json!({ "role": "user", "content": "think hard: weather in Paris" });
    let first = said(send(&body(json!([question]), thinking.clone())));
    assert_eq!(first["stop_reason"], "tool_use");
    let result = json!({ "role": "user", "content": [
        { "type": "tool_result", "tool_use_id": first["content"][1]["id"], "content": "sunny" }] });
    let replay =
        |content: Value| body(json!([question, { "role": "assistant", "content": content }, result]), thinking.clone());
    assert_eq!(said(send(&replay(first["content"].clone())))["content"][0]["text"], "It is sunny");
    refused(send(&replay(json!([first["content"][1]]))), "must start with a thinking block");
}

#[test]
fn streams_have_their_order() {
    let ask = body(json!([{ "role": "user", "content": "say hello" }]), json!({ "stream": true }));
    let (_, text) = send(&ask);
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let delta = "content_block_delta";
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        delta,
        delta,
        delta,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
}
