//! Virtual keys, and who changed them.

use http::Method;
use serde_json::{Value, json};
use tollgate_testkit::{Answer, Gateway};

use crate::support::{chat, gateway, refused};

async fn create(gateway: &Gateway, key: Value) -> Value {
    let answer = gateway.post("/admin/v1/keys", key).send().await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let location = answer.header("location").map(str::to_owned);
    assert_eq!(answer.status(), 201);
    let issued = answer.json().await;
    assert_eq!(location, Some(format!("keys/{}", issued["id"].as_str().expect("an id"))));
    issued
}

async fn change(gateway: &Gateway, method: Method, path: &str, body: Option<Value>) -> Answer {
    let call = gateway.call(method, &format!("/admin/v1/{path}"));
    match body {
        Some(body) => call.header("content-type", "application/json").body(body.to_string()).send().await,
        None => call.send().await,
    }
}

async fn asks(gateway: &Gateway, secret: &str) -> u16 {
    gateway.chat(chat("demo")).bearer(secret).send().await.status()
}

#[tokio::test]
async fn the_life_of_a_key() {
    let gateway = gateway().start().await;
    let new = json!({ "name": "web", "path": "acme/search", "tags": { "team": "a" }, "models": ["demo*"] });
    let issued = create(&gateway, new).await;
    let (id, secret) = (issued["id"].as_str().unwrap(), issued["secret"].as_str().unwrap());
    assert!(secret.starts_with(issued["prefix"].as_str().unwrap()), "{issued}");
    assert_eq!(asks(&gateway, secret).await, 200);
    assert_eq!(asks(&gateway, "tg-other").await, 401, "one key closes the door");

    for name in ["web", id] {
        let key = gateway.get(&format!("/admin/v1/keys/{name}")).send().await.json().await;
        assert_eq!((&key["path"], &key["tags"]["team"]), (&json!("acme/search"), &json!("a")));
        assert!(key.get("secret").is_none() && !key.to_string().contains(secret), "{key}");
    }

    let update = json!({ "path": null, "tags": { "team": "b" }, "version": issued["version"] });
    let changed = change(&gateway, Method::PATCH, "keys/web", Some(update.clone())).await.json().await;
    assert_eq!((&changed["path"], &changed["tags"]["team"]), (&Value::Null, &json!("b")));
    refused(change(&gateway, Method::PATCH, "keys/web", Some(update)).await, 409, "conflict").await;

    let rotated = change(&gateway, Method::POST, "keys/web/rotate", Some(json!({}))).await.json().await;
    assert_eq!(asks(&gateway, secret).await, 401);
    let secret = rotated["secret"].as_str().unwrap();
    assert_eq!(asks(&gateway, secret).await, 200);

    assert_eq!(change(&gateway, Method::POST, "keys/web/disable", None).await.json().await["disabled"], true);
    assert_eq!(asks(&gateway, secret).await, 401);
    assert_eq!(change(&gateway, Method::POST, "keys/web/enable", None).await.json().await["disabled"], false);
    assert_eq!(asks(&gateway, secret).await, 200);

    assert_eq!(change(&gateway, Method::DELETE, "keys/web", None).await.status(), 204);
    assert_eq!(asks(&gateway, secret).await, 401);
    refused(gateway.get("/admin/v1/keys/web").send().await, 404, "not_found").await;
    refused(change(&gateway, Method::DELETE, "keys/web", None).await, 404, "not_found").await;
}

#[tokio::test]
async fn an_old_secret_is_taken_for_a_while() {
    let gateway = gateway().start().await;
    let issued = create(&gateway, json!({ "name": "web" })).await;
    let grace = json!({ "grace_seconds": 3600 });
    let rotated = change(&gateway, Method::POST, "keys/web/rotate", Some(grace)).await.json().await;
    assert!(rotated["previous_secret_until"].is_string(), "{rotated}");
    for secret in [&issued["secret"], &rotated["secret"]] {
        assert_eq!(asks(&gateway, secret.as_str().unwrap()).await, 200);
    }
}

