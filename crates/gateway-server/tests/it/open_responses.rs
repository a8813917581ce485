//! What the compliance suite of Open Responses asks over HTTP, before every kind of provider. The suite's tests over
//! WebSockets are not here: the gateway has no WebSockets.

use serde_json::{Value, json};
use tollgate_testkit::conformance::{self, Front};
use tollgate_testkit::{
    Gateway, Upstream, data_events, fake_anthropic, fake_bedrock, fake_cohere, fake_gemini, fake_ollama,
    fake_openai_full,
};

use crate::support::{config, gateway};

/// A white dot.
const IMAGE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";

/// Every type of event that the suite knows, but for the prefix; and OpenAI's own names of two of them, which OpenAI's
/// clients read: `reasoning_text` is `reasoning` in the suite.
const EVENTS: &[&str] = &[
    "created",
    "queued",
    "in_progress",
    "completed",
    "failed",
    "incomplete",
    "output_item.added",
    "output_item.done",
    "content_part.added",
    "content_part.done",
    "output_text.delta",
    "output_text.done",
    "refusal.delta",
    "refusal.done",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "reasoning_summary_part.added",
    "reasoning_summary_part.done",
    "reasoning.delta",
    "reasoning.done",
    "reasoning_text.delta",
    "reasoning_text.done",
    "reasoning_summary_text.delta",
    "reasoning_summary_text.done",
    "output_text.annotation.added",
];

struct Case {
    name: &'static str,
    input: Value,
    tools: bool,
    stream: bool,
}

fn said(role: &str, content: impl Into<Value>) -> Value {
    json!({ "type": "message", "role": role, "content": content.into() })
}

fn cases() -> Vec<Case> {
    let case = |name, input| Case { name, input, tools: false, stream: false };
    let image = json!([
        { "type": "input_text", "text": "Describe the image." },
        { "type": "input_image", "image_url": IMAGE },
    ]);
    let weather = || json!([said("user", "What is the weather in Paris?")]);
    vec![
        case("basic-response", json!([said("user", "Say hello in exactly 3 words.")])),
        Case { stream: true, ..case("streaming-response", json!([said("user", "Count from 1 to 5.")])) },
        case("system-prompt", json!([said("system", "You are a pirate."), said("user", "Say hello.")])),
        Case { tools: true, ..case("tool-calling", weather()) },
        Case { tools: true, stream: true, ..case("tool-calling-streaming", weather()) },
        case("image-input", json!([said("user", image)])),
        case(
            "multi-turn",
            json!([said("user", "My name is Alice."), said("assistant", "Hello Alice!"), said("user", "My name?")]),
        ),
    ]
}

async fn ask(gateway: &Gateway, kind: &str, model: &str, case: &Case) {
    let what = format!("{kind} {}", case.name);
    let mut body = json!({ "model": model, "input": case.input, "stream": case.stream });
    if case.tools {
        // The suite leaves `additionalProperties` out; the fake is stricter than OpenAI where `strict` is not said.
        let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"], "additionalProperties": false });
        let tool = json!({ "type": "function", "name": "get_weather", "description": "The weather", "parameters": parameters });
        body["tools"] = json!([tool]);
    }
    let answer = gateway.post("/v1/responses", body).send().await;
    let status = answer.status();
    let text = answer.text().await;
    assert_eq!(status, 200, "{what}: {text}");
    let (violations, response) = if case.stream {
        let events: Vec<Value> =
            data_events(&text).iter().map(|event| serde_json::from_str(event).expect("an event")).collect();
        known(&what, &events);
        if case.tools {
            called(&what, &events);
        }
        let last = events.last().expect("an event")["response"].clone();
        (conformance::stream(Front::Responses, text.as_bytes(), false), last)
    } else {
        let whole = conformance::whole(Front::Responses, 200, text.as_bytes());
        (whole, serde_json::from_str(&text).expect("JSON"))
    };
    if let Ok(violations) = violations {
        assert!(violations.is_empty(), "{what}: {violations:#?}\n{text}");
    }
    assert_eq!(response["status"], "completed", "{what}: {text}");
    let expected = if case.tools { "function_call" } else { "message" };
    let output = response["output"].as_array().expect("output");
    assert!(output.iter().any(|item| item["type"] == expected), "{what}: {text}");
    let is_known = |item: &Value| matches!(item["type"].as_str(), Some("message" | "function_call" | "reasoning"));
    assert!(output.iter().all(is_known), "{what}: {text}");
}

#[track_caller]
fn known(what: &str, events: &[Value]) {
    for event in events {
        let kind = event["type"].as_str().and_then(|kind| kind.strip_prefix("response."));
        assert!(kind.is_some_and(|kind| EVENTS.contains(&kind)), "{what}: {event}");
    }
}

/// A streamed call begins, has arguments, and ends.
#[track_caller]
fn called(what: &str, events: &[Value]) {
    let has = |kind: &str, item: bool| {
        let is_call = |event: &Value| !item || event["item"]["type"] == "function_call";
        let found = events.iter().any(|event| event["type"] == format!("response.{kind}") && is_call(event));
        assert!(found, "{what}: no {kind} in {events:#?}");
    };
    has("output_item.added", true);
    has("function_call_arguments.delta", false);
    has("function_call_arguments.done", false);
    has("output_item.done", true);
}

async fn comply(kind: &str, upstream: Upstream, model: &str) {
    let url = if matches!(kind, "gemini" | "bedrock" | "cohere" | "ollama" | "anthropic") {
        upstream.url()
    } else {
        upstream.base_url()
    };
    let yaml = config(&url, "").replace("kind: openai", &format!("kind: {kind}"));
    let gateway = gateway().config(yaml).start().await;
    for case in cases() {
        ask(&gateway, kind, model, &case).await;
    }
}

#[tokio::test]
async fn openai() {
    comply("openai", Upstream::start(fake_openai_full()), "gpt-4o-fake").await;
}

#[tokio::test]
async fn chat_completions_behind() {
    comply("together", Upstream::start(fake_openai_full()), "fake").await;
    comply("llamacpp", Upstream::start(fake_openai_full()), "fake").await;
}

#[tokio::test]
async fn anthropic() {
    comply("anthropic", Upstream::start(fake_anthropic()), "claude-fake").await;
}

#[tokio::test]
async fn gemini() {
    comply("gemini", Upstream::start(fake_gemini()), "gemini-3-fake").await;
}

#[tokio::test]
async fn bedrock() {
    comply("bedrock", Upstream::start(fake_bedrock()), "fake").await;
}

#[tokio::test]
async fn cohere() {
    comply("cohere", Upstream::start(fake_cohere()), "fake").await;
}

#[tokio::test]
async fn ollama() {
    comply("ollama", Upstream::start(fake_ollama()), "fake").await;
}
