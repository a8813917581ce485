//! Doors: who may come in, by which path, and what those are told who may not.

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_testkit::{Call, Gateway, Upstream, fake_openai};

use crate::support::{chat, config, gateway, gateway_to, refused};

// === Keys ===

#[tokio::test]
async fn a_client_key() {
    let mut gateway = gateway().env("TOLLGATE_API_KEY", "tg-right").start().await;
    let call = || gateway.chat(chat("demo"));
    let answer = call().send().await;
    assert!(answer.header("www-authenticate").is_some());
    refused(answer, 401, "invalid_api_key").await;
    for call in [call().bearer("tg-wrong"), call().header("x-api-key", "tg-wrong"), call().header("cookie", "tg-right")]
    {
        let error = refused(call.send().await, 401, "invalid_api_key").await;
        assert!(!error.to_string().contains("tg-wrong"), "{error}");
    }
    for name in ["x-api-key", "x-goog-api-key", "api-key"] {
        assert_eq!(call().header(name, "tg-right").send().await.status(), 200, "{name}");
    }
    assert_eq!(call().bearer("tg-right").send().await.status(), 200);
    refused(gateway.get("/v1/models").send().await, 401, "invalid_api_key").await;
    refused(gateway.get("/p/demo/x").send().await, 401, "invalid_api_key").await;
    refused(gateway.get("/nowhere").send().await, 401, "invalid_api_key").await;
    for path in ["/health", "/health/ready"] {
        assert_eq!(gateway.get(path).send().await.status(), 200, "probes have no key");
    }
    assert_eq!(gateway.next_record().await["key"], "default");
    let log = gateway.stdout() + &gateway.stderr();
    assert!(!log.contains("tg-right") && !log.contains("tg-wrong"), "{log}");
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body() {
    let gateway = gateway().config("client_key: tg-right").start().await;
    let mut socket = tokio::net::TcpStream::connect(gateway.authority()).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    assert!(read_answer(&mut socket).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn the_admin_api_without_a_key() {
    let gateway = gateway().start().await;
    let call = || gateway.get("/admin/v1/usage/summary");
    assert_eq!(call().send().await.status(), 200);
    for (name, value) in [
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("via", "1.1 proxy"),
        ("origin", "https://evil.example"),
        ("host", "evil.example"),
    ] {
        let error = refused(call().header(name, value).send().await, 403, "permission_denied").await;
        assert!(error["message"].as_str().is_some_and(|text| text.contains("TOLLGATE_ADMIN_KEY")), "{error}");
    }
}

#[tokio::test]
async fn the_admin_api_with_a_key() {
    let gateway = gateway().env("TOLLGATE_ADMIN_KEY", "tg-admin").env("TOLLGATE_API_KEY", "tg-client").start().await;
    for path in ["/admin/v1/usage/summary", "/admin/v1/usage/records"] {
        refused(gateway.get(path).send().await, 401, "invalid_api_key").await;
        refused(gateway.get(path).bearer("tg-client").send().await, 401, "invalid_api_key").await;
        assert_eq!(gateway.get(path).bearer("tg-admin").send().await.status(), 200);
        let far = gateway.get(path).bearer("tg-admin").header("x-forwarded-for", "10.0.0.1");
        assert_eq!(far.send().await.status(), 200);
    }
    refused(gateway.chat(chat("demo")).bearer("tg-admin").send().await, 401, "invalid_api_key").await;
}

// === Paths and shapes ===

#[tokio::test]
async fn wrong_paths_and_methods() {
    let gateway = gateway().start().await;
    refused(gateway.get("/").send().await, 404, "not_found").await;
    refused(gateway.post("/v1/nothing", "{}").send().await, 404, "not_found").await;
    refused(gateway.get("/admin/v1/nothing").send().await, 404, "not_found").await;
    refused(gateway.get("/v1/chat/completions").send().await, 405, "method_not_allowed").await;
    refused(gateway.post("/v1/models", "{}").send().await, 405, "method_not_allowed").await;
    refused(gateway.get("/admin/v1/reload").send().await, 405, "method_not_allowed").await;
    assert_eq!(gateway.post("/health", "").send().await.status(), 405);
    assert_eq!(gateway.call(Method::HEAD, "/health").send().await.status(), 200);
}

#[tokio::test]
async fn bodies_that_are_no_request() {
    let gateway = gateway().start().await;
    for body in ["", "hello", "[]", "{", r#"{"model":"demo"} x"#, r#"{"model":7,"messages":[]}"#, "\u{0}"] {
        let answer = gateway.chat(body).send().await;
        refused(answer, 400, "invalid_request").await;
    }
    let deep = format!(r#"{{"model":"demo","messages":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    refused(gateway.chat(deep).send().await, 400, "invalid_request").await;
    let compressed = gateway.chat("xxx").header("content-encoding", "gzip");
    refused(compressed.send().await, 400, "invalid_request").await;
    let tags = gateway.chat(chat("demo")).header("x-tollgate-tags", "no equals sign");
    assert_eq!(refused(tags.send().await, 400, "invalid_request").await["param"], "x-tollgate-tags");
}

#[tokio::test]
async fn huge_request_heads() {
    let gateway = gateway().start().await;
    let answer = gateway.chat(chat("demo")).header("x-huge", &"h".repeat(300_000)).try_send().await;
    // The connection may break while the rest is still being sent.
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 431));
    assert_eq!(gateway.chat(chat("demo")).send().await.status(), 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_while_it_is_sent() {
    const SIZE: usize = 8 * 1024 * 1024;
    let gateway = gateway().config("limits: { max_body: 1MiB }").start().await;
    for framing in [format!("content-length: {SIZE}"), "transfer-encoding: chunked".to_owned()] {
        let mut socket = tokio::net::TcpStream::connect(gateway.authority()).await.unwrap();
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let is_chunked = framing.starts_with("transfer");
        let (mut reader, mut writer) = socket.split();
        // A plain client sends all of its body before it looks for an answer, and must not be cut off before it does.
        for _ in 0..SIZE / 65_536 {
            let piece = "x".repeat(65_536);
            let piece = if is_chunked { format!("10000\r\n{piece}\r\n") } else { piece };
            writer.write_all(piece.as_bytes()).await.expect("the connection stays while the body is sent");
        }
        let answer = read_answer(&mut reader).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        let error: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(error["error"]["code"], "request_too_large");
        assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("1048576")), "{error}");
    }
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends() {
    let gateway = gateway().config("limits: { max_body: 1MiB }").start().await;
    let head = |length: usize| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let body = chat("demo").to_string();
    let mut socket = tokio::net::TcpStream::connect(gateway.authority()).await.unwrap();
    socket.write_all(head(body.len()).as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    socket.read_exact(&mut go_on).await.unwrap();
    assert_eq!(str::from_utf8(&go_on).unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(body.as_bytes()).await.unwrap();
    assert!(read_answer(&mut socket).await.starts_with("HTTP/1.1 200"));

    let mut socket = tokio::net::TcpStream::connect(gateway.authority()).await.unwrap();
    socket.write_all(head(2 * 1024 * 1024).as_bytes()).await.unwrap();
    let answer = read_answer(&mut socket).await;
    assert!(answer.contains("HTTP/1.1 413"), "{answer}");
}

/// Reads until an answer with a length is complete.
async fn read_answer(reader: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_some_and(|length| length.parse() == Ok(body.len())) {
                return text.into_owned();
            }
        }
        let read = tokio::time::timeout(tollgate_testkit::PATIENCE, reader.read(&mut buffer)).await;
        let read = read.expect("an answer in time").expect("a connection that is not reset");
        assert!(read > 0, "the connection was closed after {text:?}");
        seen.extend_from_slice(&buffer[..read]);
    }
}

#[tokio::test]
async fn a_body_up_to_the_limit() {
    let gateway = gateway().config("limits: { max_body: 1MiB }").start().await;
    let body = |padding: usize| format!(r#"{{"model":"demo","messages":[],"x":"{}"}}"#, "x".repeat(padding));
    let room = 1024 * 1024 - body(0).len();
    assert_eq!(gateway.chat(body(room)).send().await.status(), 200);
    refused(gateway.chat(body(room + 1)).send().await, 413, "request_too_large").await;
}

#[tokio::test]
async fn below_a_base_path() {
    let upstream = Upstream::start(fake_openai());
    let gateway =
        gateway().config(config(&upstream.base_url(), "base_path: /llm/v2")).health("/llm/v2/health").start().await;
    assert_eq!(gateway.post("/llm/v2/v1/chat/completions", chat("fake-chat")).send().await.status(), 200);
    assert_eq!(gateway.get("/llm/v2/v1/models").send().await.status(), 200);
    assert_eq!(gateway.get("/llm/v2/p/up/v1/models").send().await.status(), 200);
    assert_eq!(gateway.get("/llm/v2/admin/v1/usage/summary").send().await.status(), 200);
    for path in ["/v1/models", "/llm/v1/models", "/llm/v2x/v1/models", "/LLM/v2/v1/models"] {
        refused(gateway.get(path).send().await, 404, "not_found").await;
    }
}

#[tokio::test]
async fn request_ids() {
    let mut gateway = gateway().start().await;
    let answer = gateway.chat(chat("demo")).header("x-request-id", "my-trace-7").send().await;
    assert_eq!(answer.header("x-request-id"), Some("my-trace-7"));
    assert_eq!(gateway.next_record().await["request_id"], "my-trace-7");
    let answer = gateway.chat(chat("demo")).send().await;
    let made = answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(made.len(), 36);
    assert_eq!(gateway.next_record().await["request_id"], made);
    for bad in ["with blank", "\u{e4}", &"x".repeat(500)] {
        let answer = gateway.chat(chat("demo")).header("x-request-id", bad).send().await;
        assert_eq!(answer.header("x-request-id").map(str::len), Some(36), "{bad}");
    }
    let answer = gateway.get("/v1/nowhere").header("x-request-id", "lost").send().await;
    assert_eq!(answer.header("x-request-id"), Some("lost"));
}

#[tokio::test]
async fn tags() {
    let upstream = Upstream::start(fake_openai());
    let gateway = gateway_to(&upstream, "").await;
    for tags in ["team=search, app=web", "team=search", "team=ads"] {
        gateway.chat(chat("fake-chat")).header("x-tollgate-tags", tags).send().await;
    }
    let records = gateway.usage_records(3).await;
    assert_eq!(records[0]["tags"], json!({ "team": "search", "app": "web" }));
    let summary = gateway.get("/admin/v1/usage/summary?group_by=tag:team,model").send().await.json().await;
    assert_eq!(summary["total"]["requests"], 3);
    let groups = summary["groups"].as_array().unwrap();
    let search = groups.iter().find(|group| group["by"]["tag:team"] == "search").unwrap();
    assert_eq!((&search["requests"], &search["input_tokens"]), (&json!(2), &json!(18)), "{summary}");
    assert_eq!(search["by"]["model"], "fake-chat");
    let recent = gateway.get("/admin/v1/usage/records?limit=2").send().await.json().await;
    assert_eq!(recent["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(recent["items"][0]["tags"]["team"], "ads", "the newest first");
    assert!(upstream.requests().iter().all(|request| request.header("x-tollgate-tags").is_none()));
    refused(gateway.get("/admin/v1/usage/summary?group_by=nonsense").send().await, 400, "invalid_request").await;
}

// === Browsers ===

fn preflight(gateway: &Gateway, origin: &str) -> Call {
    gateway
        .call(Method::OPTIONS, "/v1/chat/completions")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-stainless-os")
}

#[tokio::test]
async fn pages_of_configured_origins() {
    let yaml = "client_key: tg-right\ncors: { allow_origins: [\"https://app.example.com\"] }";
    let gateway = gateway().config(yaml).start().await;
    let answer = preflight(&gateway, "https://app.example.com").send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(answer.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
    let headers = answer.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.contains("authorization") && headers.contains("x-stainless-os"), "{headers}");
    assert!(answer.header("access-control-max-age").is_some());
    let answer = preflight(&gateway, "https://evil.example").send().await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let call = gateway.chat(chat("demo")).bearer("tg-right").header("origin", "https://app.example.com");
    let answer = call.send().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"));
    // A page must be able to read why it was refused.
    let answer = gateway.chat(chat("demo")).header("origin", "https://app.example.com").send().await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"));
    refused(answer, 401, "invalid_api_key").await;
}

#[tokio::test]
async fn no_pages_unless_configured() {
    let gateway = gateway().start().await;
    let answer = preflight(&gateway, "https://app.example.com").send().await;
    assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (405, None));
}
