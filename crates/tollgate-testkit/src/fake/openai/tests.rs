//! The fake against its specification.

use super::super::testing::{post, refused, said, wanted};
use super::*;

const HEADERS: &[(&str, &str)] = &[("authorization", "Bearer k")];

fn chat(body: &Value) -> (u16, String) {
    post(fake_openai_full(), "/v1/chat/completions", HEADERS, body)
}

fn responses(body: &Value) -> (u16, String) {
    post(fake_openai_full(), "/v1/responses", HEADERS, body)
}

fn user(text: &str, more: Value) -> Value {
    wanted(json!({ "model": "fake-chat", "messages": [{ "role": "user", "content": text }] }), more)
}

#[test]
fn chat_requests_are_judged() {
    assert_eq!(post(fake_openai_full(), "/v1/chat/completions", &[], &user("x", json!({}))).0, 401);
    let call = json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let asked = json!({ "role": "assistant", "tool_calls": [call] });
    let cases = [
        (user("x", json!({ "top_k": 1 })), "Unknown parameter: 'top_k'."),
        (user("x", json!({ "model": "gpt-5", "max_tokens": 9 })), "'max_completion_tokens'"),
        (user("x", json!({ "model": "o3", "temperature": 0.5 })), "'temperature' does not support"),
        (user("x", json!({ "messages": [asked, { "role": "user", "content": "x" }] })), "did not have response"),
        (user("x", json!({ "messages": [{ "role": "tool", "tool_call_id": "c", "content": "x" }] })), "preceeding"),
    ];
    for (body, message) in cases {
        refused(chat(&body), message);
    }
    assert_eq!(said(chat(&user("say hello", json!({}))))["choices"][0]["message"]["content"], "Hello from FAKE.");
}

#[test]
fn chat_streams_end() {
    let (_, text) = chat(&user("say hello", json!({ "stream": true, "stream_options": { "include_usage": true } })));
    let events = crate::data_events(&text);
    assert_eq!(events.len(), 7);
    assert!(events[5].contains("\"total_tokens\":27"), "{}", events[5]);
    assert_eq!(events[6], "[DONE]");
    let (_, text) = chat(&user("break midstream", json!({ "stream": true })));
    assert!(!text.contains("[DONE]") && text.contains("server_error"), "{text}");
}

#[test]
fn responses_are_judged() {
    let input = |items: Value| json!({ "model": "gpt-5", "input": items });
    let call = json!({ "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}" });
    let thought = json!({ "type": "reasoning", "id": "rs_1", "summary": [] });
    let cases = [
        (json!({ "model": "m", "input": "x", "messages": [] }), "Unknown parameter: 'messages'."),
        (json!({ "model": "m", "input": "x", "previous_response_id": "resp_x" }), "not found"),
        (json!({ "model": "m", "input": "x", "max_output_tokens": 1 }), "integer below minimum"),
        (input(json!([call])), "No tool output found"),
        (input(json!([{ "type": "function_call_output", "call_id": "c", "output": "" }])), "No tool call found"),
        (input(json!([thought, { "role": "user", "content": "x" }])), "required following item"),
        (input(json!([{ "role": "user", "content": [{ "type": "text", "text": "x" }] }])), "Invalid value: 'text'"),
    ];
    for (body, message) in cases {
        refused(responses(&body), message);
    }
}

#[test]
fn response_streams_are_numbered() {
    let body = json!({
        "model": "gpt-5", "input": "think hard", "stream": true, "reasoning": { "effort": "high", "summary": "auto" },
    });
    let (_, text) = responses(&body);
    let events: Vec<Value> =
        crate::data_events(&text).iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert!(events.iter().enumerate().all(|(at, event)| event["sequence_number"] == at));
    let last = &events.last().unwrap()["response"];
    assert_eq!((&last["status"], &last["output"][0]["type"]), (&json!("completed"), &json!("reasoning")));
}

#[test]
fn responses_remember() {
    let fake = fake_openai_full();
    let tool = json!({ "type": "function", "name": "get_weather", "strict": false, "parameters": {} });
    let first = json!({ "model": "m", "input": "weather in Paris", "tools": [tool] });
    let first = said(post(&fake, "/v1/responses", HEADERS, &first));
    let output = json!({ "type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "sunny" });
    let second = json!({ "model": "m", "input": [output], "previous_response_id": first["id"] });
    let second = said(post(&fake, "/v1/responses", HEADERS, &second));
    assert_eq!(second["output"][0]["content"][0]["text"], "It is sunny");
}
