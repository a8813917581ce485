//! The cases abstracted from defects of other gateways, each through the server: a scripted provider in front of which a
//! client speaks another protocol. Inputs and expectations are read from the shared list where they are data there; where
//! they are words, the test builds what the words say.

mod errors;
mod finish;
mod requests;
mod streams;
mod usage;

use serde_json::{Value, json};
use tollgate_testkit::{Gateway, Reply, Upstream, data_events, shared};

use crate::support::{PROVIDER_KEY, gateway};

/// Input and expectation of a case; `None` where the shared fixtures are not.
fn case(id: &str) -> Option<(Value, Value)> {
    let path = shared()?.join("fixtures/translation-cases/cases.json");
    let all: Value = serde_json::from_slice(&std::fs::read(path).expect("the cases")).expect("JSON");
    let cases = all["cases"].as_array().expect("a list");
    let case = cases.iter().find(|case| case["id"] == id).expect("the case").clone();
    Some((case["input"].clone(), case["expected"].clone()))
}

/// A gateway with one provider, `up`, of a kind.
async fn before(kind: &str, upstream: &Upstream) -> Gateway {
    let url = match kind {
        "anthropic" | "gemini" | "ollama" | "cohere" | "bedrock" => upstream.url(),
        _ => upstream.base_url(),
    };
    let region = if kind == "bedrock" { ", region: us-east-1" } else { "" };
    let config = format!(
        "providers:\n  up: {{ kind: {kind}, base_url: \"{url}\", api_key: {PROVIDER_KEY}{region} }}\nretry: {{ max_attempts: 1 }}\n"
    );
    gateway().config(config).start().await
}

/// What came of a request.
struct Told {
    status: u16,
    text: String,
    dropped: Option<String>,
    /// What the provider was asked.
    asked: Value,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    fn chunks(&self) -> Vec<Value> {
        data_events(&self.text).iter().filter_map(|data| serde_json::from_str(data).ok()).collect()
    }
}

/// Sends a request to a gateway whose provider answers `reply`.
async fn ask(kind: &str, reply: Reply, path: &str, body: Value) -> Told {
    let upstream = Upstream::always(reply);
    let gateway = before(kind, &upstream).await;
    let answer = gateway.post(path, body).send().await;
    let status = answer.status();
    let dropped = answer.header("x-tollgate-dropped").map(str::to_owned);
    let text = answer.text().await;
    let asked = upstream.requests().pop().map(|request| request.json()).unwrap_or_default();
    Told { status, text, dropped, asked }
}

/// The events of a provider as a stream.
fn stream(events: &Value) -> Reply {
    Reply::sse(events.as_array().expect("events").iter().map(Value::to_string))
}

/// The chunks of a Chat Completions stream with its end; what a case leaves out of them is added.
fn chat_stream(chunks: &Value) -> Reply {
    let chunks = chunks.as_array().expect("chunks").iter().map(|chunk| {
        let mut chunk = chunk.clone();
        for (name, value) in [("id", json!("chatcmpl-1")), ("model", json!("m")), ("created", json!(1))] {
            if chunk.get(name).is_none() {
                chunk[name] = value;
            }
        }
        chunk["object"] = json!("chat.completion.chunk");
        chunk.to_string()
    });
    Reply::sse(chunks.chain(["[DONE]".to_owned()]))
}

fn chat(stream: bool) -> Value {
    json!({ "model": "up/m", "messages": [{ "role": "user", "content": "go" }], "stream": stream,
        "stream_options": if stream { json!({ "include_usage": true }) } else { Value::Null } })
}

fn messages(stream: bool) -> Value {
    json!({ "model": "up/m", "max_tokens": 100, "messages": [{ "role": "user", "content": "go" }], "stream": stream })
}

fn responses(stream: bool) -> Value {
    json!({ "model": "up/m", "input": "go", "stream": stream })
}

/// What the chunks of a Chat Completions stream say together.
#[derive(Debug, Default)]
struct Chat {
    text: String,
    reasoning: String,
    /// Id, name and joined arguments, in the order of their index.
    calls: Vec<(String, String, String)>,
    finishes: Vec<String>,
    usage: Vec<Value>,
}

fn gather(chunks: &[Value]) -> Chat {
    let mut chat = Chat::default();
    for chunk in chunks {
        chat.usage.extend(chunk.get("usage").filter(|usage| usage.is_object()).cloned());
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let delta = &choice["delta"];
            chat.text += delta["content"].as_str().unwrap_or_default();
            chat.reasoning += delta["reasoning_content"].as_str().unwrap_or_default();
            chat.finishes.extend(choice["finish_reason"].as_str().map(str::to_owned));
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = usize::try_from(call["index"].as_u64().expect("an index")).expect("small");
                if index == chat.calls.len() {
                    let text = |value: &Value| value.as_str().expect("a string").to_owned();
                    assert_eq!(call["type"], "function");
                    chat.calls.push((text(&call["id"]), text(&call["function"]["name"]), String::new()));
                }
                chat.calls[index].2 += call["function"]["arguments"].as_str().unwrap_or_default();
            }
        }
    }
    chat
}
