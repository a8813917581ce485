//! The ledger from outside: what is recorded survives the server, and the absence of its database.

use serde_json::Value;
use tempfile::TempDir;
use tollgate_testkit::servers::Postgres;
use tollgate_testkit::{Call, Gateway, Reply, Upstream};

use crate::support::{chat, chunk, completion, config, finish_chunk, gateway, streamed, usage_chunk};

fn upstream() -> Upstream {
    Upstream::start(|request| match request.json()["stream"] {
        Value::Bool(true) => {
            let events = [chunk("one"), chunk("two"), finish_chunk(), usage_chunk(5, 2), "[DONE]".to_owned()];
            Reply::sse(events)
        }
        _ => Reply::new(200).header("content-type", "application/json").bytes(completion("hello")),
    })
}

async fn start(upstream: &Upstream, data: &TempDir, ledger: &str) -> Gateway {
    let yaml = config(&upstream.base_url(), &format!("ledger: {{ {ledger} }}"));
    gateway().config(yaml).env("TOLLGATE_DATA", &data.path().display().to_string()).start().await
}

async fn requests(gateway: &Gateway) -> u64 {
    let answer = gateway.get("/admin/v1/usage/summary").send().await.json().await;
    answer["total"]["requests"].as_u64().expect("a number")
}

/// Asks for a whole and for a streamed answer, and reads both to their ends.
async fn ask_both(gateway: &Gateway) {
    assert_eq!(gateway.chat(chat("m")).send().await.text().await, completion("hello"));
    assert!(gateway.chat(streamed("m")).send().await.text().await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn sums_outlive_the_server() {
    let (upstream, data) = (upstream(), TempDir::new().unwrap());
    let mut first = start(&upstream, &data, "").await;
    ask_both(&first).await;
    assert_eq!(requests(&first).await, 2);
    first.terminate();
    assert_eq!(first.wait_exit().await.code(), Some(0));
    let second = start(&upstream, &data, "").await;
    ask_both(&second).await;
    assert_eq!(requests(&second).await, 4);
}

#[tokio::test]
async fn a_server_that_is_killed_has_forgotten_nothing_that_was_answered() {
    let (upstream, data) = (upstream(), TempDir::new().unwrap());
    let mut answered = 0;
    for round in 0..5 {
        let mut gateway = start(&upstream, &data, "window: 0").await;
        for _ in 0..=round {
            ask_both(&gateway).await;
            answered += 2;
        }
        gateway.signal("KILL");
        gateway.wait_exit().await;
    }
    let gateway = start(&upstream, &data, "window: 0").await;
    // What earlier servers have left is brought to the database beside the requests.
    let url = format!("{}/admin/v1/usage/summary", gateway.url());
    for _ in 0..1000 {
        if Call::get(&url).send().await.json().await["total"]["requests"] == answered {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(requests(&gateway).await, answered);
    assert_eq!(upstream.requests().len() as u64, answered);
}

#[tokio::test]
async fn a_database_that_is_away_holds_nobody_up() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let (upstream, data) = (upstream(), TempDir::new().unwrap());
    let url = format!("store: postgres, url: \"{}\"", postgres.url());
    let gateway = start(&upstream, &data, &url).await;
    ask_both(&gateway).await;
    assert_eq!(requests(&gateway).await, 2);
    postgres.stop();
    for _ in 0..10 {
        ask_both(&gateway).await;
    }
    gateway.wait_stderr("they wait on the disk").await;
    assert!(!gateway.stderr().contains(&postgres.url()), "{}", gateway.stderr());
    postgres.restart().await;
    gateway.wait_stderr("takes usage records again").await;
    assert_eq!(requests(&gateway).await, 22);
}

#[test]
fn a_folder_that_somebody_named_must_be_there() {
    let finished = gateway().env("TOLLGATE_DATA", "/dev/null/data").arg("--listen").arg("127.0.0.1:0").run();
    assert_ne!(finished.code, Some(0));
    assert!(finished.stderr.contains("/dev/null/data cannot be written to"), "{}", finished.stderr);
}

#[tokio::test]
async fn in_memory_nothing_is_left_behind() {
    let (upstream, data) = (upstream(), TempDir::new().unwrap());
    let gateway = start(&upstream, &data, "store: memory").await;
    ask_both(&gateway).await;
    assert_eq!(requests(&gateway).await, 2);
    assert!(!data.path().join("spool").exists());
}
