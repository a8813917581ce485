//! What was used: sums, single requests, files, and what a client is told of itself.

use serde_json::{Value, json};
use tollgate_testkit::{Gateway, Reply, Upstream};

use crate::support::{chat, completion, gateway, gateway_to, refused};

/// A gateway with the keys `web` and `batch`, and their secrets. `web` has asked twice, `batch` once.
async fn used() -> (Upstream, Gateway, [String; 2]) {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, "").await;
    let mut secrets = Vec::new();
    for (name, path, asks) in [("web", "acme/search", 2), ("batch", "acme/jobs", 1)] {
        let key = json!({ "name": name, "path": path, "tags": { "team": name } });
        let key = gateway.post("/admin/v1/keys", key).send().await.json().await;
        let secret = key["secret"].as_str().expect("a secret").to_owned();
        for _ in 0..asks {
            gateway.chat(chat("m")).bearer(&secret).send().await.bytes().await;
        }
        secrets.push(secret);
    }
    (upstream, gateway, secrets.try_into().expect("two secrets"))
}

async fn get(gateway: &Gateway, path: &str) -> Value {
    let answer = gateway.get(&format!("/admin/v1/{path}")).send().await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await
}

#[tokio::test]
async fn sums_by_whatever_one_asks() {
    let (_upstream, gateway, _) = used().await;
    for (query, requests) in [
        ("", 3),
        ("key=web", 2),
        ("path=acme", 3),
        ("path=acme/jobs", 1),
        ("tags=team%3Dweb", 2),
        ("tags=team=web,team=batch", 0),
        ("model=m", 3),
        ("provider=other", 0),
        ("operation=chat_completions&error=none", 0),
        ("from=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z", 0),
    ] {
        let summary = get(&gateway, &format!("usage/summary?{query}")).await;
        assert_eq!(summary["total"]["requests"], requests, "{query}: {summary}");
    }
    let summary = get(&gateway, "usage/summary?group_by=path:1,key,tag:team,day&quantiles=true").await;
    let first = &summary["groups"][0];
    assert_eq!((&first["by"]["path:1"], &first["by"]["key"]), (&json!("acme"), &json!("web")), "{summary}");
    assert_eq!((&first["by"]["tag:team"], &first["requests"]), (&json!("web"), &json!(2)), "{summary}");
    assert!(first["latency"]["p99_ms"].as_f64() >= first["latency"]["p50_ms"].as_f64(), "{summary}");
    assert_eq!(summary["total"]["input_tokens"], 21, "{summary}");
}

#[tokio::test]
async fn records_in_pages() {
    let (_upstream, gateway, _) = used().await;
    let first = get(&gateway, "usage/records?limit=2").await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(first["items"][0]["key"], "batch", "the newest first: {first}");
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = get(&gateway, &format!("usage/records?limit=2&cursor={cursor}")).await;
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next_cursor"]), (Some(1), &Value::Null), "{rest}");
    assert_eq!(get(&gateway, "usage/records?key=web").await["items"].as_array().map(Vec::len), Some(2));
    refused(gateway.get("/admin/v1/usage/records?cursor=nonsense").send().await, 400, "invalid_request").await;
}

#[tokio::test]
async fn records_as_files() {
    let (_upstream, gateway, _) = used().await;
    let export = async |query: &str| gateway.get(&format!("/admin/v1/usage/export?{query}")).send().await;
    let csv = export("format=csv&key=web").await;
    assert!(csv.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"usage.csv\""));
    assert_eq!(csv.text().await.lines().count(), 3, "a line of names and one for each record");
    let lines = export("format=jsonl").await.text().await;
    let keys: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["key"].clone()).collect();
    assert_eq!(keys, ["batch", "web", "web"]);
    let parquet = export("format=parquet").await.bytes().await;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    refused(export("format=xlsx").await, 400, "invalid_request").await;
    refused(export("").await, 400, "invalid_request").await;
}

#[tokio::test]
async fn a_client_is_told_of_its_own_usage_alone() {
    let (_upstream, gateway, [web, batch]) = used().await;
    for (secret, name, requests) in [(&web, "web", 2), (&batch, "batch", 1)] {
        let usage = gateway.get("/v1/usage").bearer(secret).send().await.json().await;
        assert_eq!((&usage["key"], &usage["total"]["requests"]), (&json!(name), &json!(requests)), "{usage}");
        assert_eq!(usage["groups"][0]["by"]["model"], "m", "{usage}");
    }
    refused(gateway.get("/v1/usage").send().await, 401, "invalid_api_key").await;
    refused(gateway.get("/v1/usage").bearer("tg-other").send().await, 401, "invalid_api_key").await;
    refused(gateway.get("/v1/usage?key=batch").bearer(&web).send().await, 400, "invalid_request").await;
    refused(gateway.post("/v1/usage", "{}").bearer(&web).send().await, 405, "method_not_allowed").await;
    let before = gateway.get("/v1/usage?until=2020-01-01T00:00:00Z").bearer(&web).send().await.json().await;
    assert_eq!(before["total"]["requests"], 0, "{before}");
}

#[tokio::test]
async fn without_keys_usage_is_nobodys_own() {
    let gateway = gateway().start().await;
    refused(gateway.get("/v1/usage").send().await, 403, "permission_denied").await;
}

#[tokio::test]
async fn the_parts_are_healthy() {
    let (_upstream, gateway, _) = used().await;
    let health = get(&gateway, "health").await;
    assert_eq!((&health["status"], &health["providers"]), (&json!("ok"), &json!(["up"])), "{health}");
    assert_eq!((&health["directory"]["reachable"], &health["ledger"]["reachable"]), (&json!(true), &json!(true)));
    assert_eq!(health["ledger"]["recorded"], 3, "{health}");
    assert!(get(&gateway, "captures").await["items"].as_array().is_some_and(Vec::is_empty));
}
