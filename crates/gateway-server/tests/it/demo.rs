//! What answers a newcomer who has configured nothing.

use serde_json::{Value, json};
use tollgate_testkit::data_events;

use crate::support::{chat, gateway, streamed};

#[tokio::test]
async fn whole_answers() {
    let mut gateway = gateway().start().await;
    let answer = gateway.chat(chat("demo")).send().await;
    assert_eq!(answer.header("x-tollgate-provider"), Some("demo"));
    let answer = answer.json().await;
    assert_eq!(answer["object"], "chat.completion");
    assert!(
        answer["choices"][0]["message"]["content"].as_str().is_some_and(|text| text.contains("What is a tollgate?"))
    );
    let record = gateway.next_record().await;
    assert_eq!((&record["provider"], &record["status"]), (&json!("demo"), &json!(200)), "{record}");
    assert_eq!(record["input_tokens"], answer["usage"]["prompt_tokens"]);
    assert_eq!(record["output_tokens"], answer["usage"]["completion_tokens"]);
    assert!(gateway.stderr().contains("OPENAI_API_KEY"), "the log says what to do next");
}

#[tokio::test]
async fn streams() {
    let mut gateway = gateway().start().await;
    let whole = gateway.chat(chat("demo")).send().await.json().await;
    // Of itself the demo's second answer comes from the cache, which is shown elsewhere.
    let answer = gateway.chat(streamed("demo")).header("x-tollgate-cache", "off").send().await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events = data_events(&answer.text().await);
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    let text: String = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    let (one, other) = (gateway.next_record().await, gateway.next_record().await);
    assert_eq!(one["output_tokens"], other["output_tokens"]);
}

#[tokio::test]
async fn the_second_time_the_cache_answers() {
    let gateway = gateway().start().await;
    let first = gateway.chat(chat("demo")).send().await;
    assert_eq!(first.header("cache-status"), Some("tollgate; fwd=miss; stored"));
    let second = gateway.chat(streamed("demo")).send().await;
    assert_eq!(second.header("cache-status"), Some("tollgate; hit; detail=exact"));
    assert!(second.text().await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn embeddings() {
    let gateway = gateway().start().await;
    let ask = |format: &str| json!({ "model": "demo", "input": ["one", "two"], "encoding_format": format });
    let floats = gateway.post("/v1/embeddings", ask("float")).send().await.json().await;
    assert_eq!(floats["data"].as_array().map(Vec::len), Some(2));
    assert!(floats["data"][1]["embedding"].as_array().is_some_and(|vector| vector.iter().all(Value::is_number)));
    let packed = gateway.post("/v1/embeddings", ask("base64")).send().await.json().await;
    assert!(packed["data"][0]["embedding"].is_string(), "{packed}");
}

#[tokio::test]
async fn responses() {
    let gateway = gateway().start().await;
    let body = json!({ "model": "demo", "input": "Hello there" });
    let answer = gateway.post("/v1/responses", &body).send().await.json().await;
    assert_eq!((&answer["object"], &answer["status"]), (&json!("response"), &json!("completed")));
    assert!(answer.to_string().contains("Hello there"));
    let body = json!({ "model": "demo", "input": "Hello there", "stream": true });
    let events = data_events(&gateway.post("/v1/responses", &body).send().await.text().await);
    let kinds: Vec<Value> =
        events.iter().map(|event| serde_json::from_str::<Value>(event).unwrap()["type"].take()).collect();
    assert_eq!(kinds.first(), Some(&json!("response.created")));
    assert_eq!(kinds.last(), Some(&json!("response.completed")));
    assert!(kinds.contains(&json!("response.output_text.delta")));
}

#[tokio::test]
async fn completions_and_models() {
    let gateway = gateway().start().await;
    let body = json!({ "model": "demo", "prompt": "Hello there" });
    let answer = gateway.post("/v1/completions", body).send().await.json().await;
    assert_eq!(answer["object"], "text_completion");
    let models = gateway.get("/v1/models").send().await.json().await;
    assert!(models["data"].as_array().is_some_and(|models| !models.is_empty()), "{models}");
    let id = models["data"][0]["id"].as_str().unwrap();
    let model = gateway.get(&format!("/v1/models/{id}")).send().await.json().await;
    assert_eq!(model["id"], id);
}

#[tokio::test]
async fn a_request_that_says_nothing() {
    let gateway = gateway().start().await;
    let answer = gateway.chat(json!({ "model": "demo" })).send().await;
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json().await["error"]["param"], "messages");
}
