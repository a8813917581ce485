//! Why an answer ended.

use serde_json::{Value, json};
use tollgate_testkit::Reply;

use super::{ask, case, chat, messages, responses};

fn message(stop_reason: &str, text: &str) -> Reply {
    let usage = json!({ "input_tokens": 3, "output_tokens": 2 });
    let content = json!([{ "type": "text", "text": text }]);
    let message = json!({ "id": "m", "type": "message", "role": "assistant", "model": "c", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": usage });
    Reply::json(message.to_string())
}

fn completion(message: &Value, finish: &Value) -> Reply {
    let mut message = message.clone();
    message["role"] = json!("assistant");
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish });
    let completion = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } });
    Reply::json(completion.to_string())
}

#[tokio::test]
async fn b18_a_stop_without_a_twin_is_never_a_good_end() {
    for (reason, expect) in
        [("refusal", "content_filter"), ("model_context_window_exceeded", "length"), ("pause_turn", "stop")]
    {
        let told = ask("anthropic", message(reason, "hm"), "/v1/chat/completions", chat(false)).await;
        assert_eq!(told.json()["choices"][0]["finish_reason"], expect, "{reason}");
        assert_eq!(
            told.json()["choices"][0]["message"]["content"]
                .as_str()
                .or(told.json()["choices"][0]["message"]["refusal"].as_str()),
            Some("hm")
        );
    }
    let filtered = completion(&json!({ "content": "part" }), &json!("content_filter"));
    assert_eq!(ask("openai", filtered, "/v1/messages", messages(false)).await.json()["stop_reason"], "refusal");
    let content = json!({ "role": "model", "parts": [{ "text": "part" }] });
    let safety = json!({ "candidates": [{ "content": content, "finishReason": "SAFETY" }],
        "usageMetadata": { "promptTokenCount": 9, "totalTokenCount": 9 } });
    let told = ask("gemini", Reply::json(safety.to_string()), "/v1/chat/completions", chat(false)).await;
    assert_eq!(told.json()["choices"][0]["finish_reason"], "content_filter");
    let blocked = json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
        "usageMetadata": { "promptTokenCount": 9, "totalTokenCount": 9 } });
    let told = ask("gemini", Reply::json(blocked.to_string()), "/v1/chat/completions", chat(false)).await.json();
    let choice = &told["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("content_filter"), &Value::Null));
    assert_eq!(told["usage"]["prompt_tokens"], 9);
}

#[tokio::test]
async fn b32_calls_make_the_reason_whatever_the_provider_says() {
    let Some((input, _)) = case("B32") else { return };
    let reply = || completion(&input["message"], &input["finish_reason"]);
    let same = ask("openai", reply(), "/v1/chat/completions", chat(false)).await;
    assert_eq!(same.json()["choices"][0]["finish_reason"], "stop", "forwarded as it is");
    assert_eq!(ask("openai", reply(), "/v1/messages", messages(false)).await.json()["stop_reason"], "tool_use");
    let response = ask("mistral", reply(), "/v1/responses", responses(false)).await.json();
    assert_eq!((&response["status"], &response["output"][0]["type"]), (&json!("completed"), &json!("function_call")));
}

#[tokio::test]
async fn b34_a_call_that_was_cut_off_is_told_as_such() {
    let Some((input, expected)) = case("B34") else { return };
    let reply = || completion(&input["message"], &input["finish_reason"]);
    let told = ask("openai", reply(), "/v1/messages", messages(false)).await;
    assert_eq!((told.status, &told.json()["stop_reason"]), (200, &expected["anthropic"]["stop_reason"]));
    assert_eq!(told.json()["content"][0]["input"], json!({}));
    assert!(told.text.contains("lon"), "the raw text is kept: {}", told.text);
    let response = ask("mistral", reply(), "/v1/responses", responses(false)).await.json();
    let expected = &expected["responses"];
    assert_eq!(
        (&response["status"], &response["incomplete_details"]),
        (&expected["status"], &expected["incomplete_details"])
    );
    for (name, value) in expected["output"][0].as_object().expect("an item") {
        assert_eq!(&response["output"][0][name], value, "{name}");
    }
}
