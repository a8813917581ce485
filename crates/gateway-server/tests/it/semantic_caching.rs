//! Answers for rephrased requests, with the real model and real stores.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tollgate_testkit::servers::{Qdrant, Redis};
use tollgate_testkit::{Call, Gateway, Received, Reply, Upstream, component};

use crate::support::{completion, config, gateway, gateway_to};

fn model() -> Option<PathBuf> {
    component("TOLLGATE_MINILM", "all-MiniLM-L6-v2")
}

/// Answers by what is asked for, as a model does.
fn answering() -> Upstream {
    Upstream::start(|request: &Received| {
        if request.path() == "/v1/embeddings" {
            return embedding(&request.json());
        }
        let body = request.json();
        let asked = body["messages"].as_array().and_then(|messages| messages.last().cloned()).unwrap_or_default();
        let asked = asked["content"].as_str().unwrap_or_default().to_lowercase();
        let answer = if asked.contains("password") {
            "Open the settings, choose security, and follow the link that we send you by mail."
        } else if asked.contains("invoice") {
            "Every invoice is listed under billing, where each can be downloaded as a document."
        } else {
            "I do not know anything about that, so please ask somebody else who does."
        };
        Reply::json(completion(answer))
    })
}

/// Counts letters: enough for texts that have nearly the same ones.
fn embedding(body: &Value) -> Reply {
    let mut vector = vec![0.0; 26];
    for letter in body["input"].as_str().unwrap_or_default().to_lowercase().bytes().filter(u8::is_ascii_lowercase) {
        vector[usize::from(letter - b'a')] += 1.0;
    }
    let data = json!([{ "object": "embedding", "index": 0, "embedding": vector }]);
    let usage = json!({ "prompt_tokens": 5, "total_tokens": 5 });
    Reply::json(json!({ "object": "list", "model": "e", "data": data, "usage": usage }).to_string())
}

fn question(text: &str) -> Value {
    json!({ "model": "m", "temperature": 0, "messages": [{ "role": "user", "content": text }] })
}

