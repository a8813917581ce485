//! Bedrock with signatures and Vertex with tokens, as their servers see them.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tollgate_core::ir::Protocol;
use tollgate_core::{Context, Head, Operation, Passthrough, Request, Secret, Target};
use tollgate_providers::auth::{AwsCredentials, SigV4Signer};
use tollgate_providers::{HttpProvider, Provider, descriptor};
use tollgate_testkit::{Received, Reply, Upstream};

use crate::google::TEST_KEY;

const AWS_SECRET: &str = "aws-secret-31337";
const SESSION: &str = "session-31337";

fn credentials() -> AwsCredentials {
    AwsCredentials::new("AKIDEXAMPLE", Secret::new(AWS_SECRET), Some(&Secret::new(SESSION))).unwrap()
}

fn bedrock(upstream: &Upstream) -> HttpProvider {
    let builder = HttpProvider::builder("bedrock", descriptor("bedrock").unwrap()).base_url(upstream.url());
    builder.aws(credentials()).region("eu-west-1").build().unwrap()
}

fn request(operation: Operation, protocol: Protocol, model: &str, body: &Value) -> Request {
    let body = Bytes::from(body.to_string());
    let mut request = Request::new(operation, Head::default(), body, Context::builder("r").build());
    request.protocol = protocol;
    request.target = Some(Target { provider: "cloud".into(), model: model.into() });
    request
}

fn pass_through(method: Method, path: &str) -> Request {
    let mut request = request(Operation::Passthrough, Protocol::OpenAiChat, "", &json!({ "x": 1 }));
    let path_and_query = path.to_owned();
    request.passthrough = Some(Passthrough { provider: "cloud".into(), method, path_and_query }.into());
    request
}

/// Signs what a server has got once more, and compares.
#[track_caller]
fn is_signed(upstream: &Upstream, received: &Received) {
    let seen = received.header("authorization").unwrap();
    let (_, signed) = seen.split_once("SignedHeaders=").unwrap();
    let (names, _) = signed.split_once(',').unwrap();
    for name in ["host", "x-amz-date", "x-amz-security-token"] {
        assert!(names.split(';').any(|signed| signed == name), "{name} is not signed");
    }
    let kept = received.headers.iter().filter(|(name, _)| names.split(';').any(|signed| signed == name.as_str()));
    let headers: HeaderMap = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    let uri: Uri = format!("{}{}", upstream.url(), received.path_and_query).parse().unwrap();
    let signer = SigV4Signer::new(credentials(), "eu-west-1", "bedrock").unwrap();
    let again = (0..60).find_map(|ago| {
        let mut headers = headers.clone();
        let then = SystemTime::now() - Duration::from_secs(ago);
        signer.sign(&received.method, &uri, &mut headers, &received.body, then).unwrap();
        (headers.get("x-amz-date") == received.headers.get("x-amz-date")).then_some(headers)
    });
    assert_eq!(again.expect("signed just now").get("authorization").unwrap(), seen);
    assert_eq!(received.header("x-amz-security-token"), Some(SESSION));
}

#[tokio::test]
async fn requests_to_bedrock_are_signed() {
    let answer = json!({ "output": { "message": { "role": "assistant", "content": [{ "text": "hi" }] } },
        "stopReason": "end_turn", "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 } });
    let upstream = Upstream::always(Reply::json(answer.to_string()));
    let provider = bedrock(&upstream);
    // Larger than what is joined with its edits anyway.
    let text = "x".repeat(100_000);
    let body = json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] });
    let model = "us.anthropic.claude-x-v1:0";
    provider.call(request(Operation::ChatCompletions, Protocol::BedrockConverse, model, &body)).await.unwrap();
    let response = provider.call(pass_through(Method::POST, "model/a%3Ab/invoke?q=1%202&a")).await.unwrap();
    response.body.collect().await.unwrap();
    let requests = upstream.requests();
    assert_eq!(requests[0].path(), "/model/us.anthropic.claude-x-v1%3A0/converse");
    assert_eq!(requests[0].json(), body);
    assert_eq!(requests[1].path_and_query, "/model/a%3Ab/invoke?q=1%202&a");
    requests.iter().for_each(|received| is_signed(&upstream, received));
}

