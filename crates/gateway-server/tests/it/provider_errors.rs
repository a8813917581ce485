//! Errors that providers answer with, and secrets that they quote in them.

use serde_json::{Value, json};
use tollgate_testkit::{Reply, Step, Upstream, fake_openai};

use crate::support::{PROVIDER_KEY, assert_no_key, chat, chunk, fails, finish_chunk, gateway_to, refused, streamed};

#[tokio::test]
async fn refuses_the_request() {
    let upstream = Upstream::start(fake_openai());
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(chat("fake-error-400")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-attempts")), (400, Some("1")));
    let expect = json!({ "error": {
        "provider": "up", "message": "bad thing from upstream", "type": "invalid_request_error",
        "param": "messages", "code": "bad_thing",
    } });
    assert_eq!(answer.json().await, expect);
    let record = gateway.next_record().await;
    assert_eq!((&record["status"], &record["error"]), (&json!(400), &json!("upstream_error")), "{record}");
    assert_eq!((&record["attempts"], &record["output_tokens"]), (&json!(1), &Value::Null), "{record}");
    refused(gateway.chat(streamed("fake-error-400")).send().await, 400, "bad_thing").await;
    refused(gateway.chat(chat("unheard-of")).send().await, 404, "model_not_found").await;
}

#[tokio::test]
async fn answers_200_with_an_error() {
    let error = json!({ "error": { "message": "too many for us", "code": 429, "metadata": {} } });
    let upstream = Upstream::always(Reply::json(error.to_string()));
    let gateway = gateway_to(&upstream, "retry: { max_attempts: 1 }").await;
    for body in [chat("m"), streamed("m")] {
        let answer = gateway.chat(body).send().await;
        assert_eq!((answer.status(), answer.header("content-type")), (429, Some("application/json")));
        assert_eq!(answer.json().await["error"]["message"], "too many for us");
    }
}

#[tokio::test]
async fn answers_200_with_an_error_that_names_no_status() {
    let upstream = Upstream::always(Reply::json(r#"{"error":{"message":"it broke","type":"internal"}}"#));
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(chat("m")).send().await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json().await["error"]["message"], "it broke");
    assert_eq!(gateway.next_record().await["attempts"], 3);
}

#[tokio::test]
async fn begins_its_stream_with_an_error() {
    let error = json!({ "error": { "message": "overloaded", "code": 503 } }).to_string();
    let upstream = Upstream::sequence([Reply::sse([&error]), Reply::sse([&error]), Reply::sse([&error])]);
    let mut gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(streamed("m")).send().await;
    assert_eq!((answer.status(), answer.header("content-type")), (503, Some("application/json")));
    assert_eq!(answer.json().await["error"]["message"], "overloaded");
    assert_eq!(gateway.next_record().await["attempts"], 3);
}

#[tokio::test]
async fn begins_its_stream_with_an_error_once() {
    let error = json!({ "error": { "message": "overloaded", "code": 503 } }).to_string();
    let good = Reply::sse([chunk("hi"), finish_chunk(), "[DONE]".to_owned()]);
    let upstream = Upstream::sequence([Reply::sse([error]), good]);
    let gateway = gateway_to(&upstream, "").await;
    let answer = gateway.chat(streamed("m")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-attempts")), (200, Some("2")));
    assert!(answer.text().await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn an_error_is_not_json() {
    let upstream = Upstream::always(Reply::new(500).header("content-type", "text/html").bytes("<h1>Oh no</h1>"));
    let mut gateway = gateway_to(&upstream, "retry: { max_attempts: 1 }").await;
    let (error, _) = fails(&mut gateway, &chat("m"), 500, "upstream_error").await;
    assert_eq!(error["provider"], "up");
}

#[tokio::test]
async fn an_error_never_ends() {
    let upstream = Upstream::always(Reply::new(500).step(Step::Repeat("<p>error</p>".into(), 1 << 20)));
    let mut gateway = gateway_to(&upstream, "retry: { max_attempts: 1 }").await;
    fails(&mut gateway, &chat("m"), 500, "upstream_error").await;
}

/// An error that quotes the key.
fn quoting_key() -> String {
    let message = format!("Incorrect API key provided: {PROVIDER_KEY}. Find yours at https://example.com.");
    json!({ "error": { "message": message, "type": "invalid_request_error", "code": "invalid_api_key" } }).to_string()
}

/// Looks for secrets in everything that the gateway tells, at its most talkative.
async fn keeps_secrets(reply: Reply) {
    let upstream = Upstream::always(reply);
    let more = "log: { level: trace }\nretry: { max_attempts: 1 }\nclient_key: tg-client-1b2e88";
    let mut gateway = gateway_to(&upstream, more).await;
    for body in [chat("m"), streamed("m")] {
        let answer = gateway.chat(&body).bearer("tg-client-1b2e88").send().await;
        assert!(answer.status() >= 400);
        assert_no_key("a header", &format!("{:?}", answer.headers()));
        assert_no_key(&format!("the answer to {body}"), &answer.text().await);
    }
    let recent = gateway.get("/admin/v1/usage/records").send().await.text().await;
    assert_no_key("the usage", &recent);
    gateway.usage_records(2).await;
    gateway.terminate();
    gateway.wait_exit().await;
    for (what, text) in [("standard output", gateway.stdout()), ("standard error", gateway.stderr())] {
        assert_no_key(what, &text);
        assert!(!text.contains("tg-client-1b2e88"), "the client's key is in {what}: {text}");
        assert!(!text.contains("What is a tollgate?"), "what the client said is in {what}: {text}");
    }
}

#[tokio::test]
async fn echoes_the_key() {
    keeps_secrets(Reply::json(quoting_key()).status(401)).await;
    keeps_secrets(Reply::json(quoting_key()).status(500)).await;
    let plain = format!("<h1>who is {PROVIDER_KEY}?</h1>");
    keeps_secrets(Reply::new(403).header("content-type", "text/plain").bytes(plain)).await;
}

#[tokio::test]
async fn echoes_the_key_in_an_answer_of_200() {
    keeps_secrets(Reply::json(quoting_key())).await;
}

#[tokio::test]
async fn echoes_the_key_at_the_beginning_of_a_stream() {
    keeps_secrets(Reply::sse([quoting_key()])).await;
}

#[tokio::test]
async fn echoes_the_key_in_the_middle_of_a_stream() {
    let error = json!({ "error": { "message": format!("{PROVIDER_KEY} has expired") } }).to_string();
    let upstream = Upstream::always(Reply::sse([chunk("hi"), error]));
    let gateway = gateway_to(&upstream, "").await;
    let stream = gateway.chat(streamed("m")).send().await.text().await;
    assert!(stream.contains("has expired"), "{stream}");
    assert_no_key("the stream", &stream);
}