#[tokio::test]
async fn keys_that_make_no_sense() {
    let gateway = gateway().start().await;
    create(&gateway, json!({ "name": "web" })).await;
    refused(gateway.post("/admin/v1/keys", json!({ "name": "web" })).send().await, 409, "conflict").await;
    for key in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "default" }),
        json!({ "name": "a", "paths": "acme" }),
        json!({ "name": "a", "path": "acme//x" }),
        json!({ "name": "a", "tags": { "a=b": "c" } }),
        json!({ "name": "a", "models": ["a*b"] }),
        json!({ "name": "a", "protocols": ["smtp"] }),
        json!({ "name": "a", "expires_at": "tomorrow" }),
        json!({ "name": "a", "limits": [{ "limit": 5 }] }),
        json!({ "name": "a", "limits": [{ "limit": 5, "unit": "requests_per_minute", "scope": { "key": "b" } }] }),
        json!({ "name": "a", "budgets": [{ "limit_nano_usd": -5, "per": "day" }] }),
        json!([]),
    ] {
        let answer = gateway.post("/admin/v1/keys", &key).send().await;
        assert_eq!(answer.status(), 400, "{key}");
        refused(answer, 400, "invalid_request").await;
    }
    let listed = gateway.get("/admin/v1/keys").send().await.json().await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let gateway = gateway().start().await;
    for number in 0..5 {
        let path = if number < 3 { "acme/search" } else { "acme2" };
        create(&gateway, json!({ "name": format!("k{number}"), "path": path, "tags": { "n": "x" } })).await;
    }
    let mut seen = Vec::new();
    let mut path = "/admin/v1/keys?limit=2".to_owned();
    loop {
        let page = gateway.get(&path).send().await.json().await;
        let names = page["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned());
        seen.push(names.collect::<Vec<_>>());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/admin/v1/keys?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [vec!["k0", "k1"], vec!["k2", "k3"], vec!["k4"]]);
    for (query, count) in [
        ("within=acme", 3),
        ("within=acme2", 2),
        ("tag=n=x", 5),
        ("tag=n%3Dy", 0),
        ("disabled=true", 0),
        ("expired=false", 5),
    ] {
        let page = gateway.get(&format!("/admin/v1/keys?{query}")).send().await.json().await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(count), "{query}: {page}");
    }
    refused(gateway.get("/admin/v1/keys?tag=n").send().await, 400, "invalid_request").await;
}

#[tokio::test]
async fn who_changed_what_is_written_down() {
    let gateway = gateway().env("TOLLGATE_ADMIN_KEY", "tg-admin").start().await;
    let call = |method, path: &str| gateway.call(method, &format!("/admin/v1/{path}")).bearer("tg-admin");
    let json = |call: tollgate_testkit::Call, body: Value| {
        call.header("content-type", "application/json").body(body.to_string()).send()
    };
    let issued = json(call(Method::POST, "keys"), json!({ "name": "web" })).await.json().await;
    call(Method::POST, "keys/web/disable").send().await;
    let limit = json!({ "limit": 5, "unit": "requests_per_minute" });
    assert_eq!(json(call(Method::PUT, "limits/all"), limit).await.status(), 200);
    assert_eq!(call(Method::DELETE, "limits/all").send().await.status(), 204);
    let log = call(Method::GET, "audit").send().await.json().await;
    let entries = log["items"].as_array().unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["limit.delete", "limit.put", "key.disable", "key.create"], "the newest first: {log}");
    assert!(entries.iter().all(|entry| entry["actor"] == "admin:default"), "{log}");
    assert_eq!((&entries[2]["before"]["disabled"], &entries[2]["after"]["disabled"]), (&json!(false), &json!(true)));
    assert!(!log.to_string().contains(issued["secret"].as_str().unwrap()), "{log}");

    let first = call(Method::GET, "audit?limit=3").send().await.json().await;
    let rest = format!("audit?cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(call(Method::GET, &rest).send().await.json().await["items"].as_array().map(Vec::len), Some(1));
    for (query, count) in [("kind=key", 2), ("action=limit.put", 1), ("actor=local", 0), ("object=all", 2)] {
        let log = call(Method::GET, &format!("audit?{query}")).send().await.json().await;
        assert_eq!(log["items"].as_array().map(Vec::len), Some(count), "{query}: {log}");
    }
}
