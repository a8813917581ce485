//! The provider that answers a newcomer, who may well try it with an SDK.

use super::KEY;
use super::sdk::Sdk;
use crate::support::gateway;

/// What a client needs of a server that follows the specification, also where llama.cpp does not.
const CASES: &[&str] = &[
    "chat",
    "stream",
    "stream_usage",
    "stream_helper",
    "embeddings",
    "completions",
    "models",
    "responses",
    "responses_stream",
    "responses_helper",
    "error_auth",
];

async fn conversation(sdk: Option<Sdk>, cases: &[&str]) {
    let Some(sdk) = sdk else { return };
    let gateway = gateway().env("TOLLGATE_API_KEY", KEY).start().await;
    sdk.run(&gateway, "demo", cases).await;
}

#[tokio::test]
async fn python() {
    conversation(Sdk::python(), CASES).await;
}

#[tokio::test]
async fn node() {
    conversation(Sdk::node(), CASES).await;
}

#[tokio::test]
async fn langchain() {
    conversation(Sdk::langchain(), &["invoke", "stream", "embed", "batch"]).await;
}
