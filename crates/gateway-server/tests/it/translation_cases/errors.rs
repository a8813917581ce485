//! Failures, and what the transport owes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{Reply, Step, Upstream, data_events, eventually};

use super::{ask, before, chat, messages, responses, stream};
use crate::support::{PROVIDER_KEY, gateway};

fn text_events(kind: &str) -> Vec<Value> {
    match kind {
        "anthropic" => vec![
            json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant",
                "model": "c", "content": [], "usage": { "input_tokens": 3, "output_tokens": 1 } } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "one" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": " two" } }),
        ],
        "gemini" => ["one", " two"]
            .iter()
            .map(|text| json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": text }] } }] }))
            .collect(),
        _ => ["one", " two"]
            .iter()
            .map(|text| json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": { "content": text } }] }))
            .collect(),
    }
}

#[tokio::test]
async fn b15_a_failure_in_the_middle_is_never_a_success() {
    for kind in ["mistral", "anthropic", "gemini"] {
        let error = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
        let mut failing = text_events(kind);
        failing.push(error);
        for (events, says) in [(failing, "Overloaded"), (text_events(kind), "")] {
            for (path, body) in [
                ("/v1/chat/completions", chat(true)),
                ("/v1/messages", messages(true)),
                ("/v1/responses", responses(true)),
            ] {
                let upstream = Upstream::always(stream(&json!(events)));
                let gateway = before(kind, &upstream).await;
                let text = gateway.post(path, body).send().await.text().await;
                let place = format!("{kind} {path} {text}");
                assert!(text.contains("one") && text.contains(" two") && text.contains(says), "{place}");
                for good in ["[DONE]", "\"finish_reason\":\"", "message_delta\"", "message_stop", "response.completed"]
                {
                    assert!(!text.contains(good), "{good} in {place}");
                }
                match path {
                    "/v1/messages" => {
                        let last = data_events(&text).pop().expect("an event");
                        let last: Value = serde_json::from_str(&last).expect("JSON");
                        assert!(last["type"] == "error" && last["error"]["message"].is_string(), "{place}");
                    }
                    "/v1/responses" => {
                        let (error, failed) = (text.find("event: error"), text.find("event: response.failed"));
                        assert!(error.is_some() && error < failed, "{place}");
                    }
                    _ => assert!(text.contains("data: {\"error\":{"), "{place}"),
                }
                let record = gateway.usage_records(1).await.remove(0);
                assert!(!record["error"].is_null() && record["output_tokens"].as_u64() > Some(0), "{record}");
            }
        }
    }
}

#[tokio::test]
async fn b25_a_client_that_goes_cancels_and_is_metered() {
    let mut reply = Reply::sse(text_events("anthropic").iter().map(Value::to_string));
    for _ in 0..1000 {
        let more = json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "x" } });
        reply = reply.step(Step::Wait(Duration::from_millis(20))).event(&more.to_string());
    }
    let upstream = Upstream::always(reply);
    let gateway = before("anthropic", &upstream).await;
    let mut answer = gateway.post("/v1/chat/completions", chat(true)).send().await;
    for _ in 0..3 {
        answer.event().await;
    }
    let gone = Instant::now();
    drop(answer);
    eventually("the provider's connection is closed", || (upstream.aborted() == 1).then_some(())).await;
    assert!(gone.elapsed() < Duration::from_secs(1));
    let record = gateway.usage_records(1).await.remove(0);
    assert_eq!((&record["status"], &record["estimated"]), (&json!(499), &json!(true)), "{record}");
    assert_eq!(upstream.requests().len(), 1, "nobody is asked again");
}

#[tokio::test]
async fn b29_streams_of_bedrock_end_in_many_ways() {
    let frame = |name: &str, payload: Value| {
        let framed = if name.ends_with("Exception") {
            tollgate_protocols::eventstream::encode_exception(name, payload.to_string().as_bytes())
        } else {
            tollgate_protocols::eventstream::encode_event(name, payload.to_string().as_bytes())
        };
        framed.expect("a frame")
    };
    let text = |text: &str| frame("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": text } }));
    let start = || frame("messageStart", json!({ "role": "assistant" }));
    let stop = || frame("messageStop", json!({ "stopReason": "max_tokens" }));
    let usage = || frame("metadata", json!({ "usage": { "inputTokens": 3, "outputTokens": 2, "totalTokens": 5 } }));
    let close = || frame("contentBlockStop", json!({ "contentBlockIndex": 0 }));
    let busy = || frame("throttlingException", json!({ "message": "Too many" }));
    for (frames, expect) in [
        (vec![start(), text("hi"), close(), stop(), usage()], Ok("length")),
        (vec![start(), text("hi"), stop(), usage()], Ok("length")),
        (vec![start(), text("hi")], Err("")),
        (vec![start(), text("hi"), busy()], Err("Too many")),
    ] {
        let reply = Reply::new(200).header("content-type", "application/vnd.amazon.eventstream");
        let reply = frames.into_iter().fold(reply, Reply::bytes);
        let told = ask("bedrock", reply, "/v1/chat/completions", chat(true)).await;
        let got = super::gather(&told.chunks());
        assert_eq!(got.text, "hi", "{}", told.text);
        match expect {
            Ok(finish) => {
                assert_eq!(got.finishes, [finish]);
                assert_eq!(got.usage[0]["total_tokens"], 5);
            }
            Err(says) => assert!(told.text.contains("\"error\"") && told.text.contains(says), "{}", told.text),
        }
    }
}

#[tokio::test]
async fn b39_comments_show_that_a_translated_stream_is_not_idle() {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        json!({ "id": "c", "model": "m", "choices": [choice] }).to_string()
    };
    let mut reply = Reply::sse([chunk(json!({ "content": "early" }), Value::Null)]);
    for _ in 0..8 {
        reply = reply.step(Step::Wait(Duration::from_millis(250))).bytes(": keep-alive\n\n");
    }
    let last = chunk(json!({ "content": "late" }), json!("stop"));
    let upstream = Upstream::always(reply.event(&last).event("[DONE]"));
    let url = upstream.base_url();
    let gateway = gateway()
        .config(format!(
            "providers:\n  up: {{ kind: deepseek, base_url: \"{url}\", api_key: {PROVIDER_KEY} }}\n\
             timeouts: {{ idle: 1s, progress: 1m }}\n"
        ))
        .start()
        .await;
    for (path, body) in [("/v1/messages", messages(true)), ("/api/chat", chat(true))] {
        let text = gateway.post(path, body).send().await.text().await;
        assert!(text.contains("early") && text.contains("late") && !text.contains("\"error\""), "{path} {text}");
    }
}

#[tokio::test]
async fn b39_blank_lines_before_an_answer_are_skipped() {
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" });
    let body = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice] });
    let reply = || Reply::new(200).header("content-type", "application/json").bytes("\n\n").bytes(format!("\n{body}"));
    let told = ask("deepseek", reply(), "/v1/chat/completions", chat(false)).await;
    assert_eq!(told.json()["choices"][0]["message"]["content"], "ok");
    let told = ask("deepseek", reply(), "/v1/messages", messages(false)).await;
    assert_eq!(told.json()["content"][0]["text"], "ok");
}
