//! Tokens, in each protocol's own terms.

use serde_json::{Value, json};
use tollgate_testkit::Reply;

use super::{ask, case, chat, chat_stream, gather, messages, stream};

/// Whether an object has the members of another, nested ones too.
#[track_caller]
fn expect_members(got: &Value, expected: &Value) {
    for (name, expected) in expected.as_object().expect("an object") {
        if expected.is_object() {
            expect_members(&got[name], expected);
        } else {
            assert_eq!(&got[name], expected, "{name} of {got}");
        }
    }
}

fn message(usage: &Value) -> Reply {
    let content = json!([{ "type": "text", "text": "ok" }]);
    let message = json!({ "id": "m", "type": "message", "role": "assistant", "model": "c", "content": content,
        "stop_reason": "end_turn", "stop_sequence": null, "usage": usage });
    Reply::json(message.to_string())
}

fn completion(usage: &Value) -> Reply {
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" });
    let completion = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
        "usage": usage });
    Reply::json(completion.to_string())
}

fn generated(usage: &Value) -> Value {
    let content = json!({ "role": "model", "parts": [{ "text": "ok" }] });
    json!({ "candidates": [{ "index": 0, "content": content, "finishReason": "STOP" }], "usageMetadata": usage })
}

#[tokio::test]
async fn b09_cached_tokens_of_anthropic_count_once() {
    let Some((input, expected)) = case("B09") else { return };
    let told = ask("anthropic", message(&input), "/v1/chat/completions", chat(false)).await;
    expect_members(&told.json()["usage"], &expected);
    let start = json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant",
        "model": "c", "content": [], "usage": input } });
    let end =
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 50 } });
    let events = json!([start, end, { "type": "message_stop" }]);
    let told = ask("anthropic", stream(&events), "/v1/chat/completions", chat(true)).await;
    expect_members(&gather(&told.chunks()).usage[0], &expected);
}

#[tokio::test]
async fn b10_cached_tokens_of_bedrock_count_once() {
    let Some((input, expected)) = case("B10") else { return };
    let output = json!({ "message": { "role": "assistant", "content": [{ "text": "ok" }] } });
    let reply = json!({ "output": output, "stopReason": "end_turn", "usage": input, "metrics": { "latencyMs": 1 } });
    let told = ask("bedrock", Reply::json(reply.to_string()), "/v1/chat/completions", chat(false)).await;
    expect_members(&told.json()["usage"], &expected);
}

#[tokio::test]
async fn b11_later_counts_replace_earlier_ones() {
    let Some((input, expected)) = case("B11") else { return };
    let start = json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant",
        "model": "c", "content": [], "usage": input["anthropic"][0]["message_start.usage"] } });
    let end = json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
        "usage": input["anthropic"][1]["message_delta.usage"] });
    let anthropic = json!([start, end, { "type": "message_stop" }]);
    let gemini: Vec<Value> = input["gemini"]
        .as_array()
        .expect("chunks")
        .iter()
        .enumerate()
        .map(|(at, chunk)| {
            let mut generated = generated(&chunk["usageMetadata"]);
            if at == 0 {
                generated["candidates"][0]["finishReason"] = Value::Null;
            }
            generated
        })
        .collect();
    for (kind, events) in [("anthropic", anthropic), ("gemini", json!(gemini))] {
        let told = ask(kind, stream(&events), "/v1/chat/completions", chat(true)).await;
        let usage = gather(&told.chunks()).usage;
        assert_eq!(usage.len(), 1);
        expect_members(&usage[0], &expected);
    }
}

