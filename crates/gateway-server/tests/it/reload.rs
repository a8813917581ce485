//! Another configuration for a server that runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_testkit::{Gate, Gateway, PATIENCE, Reply, Upstream};

use crate::support::{chat, chunk, completion, config, finish_chunk, gateway, streamed};

fn echo() -> Upstream {
    Upstream::start(|request| Reply::json(completion(request.json()["model"].as_str().unwrap_or_default())))
}

fn aliased(upstream: &Upstream, model: &str) -> String {
    config(&upstream.base_url(), &format!("aliases: {{ fast: up/{model} }}"))
}

/// The model that answers for the alias.
async fn behind(gateway: &Gateway) -> String {
    let answer = gateway.chat(chat("fast")).send().await;
    assert_eq!(answer.status(), 200);
    answer.json().await["choices"][0]["message"]["content"].as_str().expect("a text").to_owned()
}

async fn wait_for(gateway: &Gateway, model: &str) {
    let started = Instant::now();
    while behind(gateway).await != model {
        assert!(started.elapsed() < PATIENCE, "{model} never answers");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn by_signal_by_file_and_by_request() {
    let upstream = echo();
    let gateway = gateway().config(aliased(&upstream, "one")).start().await;
    assert_eq!(behind(&gateway).await, "one");

    gateway.write_config(&aliased(&upstream, "two"));
    gateway.sighup();
    wait_for(&gateway, "two").await;

    gateway.write_config(&aliased(&upstream, "three"));
    wait_for(&gateway, "three").await;

    gateway.write_config(&aliased(&upstream, "four"));
    let answer = gateway.post("/admin/v1/reload", "").send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(behind(&gateway).await, "four", "a reload that was answered is in force");
    let answer = gateway.post("/admin/v1/reload", "").send().await.json().await;
    assert_eq!(answer["status"], "unchanged");

    let requests = upstream.requests().len();
    gateway.usage_records(requests).await;
    let summary = gateway.get("/admin/v1/usage/summary").send().await.json().await;
    assert_eq!(summary["total"]["requests"], requests, "sums outlive a reload");
}

#[tokio::test]
async fn a_mistake_keeps_what_is_there() {
    let upstream = echo();
    let gateway = gateway().config(aliased(&upstream, "one")).start().await;
    gateway.write_config(&format!("{}nonsense: 1\n", aliased(&upstream, "two")));
    let line = aliased(&upstream, "two").lines().count() + 1;
    let place = format!("tollgate.yaml:{line}:1: nonsense");
    gateway.sighup();
    gateway.wait_stderr(&place).await;
    assert_eq!(behind(&gateway).await, "one");
    let answer = gateway.post("/admin/v1/reload", "").send().await;
    assert_eq!(answer.status(), 422);
    let error = answer.json().await["error"].take();
    assert!(error["details"][0].as_str().is_some_and(|text| text.contains(&place)), "{error}");
    assert_eq!(behind(&gateway).await, "one");
    gateway.write_config(&aliased(&upstream, "three"));
    wait_for(&gateway, "three").await;
}

#[tokio::test]
async fn a_file_that_is_gone_keeps_what_is_there() {
    let upstream = echo();
    let gateway = gateway().config(aliased(&upstream, "one")).start().await;
    std::fs::remove_file(gateway.config_path()).unwrap();
    assert_eq!(gateway.post("/admin/v1/reload", "").send().await.status(), 422);
    assert_eq!(behind(&gateway).await, "one");
    gateway.write_config(&aliased(&upstream, "two"));
    wait_for(&gateway, "two").await;
}

#[tokio::test]
async fn no_request_is_dropped() {
    let upstream = echo();
    let gateway = gateway().config(aliased(&upstream, "m0")).start().await;
    let done = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let load = join_all((0..8).map(|_| async {
        while !done.load(Ordering::Relaxed) {
            assert!(behind(&gateway).await.starts_with('m'));
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let reloads = async {
        for round in 1..=20 {
            gateway.write_config(&aliased(&upstream, &format!("m{round}")));
            assert_eq!(gateway.post("/admin/v1/reload", "").send().await.status(), 200);
            let before = answered.load(Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) < before + 10 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, reloads);
    assert_eq!(behind(&gateway).await, "m20");
    let count = answered.load(Ordering::Relaxed) + 1;
    let records = gateway.usage_records(count).await;
    assert!(records.iter().all(|record| record["status"] == 200 && record["error"] == Value::Null));
}

#[tokio::test]
async fn a_stream_in_flight_goes_on() {
    let gate = Gate::new();
    let reply = Reply::sse([chunk("one")]).gate(&gate).event(&finish_chunk()).event("[DONE]");
    let (upstream, other) = (Upstream::always(reply), echo());
    let gateway = gateway().config(aliased(&upstream, "a")).start().await;
    let mut answer = gateway.chat(streamed("fast")).send().await;
    answer.event().await;
    gateway.write_config(&aliased(&other, "b"));
    assert_eq!(gateway.post("/admin/v1/reload", "").send().await.json().await["status"], "reloaded");
    assert_eq!(behind(&gateway).await, "b");
    gate.open();
    assert!(answer.text().await.ends_with("data: [DONE]\n\n"));
    assert_eq!(gateway.usage_records(2).await.len(), 2);
}

#[tokio::test]
async fn a_client_key_is_exchanged() {
    let gateway = gateway().config("client_key: first").start().await;
    let status = async |key: &str| gateway.chat(chat("demo")).bearer(key).send().await.status();
    assert_eq!((status("first").await, status("second").await), (200, 401));
    gateway.write_config("client_key: second");
    assert_eq!(gateway.post("/admin/v1/reload", "").send().await.status(), 200);
    assert_eq!((status("first").await, status("second").await), (401, 200));
}

#[tokio::test]
async fn what_needs_a_restart_is_said() {
    let gateway = gateway().config("log: { level: info }").start().await;
    gateway.write_config("log: { level: warn }\naliases: { fast: demo }");
    let answer = gateway.post("/admin/v1/reload", "").send().await.json().await;
    assert_eq!(answer, json!({ "status": "reloaded", "needs_restart": ["log"] }));
}

#[tokio::test]
async fn a_key_in_a_file_is_exchanged() {
    let upstream = echo();
    let base = upstream.base_url();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "first-key\n").unwrap();
    let provider = format!("{{ kind: openai, base_url: \"{base}\", api_key_file: \"{}\" }}", file.display());
    let gateway =
        gateway().config(format!("providers: {{ up: {provider} }}\naliases: {{ fast: up/m }}\n")).start().await;
    let key = async || {
        behind(&gateway).await;
        upstream.requests().last().and_then(|request| request.header("authorization").map(str::to_owned))
    };
    assert_eq!(key().await.as_deref(), Some("Bearer first-key"));
    std::fs::write(&file, "second-key\n").unwrap();
    let started = Instant::now();
    while key().await.as_deref() != Some("Bearer second-key") {
        assert!(started.elapsed() < PATIENCE, "the old key stays in use");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