#[tokio::test]
async fn a_plain_key_of_bedrock_is_a_bearer() {
    let upstream = Upstream::always(Reply::json("{}"));
    let builder = HttpProvider::builder("bedrock", descriptor("bedrock").unwrap()).base_url(upstream.url());
    let provider = builder.key(Secret::new("ABSK-key")).build().unwrap();
    provider.call(pass_through(Method::GET, "x")).await.unwrap();
    assert_eq!(upstream.only_request().header("authorization"), Some("Bearer ABSK-key"));
}

#[tokio::test]
async fn what_bedrock_quotes_of_a_session_is_masked() {
    let upstream =
        Upstream::always(Reply::json(json!({ "message": format!("bad {SESSION}") }).to_string()).status(403));
    let body = json!({ "messages": [] });
    let request = request(Operation::ChatCompletions, Protocol::BedrockConverse, "m", &body);
    let error = bedrock(&upstream).call(request).await.unwrap_err();
    let quoted = error.upstream_answer().map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
    let text = format!("{error} {error:?} {quoted:?} {:?}", bedrock(&upstream));
    assert!(!text.contains("31337") && text.contains("***"), "{text}");
}

fn service_account(token_server: &Upstream) -> Secret {
    let json = json!({ "type": "service_account", "project_id": "p-1", "private_key": TEST_KEY,
        "client_email": "robot@p-1.example", "token_uri": format!("{}/token", token_server.url()) });
    Secret::new(json.to_string())
}

#[tokio::test]
async fn requests_to_vertex_have_a_token_of_their_account() {
    let grant = json!({ "access_token": "ya29.31337", "expires_in": 3599, "token_type": "Bearer" });
    let tokens = Upstream::always(Reply::json(grant.to_string()));
    let answer = json!({ "id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "hi" }], "usage": { "input_tokens": 1, "output_tokens": 1 } });
    let upstream = Upstream::always(Reply::json(answer.to_string()));
    let builder = HttpProvider::builder("vertex", descriptor("vertex").unwrap()).base_url(upstream.url());
    let provider = builder.key(service_account(&tokens)).location("europe-west4").build().unwrap();
    let body = json!({ "model": "c", "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] });
    let messages = request(Operation::Messages, Protocol::AnthropicMessages, "claude-x@1", &body);
    provider.call(messages).await.unwrap();
    provider.call(pass_through(Method::GET, "v1/projects/p-1/operations")).await.unwrap();

    assert_eq!(tokens.requests().len(), 1, "one token for both");
    let requests = upstream.requests();
    let base = "/v1/projects/p-1/locations/europe-west4/publishers";
    assert_eq!(requests[0].path(), format!("{base}/anthropic/models/claude-x@1:rawPredict"));
    let sent = requests[0].json();
    assert_eq!((&sent["anthropic_version"], sent.get("model")), (&json!("vertex-2023-10-16"), None));
    assert_eq!((&sent["max_tokens"], &sent["messages"]), (&body["max_tokens"], &body["messages"]));
    assert_eq!(requests[1].path(), "/v1/projects/p-1/operations");
    for received in requests {
        assert_eq!(received.header("authorization"), Some("Bearer ya29.31337"));
    }
}

#[tokio::test]
async fn a_plain_key_of_vertex_is_an_access_token_and_masked() {
    let upstream = Upstream::always(Reply::json(r#"{"error":{"code":401,"message":"bad ya29.31337"}}"#).status(401));
    let builder = HttpProvider::builder("vertex", descriptor("vertex").unwrap()).base_url(upstream.url());
    let provider = builder.key(Secret::new("ya29.31337")).project("p").build().unwrap();
    let request = request(Operation::GenerateContent, Protocol::GeminiGenerate, "gemini-3", &json!({ "contents": [] }));
    let error = provider.call(request).await.unwrap_err();
    let received = upstream.only_request();
    assert_eq!(received.header("authorization"), Some("Bearer ya29.31337"));
    assert_eq!(received.path(), "/v1/projects/p/locations/global/publishers/google/models/gemini-3:generateContent");
    let quoted = error.upstream_answer().map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
    assert!(!format!("{error} {error:?} {quoted:?}").contains("31337"), "{error:?}");
}
