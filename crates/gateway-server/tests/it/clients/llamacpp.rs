//! Behind the server a real llama.cpp server, with a model of random weights.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::{Call, Gateway, component};

use super::process::Process;
use super::sdk::Sdk;
use super::{KEY, expect_records};
use crate::support::gateway;

const MODEL: &str = "tiny";
const PATIENCE: Duration = Duration::from_secs(60);
/// How many streams the case `disconnect` leaves.
const LEFT: usize = 3;

/// A llama.cpp server and the gateway in front of it.
struct Pair {
    gateway: Gateway,
    _llama: Process,
}

impl Pair {
    async fn start() -> Option<Self> {
        let program = component("TOLLGATE_LLAMA_SERVER", "llama.cpp's server")?;
        let weights = component("TOLLGATE_GGUF", "a model for llama.cpp")?;
        let mut command = Command::new(program);
        // The system chooses the port and the server tells which: llama.cpp may share a port that is taken.
        command.args(["--host", "127.0.0.1", "--port", "0", "--alias", MODEL, "--model"]).arg(weights);
        command.args(["--chat-template", "chatml", "--embeddings", "--pooling", "mean"]);
        // Without a seed an answer would now and then be empty.
        command.args(["--ctx-size", "8192", "--parallel", "2", "--threads", "1", "--seed", "7"]);
        let mut llama = Process::start("llama.cpp", command);
        let url = llama.until("readiness", PATIENCE, ready).await;
        let provider = format!("kind: llamacpp, base_url: \"{url}/v1\"");
        let yaml = format!("client_key: {KEY}\nproviders:\n  llama: {{ {provider} }}\n");
        Some(Self { gateway: gateway().config(yaml).start().await, _llama: llama })
    }
}

/// The server's address, once it has loaded its model.
async fn ready(llama: &mut Process) -> Option<String> {
    let output = llama.output();
    assert_eq!(llama.ended(), None, "llama.cpp ended");
    let (_, address) = output.split_once("listening on http://")?;
    // The line may be there in part only.
    let (address, _) = address.split_once('\n')?;
    let url = format!("http://{}", address.trim());
    let health = Call::get(format!("{url}/health")).try_send().await;
    health.is_ok_and(|answer| answer.status() == 200).then_some(url)
}

/// Every call of the model is counted as llama.cpp counts; `expected` has how many of each kind there are.
async fn expect_counted(gateway: &Gateway, expected: &[(&str, usize)]) {
    let records = gateway.usage_records(expected.iter().map(|(_, count)| count).sum()).await;
    expect_records(&records, kind, expected);
    let left = records.iter().filter(|record| record["status"] == 499).count();
    assert!(left <= LEFT, "{records:#?}");
    for record in records.iter().filter(|record| record["status"] == 200) {
        assert_eq!(record["provider"], "llama", "{record}");
        assert_eq!((&record["model_asked"], &record["model_answered"]), (&json!(MODEL), &json!(MODEL)), "{record}");
        assert_eq!((&record["key"], &record["error"]), (&json!("default"), &Value::Null), "{record}");
        assert_eq!(record["estimated"], false, "{record}");
        assert!(record["input_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{record}");
        let has_output = record["output_tokens"].as_u64().is_some_and(|tokens| tokens > 0);
        assert_eq!(has_output, record["operation"] != "embeddings", "{record}");
        assert_eq!(record["time_to_first_token_ms"].is_number(), record["stream"] == true, "{record}");
    }
}

fn kind(record: &Value) -> String {
    let operation = record["operation"].as_str().expect("an operation");
    match (record["stream"].as_bool(), record["status"].as_u64()) {
        // Whether a client that leaves is noticed before the answer is complete depends on who is faster.
        (Some(true), Some(200 | 499)) => format!("{operation} streamed"),
        (Some(false), Some(200)) => format!("{operation} whole"),
        other => format!("{operation} {other:?}"),
    }
}

const CHAT: &[&str] = &["chat", "stream", "stream_usage", "stream_helper", "structured"];
/// With `responses_helper`, which fails on llama.cpp's own Responses: its `response.created` has no `output`.
const OTHERS: &[&str] = &[
    "embeddings",
    "completions",
    "models",
    "responses",
    "responses_stream",
    "responses_helper",
    "error_auth",
    "disconnect",
];

#[tokio::test]
async fn python() {
    let Some(sdk) = Sdk::python() else { return };
    let Some(pair) = Pair::start().await else { return };
    sdk.run(&pair.gateway, MODEL, &[CHAT, OTHERS, &["chat_async"]].concat()).await;
    let expected = [
        ("chat_completions whole", 4),
        ("chat_completions streamed", 8),
        ("embeddings whole", 3),
        ("completions whole", 1),
        ("completions streamed", 1),
        ("responses whole", 2),
        ("responses streamed", 2),
    ];
    expect_counted(&pair.gateway, &expected).await;
}

#[tokio::test]
async fn node() {
    let Some(sdk) = Sdk::node() else { return };
    let Some(pair) = Pair::start().await else { return };
    sdk.run(&pair.gateway, MODEL, &[CHAT, OTHERS].concat()).await;
    let expected = [
        ("chat_completions whole", 3),
        ("chat_completions streamed", 7),
        ("embeddings whole", 2),
        ("completions whole", 1),
        ("completions streamed", 1),
        ("responses whole", 2),
        ("responses streamed", 2),
    ];
    expect_counted(&pair.gateway, &expected).await;
}

#[tokio::test]
async fn langchain() {
    let Some(sdk) = Sdk::langchain() else { return };
    let Some(pair) = Pair::start().await else { return };
    sdk.run(&pair.gateway, MODEL, &["invoke", "stream", "with_structured_output", "embed", "batch"]).await;
    let expected = [("chat_completions whole", 6), ("chat_completions streamed", 1), ("embeddings whole", 2)];
    expect_counted(&pair.gateway, &expected).await;
}