#[tokio::test]
async fn b12_usage_has_one_place_whatever_the_provider_does() {
    let usage = json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 });
    let text = json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "hi" } }] });
    let finish = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let with = |chunk: &Value, usage: &Value| {
        let mut chunk = chunk.clone();
        chunk["usage"] = usage.clone();
        chunk
    };
    let last = json!({ "choices": [], "usage": usage });
    let null = Value::Null;
    for chunks in [
        json!([text, finish, last]),
        json!([text, with(&finish, &usage)]),
        json!([text, finish, with(&finish, &usage)]),
        json!([with(&text, &null), with(&finish, &null), last]),
        json!([with(&text, &usage), with(&finish, &usage)]),
    ] {
        for kind in ["openai", "mistral", "openrouter"] {
            let told = ask(kind, chat_stream(&chunks), "/v1/chat/completions", chat(true)).await;
            let got = told.chunks();
            let (end, others) = got.split_last().expect("chunks");
            assert_eq!((&end["choices"], &end["usage"]), (&json!([]), &usage), "{kind} {chunks}");
            assert!(others.iter().all(|chunk| chunk["usage"].is_null()), "{kind} {chunks}");
            assert_eq!(gather(&got).finishes, ["stop"], "{kind} {chunks}");
            let mut silent = chat(true);
            silent.as_object_mut().expect("an object").remove("stream_options");
            let told = ask(kind, chat_stream(&chunks), "/v1/chat/completions", silent).await;
            assert!(!told.text.contains("usage"), "{kind} {}", told.text);
        }
    }
}

#[tokio::test]
async fn b13_usage_that_is_told_three_times_is_told_once() {
    let Some((input, expected)) = case("B13") else { return };
    let told = ask("groq", chat_stream(&input), "/v1/chat/completions", chat(true)).await;
    let usage = gather(&told.chunks()).usage;
    assert_eq!(usage, [expected["usage"].clone()]);
    let null = json!([{ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] },
        { "choices": null, "usage": expected["usage"] }]);
    assert_eq!(ask("groq", chat_stream(&null), "/v1/messages", messages(true)).await.status, 200);
}

#[tokio::test]
async fn b30_thoughts_are_output() {
    let Some((input, expected)) = case("B30") else { return };
    let reply = || Reply::json(generated(&input).to_string());
    let told = ask("gemini", reply(), "/v1/chat/completions", chat(false)).await;
    expect_members(&told.json()["usage"], &expected["openai"]);
    let told = ask("gemini", reply(), "/v1/messages", messages(false)).await;
    expect_members(&told.json()["usage"], &expected["anthropic"]);
}

#[tokio::test]
async fn b31_zero_is_a_count() {
    let Some((input, expected)) = case("B31") else { return };
    for (path, body, input_name, output_name) in [
        ("/v1/chat/completions", chat(false), "prompt_tokens", "completion_tokens"),
        ("/v1/messages", messages(false), "input_tokens", "output_tokens"),
    ] {
        let told = ask("openai", completion(&input["usage"]), path, body).await;
        let usage = &told.json()["usage"];
        assert_eq!(usage[input_name], expected["usage"]["prompt_tokens"]);
        assert_eq!(usage[output_name], expected["usage"]["completion_tokens"]);
    }
}

#[tokio::test]
async fn b35_counts_of_a_chat_reach_messages_at_the_end() {
    let Some((input, expected)) = case("B35") else { return };
    let chunks = json!([
        { "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "hi" } }] },
        { "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] },
        { "choices": [], "usage": input["final_usage"] },
    ]);
    let events = ask("openai", chat_stream(&chunks), "/v1/messages", messages(true)).await.chunks();
    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).expect(kind).clone();
    expect_members(&of("message_start")["message"]["usage"], &expected["message_start.usage"]);
    expect_members(&of("message_delta")["usage"], &expected["message_delta.usage"]);
}

#[tokio::test]
async fn b38_reasoning_beside_the_completion_is_output() {
    let Some((input, expected)) = case("B38") else { return };
    let told = ask("xai", completion(&input), "/v1/messages", messages(false)).await;
    expect_members(&told.json()["usage"], &expected["anthropic"]);
    // In its own protocol the provider's numbers stay, and the record has the normalised ones.
    let upstream = tollgate_testkit::Upstream::always(completion(&input));
    let gateway = super::before("xai", &upstream).await;
    gateway.chat(chat(false)).send().await.text().await;
    let record = gateway.usage_records(1).await.remove(0);
    assert_eq!(record["output_tokens"], expected["openai"]["completion_tokens"]);
}
