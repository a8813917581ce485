//! Behind the server a provider that does what llama.cpp with random weights cannot: call tools, fail, be slow.

use serde_json::{Value, json};
use tollgate_testkit::{Gateway, Upstream, fake_openai};

use super::sdk::Sdk;
use super::{KEY, expect_records};
use crate::support::gateway;

async fn start() -> (Gateway, Upstream) {
    let upstream = Upstream::start(fake_openai());
    let provider = format!("kind: openai, base_url: \"{}\", api_key: k", upstream.base_url());
    // Two, since a single one would be asked for every name, and refuse `no-such-model` in the gateway's place.
    let yaml = format!(
        "client_key: {KEY}\nproviders:\n  up: {{ {provider} }}\n  other: {{ {provider}, models: [other-chat] }}\n"
    );
    (gateway().config(yaml).start().await, upstream)
}

/// Model, status and provider.
fn kind(record: &Value) -> String {
    let model = record["model_asked"].as_str().expect("a model");
    format!("{model} {} {}", record["status"], record["provider"].as_str().unwrap_or("nobody"))
}

async fn tools_and_errors(sdk: Option<Sdk>) {
    let Some(sdk) = sdk else { return };
    let (gateway, _upstream) = start().await;
    sdk.run(&gateway, "fake-tools", &["tools", "tools_stream", "error_model"]).await;
    sdk.run(&gateway, "fake-error-400", &["error_upstream"]).await;
    sdk.run(&gateway, "fake-slow", &["timeout"]).await;
    let records = gateway.usage_records(9).await;
    let expected = [
        ("fake-tools 200 up", 4),
        ("no-such-model 404 nobody", 2),
        ("fake-error-400 400 up", 2),
        ("fake-slow 499 up", 1),
    ];
    expect_records(&records, kind, &expected);
    for record in records.iter().filter(|record| record["status"] == 200) {
        let tokens = (&record["input_tokens"], &record["output_tokens"], &record["estimated"]);
        assert_eq!(tokens, (&json!(9), &json!(4), &json!(false)), "{record}");
    }
}

#[tokio::test]
async fn python() {
    tools_and_errors(Sdk::python()).await;
}

#[tokio::test]
async fn node() {
    tools_and_errors(Sdk::node()).await;
}

#[tokio::test]
async fn langchain() {
    let Some(sdk) = Sdk::langchain() else { return };
    let (gateway, _upstream) = start().await;
    sdk.run(&gateway, "fake-tools", &["bind_tools"]).await;
    expect_records(&gateway.usage_records(2).await, kind, &[("fake-tools 200 up", 2)]);
}
