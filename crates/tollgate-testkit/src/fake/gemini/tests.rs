//! The fake against its specification.

use super::super::testing::{post, refused, said, wanted};
use super::*;

const HEADERS: &[(&str, &str)] = &[("x-goog-api-key", "k")];

fn send(model: &str, body: &Value) -> (u16, String) {
    post(fake_gemini(), &format!("/v1beta/models/{model}:generateContent"), HEADERS, body)
}

fn user(text: &str, more: Value) -> Value {
    wanted(json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] }), more)
}

fn tools() -> Value {
    json!([{ "functionDeclarations": [{ "name": "get_weather" }] }])
}

#[test]
fn requests_are_judged() {
    assert_eq!(post(fake_gemini(), "/v1beta/models/x:generateContent", &[], &user("x", json!({}))).0, 403);
    let twice = json!([{ "role": "user", "parts": [{ "text": "a" }] }, { "role": "user", "parts": [{ "text": "b" }] }]);
    let budget = json!({ "generationConfig": { "thinkingConfig": { "thinkingBudget": 1, "thinkingLevel": "LOW" } } });
    let cases = [
        (user("x", json!({ "max_tokens": 1 })), "Unknown name \"maxTokens\""),
        (user("x", json!({ "contents": twice })), "alternate"),
        (user("x", json!({ "contents": [{ "role": "assistant", "parts": [{ "text": "x" }] }] })), "valid role"),
        (user("x", budget), "only one of"),
        (user("x", json!({ "generationConfig": { "temperature": 3 } })), "temperature"),
    ];
    for (body, message) in cases {
        refused(send("gemini-2.5", &body), message);
    }
}

#[test]
fn signatures_come_back() {
    let first = said(send("gemini-3-fake", &user("weather in Paris and Rome", json!({ "tools": tools() }))));
    let turn = first["candidates"][0]["content"].clone();
    let response =
        |id| json!({ "functionResponse": { "id": id, "name": "get_weather", "response": { "output": "wet" } } });
    let replay = |turn: &Value| {
        let results = json!({ "role": "user", "parts": [response("fake1"), response("fake2")] });
        let question = json!({ "role": "user", "parts": [{ "text": "weather in Paris and Rome" }] });
        json!({ "tools": tools(), "contents": [question, turn, results] })
    };
    let second = said(send("gemini-3-fake", &replay(&turn)));
    assert_eq!(second["candidates"][0]["content"]["parts"][0]["text"], "It is wet and wet");
    let mut bare = turn;
    bare["parts"][0].as_object_mut().unwrap().remove("thoughtSignature");
    refused(send("gemini-3-fake", &replay(&bare)), "thought_signature");
}

#[test]
fn streams_are_events_or_an_array() {
    let target = "/v1beta/models/gemini-2.5:streamGenerateContent";
    let (_, text) = post(fake_gemini(), &format!("{target}?alt=sse"), HEADERS, &user("say hello", json!({})));
    assert_eq!(text.matches("\r\n\r\n").count(), 4);
    let (_, text) = post(fake_gemini(), target, HEADERS, &user("say hello", json!({})));
    let array: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(array[3]["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn both_ways_to_write_names() {
    let config = json!({ "generation_config": { "max_output_tokens": 9 } });
    let answer = said(send("gemini-2.5", &user("echo params", config)));
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], r#"{"maxOutputTokens":9}"#);
}