async fn ask(gateway: &Gateway, text: &str) -> (String, String) {
    let answer = gateway.chat(question(text)).send().await;
    let status = answer.header("cache-status").unwrap_or("none").to_owned();
    let said = answer.json().await["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
    (status, said)
}

/// Asks until the answer is stored where rephrased requests find it, which happens after it has left.
async fn ask_until_hit(gateway: &Gateway, text: &str) -> String {
    for _ in 0..200 {
        // One that only takes stored answers leaves nothing behind.
        let call = gateway.chat(question(text)).header("x-tollgate-cache", "only-if-cached, semantic");
        let answer = call.send().await;
        if answer.status() == 200 {
            assert_eq!(answer.header("cache-status"), Some("tollgate; hit; detail=semantic"));
            return answer.json().await["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{text}: never found; {}", gateway.get("/admin/v1/cache/stats").send().await.text().await);
}

fn semantic(model: &std::path::Path, more: &str) -> String {
    // Which hits are asked upstream as well is a matter of chance, and some tests count what is asked.
    let always = "start: warm, shadow_rate: 0";
    format!("cache:\n  mode: semantic\n  semantic: {{ model: \"{}\", {always}, {more} }}", model.display())
}

#[tokio::test]
async fn a_rephrased_question_gets_the_stored_answer_and_another_question_does_not() {
    let Some(model) = model() else { return };
    let upstream = answering();
    for policy in ["policy: calibrated", "policy: threshold, threshold: 0.85"] {
        let gateway = gateway_to(&upstream, &semantic(&model, policy)).await;
        let before = upstream.requests().len();
        let (status, first) = ask(&gateway, "How do I reset my password?").await;
        assert!(status.starts_with("tollgate; fwd=miss; stored"), "{status}");
        assert_eq!(ask_until_hit(&gateway, "How can I reset my password?").await, first, "{policy}");
        for other in ["How do I reset my invoice?", "How do I not reset my password?", "What do whales eat?"] {
            let (status, _) = ask(&gateway, other).await;
            assert!(status.contains("miss"), "{policy}: {other}: {status}");
        }
        assert_eq!(upstream.requests().len() - before, 4);
        let (status, _) = ask(&gateway, "Where is my order?").await;
        assert_eq!(status, "tollgate; fwd=miss; stored; detail=personal");
        let stats = gateway.get("/admin/v1/cache/stats").send().await.json().await;
        assert!(stats["semantic"]["namespaces"].as_array().is_some_and(|list| !list.is_empty()), "{stats}");
    }
}

#[tokio::test]
async fn some_hits_are_asked_upstream_as_well() {
    let Some(model) = model() else { return };
    let upstream = answering();
    let often = semantic(&model, "policy: calibrated").replace("shadow_rate: 0", "shadow_rate: 0.3");
    let gateway = gateway_to(&upstream, &often).await;
    let (_, first) = ask(&gateway, "How do I reset my password?").await;
    ask_until_hit(&gateway, "How can I reset my password?").await;
    // Each is drawn with at least one in two hundred and at most one half.
    for _ in 0..2000 {
        let (status, said) = ask(&gateway, "How can I reset my password?").await;
        assert_eq!(said, first, "{status}");
        if upstream.requests().len() > 1 {
            break;
        }
    }
    assert_eq!(upstream.requests().len(), 2);
    // Charged to the gateway, after however many hits.
    let mut count = 3;
    let shadow = loop {
        let records = gateway.usage_records(count).await;
        count = records.len() + 1;
        if let Some(shadow) = records.into_iter().find(|record| record["key"] == "tollgate") {
            break shadow;
        }
    };
    assert_eq!(shadow["operation"], "chat_completions");
}

#[tokio::test]
async fn nothing_is_reused_before_there_is_evidence() {
    let Some(model) = model() else { return };
    let upstream = answering();
    let gateway = gateway_to(&upstream, &semantic(&model, "policy: calibrated").replace("warm", "observe")).await;
    ask(&gateway, "How do I reset my password?").await;
    for again in ["How can I reset my password?", "Please tell me how to reset my password"] {
        let (status, _) = ask(&gateway, again).await;
        assert!(status.contains("fwd=miss"), "{status}");
    }
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn decisions_are_explained() {
    let Some(model) = model() else { return };
    let upstream = answering();
    let gateway = gateway_to(&upstream, &semantic(&model, "policy: calibrated")).await;
    ask(&gateway, "How do I reset my password?").await;
    ask_until_hit(&gateway, "How can I reset my password?").await;
    let explain = async |text: &str| {
        let body = json!({ "request": question(text) });
        gateway.post("/admin/v1/cache/explain", body).send().await.json().await
    };
    let hit = explain("How can I reset my password?").await;
    assert_eq!((&hit["outcome"], &hit["reason"]), (&json!("hit"), &json!("semantic")), "{hit}");
    assert!(hit["semantic"]["similarity"].as_f64() > Some(0.9), "{hit}");
    let negated = explain("How do I not reset my password?").await;
    assert_eq!(negated["outcome"], "miss", "{negated}");
    assert!(!negated["semantic"]["flags"].as_array().expect("flags").is_empty(), "{negated}");
    let exact = explain("How do I reset my password?").await;
    assert_eq!((&exact["reason"], &exact["exact"]["state"]), (&json!("exact"), &json!("fresh")), "{exact}");
    assert_eq!(explain("Where is my order?").await["reason"], "personal");
    let live = explain("What time is it now?").await;
    assert_eq!(live["outcome"], "miss", "{live}");
    assert_eq!(upstream.requests().len(), 1, "explaining asks nobody");
    let answer = gateway.post("/admin/v1/cache/explain", "{}").send().await;
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn what_is_like_a_text_is_purged() {
    let Some(model) = model() else { return };
    let upstream = answering();
    let gateway = gateway_to(&upstream, &semantic(&model, "policy: calibrated")).await;
    ask(&gateway, "How do I reset my password?").await;
    ask(&gateway, "Where do I find an old invoice?").await;
    ask_until_hit(&gateway, "How can I reset my password?").await;
    ask_until_hit(&gateway, "Where can I find an old invoice?").await;
    let purge = async |dry_run: bool| {
        let near = json!({ "text": "resetting a password", "similarity": 0.6, "dry_run": dry_run });
        gateway.post("/admin/v1/cache/purge-near", near).send().await.json().await
    };
    assert_eq!(purge(true).await["entries"], 1);
    assert_eq!(purge(false).await["entries"], 1);
    assert!(ask(&gateway, "How do I reset my password?").await.0.contains("miss"));
    assert!(ask(&gateway, "Where do I find an old invoice?").await.0.contains("hit; detail=exact"));
}

#[tokio::test]
async fn vectors_and_answers_are_shared_in_redis() {
    let (Some(model), Some(mut redis)) = (model(), Redis::start().await) else { return };
    let upstream = answering();
    let more = format!(
        "{}\n  redis: {{ url: \"{}\", read_timeout: 500ms }}",
        semantic(&model, "vectors: redis, search_timeout: 500ms"),
        redis.url()
    );
    let (one, other) = (gateway_to(&upstream, &more).await, gateway_to(&upstream, &more).await);
    let (_, first) = ask(&one, "How do I reset my password?").await;
    assert_eq!(ask_until_hit(&other, "How can I reset my password?").await, first);
    // The answer itself, too.
    let mut status = String::new();
    for _ in 0..100 {
        status = ask(&other, "How do I reset my password?").await.0;
        if status.contains("hit; detail=exact") {
            break;
        }
    }
    assert!(status.contains("hit; detail=exact"), "{status}");
    assert_eq!(one.post("/admin/v1/cache/purge", json!({ "model": "up/m" })).send().await.status(), 200);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert!(ask(&other, "How do I reset my password?").await.0.contains("miss"), "purged everywhere");
    redis.stop();
    for text in ["How do I reset my password?", "How could I reset my password?"] {
        assert!(!ask(&other, text).await.1.is_empty(), "a store that is down is a miss");
    }
    let stale = ask(&one, "Where do I find an old invoice?").await;
    assert!(stale.1.contains("invoice"));
}

#[tokio::test]
async fn the_model_is_fetched_from_a_hub() {
    let Some(model) = model() else { return };
    let files = model.clone();
    let hub = Upstream::start(move |request: &Received| {
        let name = request.path().rsplit('/').next().unwrap_or_default();
        match std::fs::read(files.join(name)) {
            Ok(bytes) => Reply::new(200).bytes(bytes),
            Err(_) => Reply::error(404, "no such file"),
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("model");
    let fetch = |endpoint: &str| {
        let arguments = ["model", "fetch", "--into", into.to_str().expect("a path"), "--endpoint", endpoint];
        arguments.iter().fold(gateway(), |builder, argument| builder.arg(argument)).run()
    };
    let failed = fetch("http://127.0.0.1:1");
    assert!(failed.code == Some(1) && failed.stderr.contains("not fetched"), "{}", failed.stderr);
    let url = hub.url();
    let finished = fetch(&url);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("100 %"), "{}", finished.stderr);
    let upstream = answering();
    let gateway = gateway_to(&upstream, &semantic(&into, "policy: calibrated")).await;
    ask(&gateway, "How do I reset my password?").await;
    ask_until_hit(&gateway, "How can I reset my password?").await;
}

#[tokio::test]
async fn what_is_cached_outlives_a_restart() {
    let Some(model) = model() else { return };
    let upstream = answering();
    let folder = tempfile::tempdir().expect("a folder");
    let more = format!("{}\n  snapshot: \"{}\"", semantic(&model, "policy: calibrated"), folder.path().display());
    let mut gateway = gateway_to(&upstream, &more).await;
    let (_, password) = ask(&gateway, "How do I reset my password?").await;
    let (_, invoice) = ask(&gateway, "Where do I find an old invoice?").await;
    ask_until_hit(&gateway, "How can I reset my password?").await;
    ask_until_hit(&gateway, "Where can I find an old invoice?").await;
    gateway.terminate();
    assert!(gateway.wait_exit().await.success());
    let gateway = gateway_to(&upstream, &more).await;
    // First of all, so that nothing else was stored by this start that they could resemble; and at once, not in a while.
    for (rephrased, answer) in
        [("Please tell me how to reset my password", &password), ("Where could I find an old invoice?", &invoice)]
    {
        let (status, said) = ask(&gateway, rephrased).await;
        assert_eq!((&*status, &said), ("tollgate; hit; detail=semantic", answer), "{rephrased}");
    }
    assert_eq!(upstream.requests().len(), 2, "of the first start");
    assert!(ask(&gateway, "How do I reset my password?").await.0.contains("hit; detail=exact"));
    // No stored prompt has its words, which is known without a search.
    let (status, said) = ask(&gateway, "What do whales eat?").await;
    assert!(status.starts_with("tollgate; fwd=miss") && status.ends_with("detail=no-candidate"), "{status}");
    assert!(said != password && said != invoice);
    let (status, _) = ask(&gateway, "How do I not reset my password?").await;
    assert!(status.starts_with("tollgate; fwd=miss") && !status.contains("no-candidate"), "{status}");
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn vectors_are_kept_in_qdrant() {
    let (Some(model), Some(qdrant)) = (model(), Qdrant::start().await) else { return };
    let upstream = answering();
    let more = format!("vectors: qdrant, search_timeout: 2s, qdrant: {{ url: \"{}\" }}", qdrant.url());
    let gateway = gateway_to(&upstream, &semantic(&model, &more)).await;
    let (_, first) = ask(&gateway, "How do I reset my password?").await;
    assert_eq!(ask_until_hit(&gateway, "How can I reset my password?").await, first);
}

/// Requests that come while `disturb` does what it does to a store; every one must be answered, and rightly.
async fn under_load(gateway: &Gateway, disturb: impl AsyncFnOnce()) {
    const CLIENTS: usize = 8;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stop, url) = (stop.clone(), format!("{}/v1/chat/completions", gateway.url()));
            tokio::spawn(async move {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) && count < 500 {
                    let (text, expected) = match (client + count) % 3 {
                        0 => (format!("How do I reset my password, step {}?", WORDS[count % WORDS.len()]), "settings"),
                        1 => ("Where do I find an old invoice?".to_owned(), "billing"),
                        _ => (format!("What do {} eat?", WORDS[count % WORDS.len()]), "ask somebody else"),
                    };
                    let answer = Call::post(&url, question(&text)).send().await;
                    assert_eq!(answer.status(), 200, "{text}");
                    let said = answer.text().await;
                    assert!(said.contains(expected), "{text}: {said}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    disturb().await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.expect("no wrong answer") > 3);
    }
}

const WORDS: [&str; 7] = ["whales", "goats", "owls", "ants", "bears", "frogs", "eels"];

/// Long enough for many requests.
async fn a_while() {
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
}

#[tokio::test]
async fn a_redis_that_stops_stalls_and_comes_back_fails_no_request() {
    let (Some(model), Some(mut redis)) = (model(), Redis::start().await) else { return };
    let upstream = answering();
    let more = format!("{}\n  redis: {{ url: \"{}\" }}", semantic(&model, "vectors: redis"), redis.url());
    let gateway = gateway_to(&upstream, &more).await;
    under_load(&gateway, async || {
        a_while().await;
        redis.pause();
        a_while().await;
        redis.resume();
        a_while().await;
        redis.stop();
        a_while().await;
        redis.restart().await;
        a_while().await;
    })
    .await;
}

#[tokio::test]
async fn a_qdrant_that_stops_stalls_and_comes_back_fails_no_request() {
    let (Some(model), Some(mut qdrant)) = (model(), Qdrant::start().await) else { return };
    let upstream = answering();
    let more = format!("vectors: qdrant, qdrant: {{ url: \"{}\" }}", qdrant.url());
    let gateway = gateway_to(&upstream, &semantic(&model, &more)).await;
    under_load(&gateway, async || {
        a_while().await;
        qdrant.pause();
        a_while().await;
        qdrant.resume();
        a_while().await;
        qdrant.stop();
        a_while().await;
        qdrant.restart().await;
        a_while().await;
    })
    .await;
}

#[tokio::test]
async fn a_provider_may_make_the_vectors_and_they_are_on_the_gateways_account() {
    let upstream = answering();
    let more = "cache:\n  mode: semantic\n  semantic: { provider_model: up/e, policy: threshold, threshold: 0.9 }";
    let gateway = gateway_to(&upstream, more).await;
    let (_, first) = ask(&gateway, "How do I reset my password?").await;
    assert_eq!(ask_until_hit(&gateway, "How can I reset my password?").await, first);
    let records = gateway.usage_records(3).await;
    let own: Vec<&Value> = records.iter().filter(|record| record["operation"] == "embeddings").collect();
    assert!(!own.is_empty() && own.iter().all(|record| record["key"] == "tollgate"), "{records:?}");
}

#[tokio::test]
async fn what_is_configured_must_be_there() {
    let upstream = answering();
    for (more, expected) in [
        ("cache: { mode: semantic }", "cache.mode"),
        ("cache: { variants: 0 }", "cache.variants"),
        ("cache: { variants: 11 }", "cache.variants"),
        ("cache: { semantic: { model: nowhere } }", "model fetch"),
        ("cache: { semantic: { vectors: redis } }", "cache.semantic.vectors"),
        ("cache: { redis: { url: \"http://x\" } }", "cache.redis.url"),
        ("cache: { semantic: { max_error_rate: 2 } }", "max_error_rate"),
        ("cache: { semantic: { shadow_rate: 0.5 } }", "shadow_rate"),
    ] {
        let finished = gateway().config(config(&upstream.base_url(), more)).run();
        assert_ne!(finished.code, Some(0), "{more}");
        assert!(finished.stderr.contains(expected), "{more}: {}", finished.stderr);
    }
}
