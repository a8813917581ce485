//! The admin API as a whole: its document, and what holds for every endpoint.

mod keys;
mod rules;
mod usage;

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flate2::read::GzDecoder;
use http::Method;
use serde_json::{Value, json};
use tollgate_testkit::{Gateway, component};

use crate::clients::process::Process;
use crate::support::{gateway, refused};

const ADMIN_KEY: &str = "tg-admin-1f7e08b2";

async fn with_admin_key() -> Gateway {
    // A client with the same key, so that `/v1/usage` answers as well.
    gateway().env("TOLLGATE_ADMIN_KEY", ADMIN_KEY).env("TOLLGATE_API_KEY", ADMIN_KEY).start().await
}

#[tokio::test]
async fn the_document_is_the_file_in_the_repository() {
    let gateway = gateway().start().await;
    let file = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")).unwrap();
    let plain = gateway.get("/admin/v1/openapi.json").send().await;
    assert_eq!((plain.status(), plain.header("content-encoding")), (200, None));
    assert_eq!(plain.bytes().await, file);
    let compressed = gateway.get("/admin/v1/openapi.json").header("accept-encoding", "br, gzip").send().await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    let mut read = Vec::new();
    GzDecoder::new(&compressed.bytes().await[..]).read_to_end(&mut read).unwrap();
    assert_eq!(read, file);
    let document: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn whatever_is_not_known_is_refused() {
    let gateway = gateway().start().await;
    let error = refused(gateway.get("/admin/v1/usage/records?limits=3").send().await, 400, "invalid_request").await;
    assert_eq!(error["param"], "limits");
    for (query, param) in
        [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("limit=1&limit=2", "limit")]
    {
        let answer = gateway.get(&format!("/admin/v1/usage/records?{query}")).send().await;
        assert_eq!(refused(answer, 400, "invalid_request").await["param"], param, "{query}");
    }
    for query in ["from=yesterday", "group_by=nothing", "group_by=tag:", "until="] {
        let answer = gateway.get(&format!("/admin/v1/usage/summary?{query}")).send().await;
        refused(answer, 400, "invalid_request").await;
    }
    let misspelt = json!({ "tags": "a" });
    refused(gateway.post("/admin/v1/cache/purge", misspelt).send().await, 400, "invalid_request").await;
    refused(gateway.post("/admin/v1/reload", "{}").send().await, 400, "invalid_request").await;
    refused(gateway.get("/admin/v1/usage/%ff").send().await, 404, "not_found").await;
}

#[tokio::test]
async fn a_body_says_that_it_is_json() {
    let gateway = gateway().start().await;
    let purge = || gateway.call(Method::POST, "/admin/v1/cache/purge").body(r#"{"all":true}"#);
    refused(purge().send().await, 415, "unsupported_media_type").await;
    let form = purge().header("content-type", "application/x-www-form-urlencoded");
    refused(form.send().await, 415, "unsupported_media_type").await;
    let json = purge().header("content-type", "application/json; charset=utf-8");
    assert_eq!(json.send().await.status(), 200);
    let large = gateway.post("/admin/v1/cache/purge", format!(r#"{{"tag":"{}"}}"#, "x".repeat(5 << 20)));
    refused(large.send().await, 413, "request_too_large").await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let gateway = gateway().start().await;
    for (method, path, allow) in [
        (Method::GET, "cache/purge", "POST"),
        (Method::DELETE, "usage/summary", "GET"),
        (Method::HEAD, "usage/summary", "GET"),
        (Method::OPTIONS, "reload", "POST"),
    ] {
        let answer = gateway.call(method.clone(), &format!("/admin/v1/{path}")).send().await;
        assert_eq!((answer.status(), answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

/// Each path of the document, and nobody who has not said who they are.
#[tokio::test]
async fn every_endpoint_wants_the_admin_key() {
    let gateway = with_admin_key().await;
    let document = gateway.get("/admin/v1/openapi.json").bearer(ADMIN_KEY).send().await.json().await;
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let call = || gateway.call(method.clone(), &path);
            refused(call().send().await, 401, "invalid_api_key").await;
            let answer = call().bearer("tg-other").send().await;
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            refused(answer, 401, "invalid_api_key").await;
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen} operations");
}

/// schemathesis makes requests of all kinds from the document, and looks whether the answers are as it says.
#[tokio::test]
async fn schemathesis_finds_nothing() {
    let Some(program) = component("TOLLGATE_SCHEMATHESIS", "schemathesis") else { return };
    let gateway = with_admin_key().await;
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/schemathesis/schemathesis.toml"))
        .args(["run", &format!("{}/admin/v1/openapi.json", gateway.url()), "--url", gateway.url()])
        .args(["--header", &format!("Authorization: Bearer {ADMIN_KEY}")])
        .args(["--checks", "all", "--max-examples", "10", "--seed", "7"])
        .current_dir(std::env::temp_dir())
        .env("NO_PROXY", "*");
    let mut process = Process::start("schemathesis", command);
    let status = process.until("its end", Duration::from_secs(300), async |process| process.ended()).await;
    assert!(status.success(), "{}", process.output());
}
