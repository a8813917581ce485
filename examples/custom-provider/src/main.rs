//! A provider of one's own: an in-house model that speaks no known protocol, here one that spells backwards.
//!
//! ```text
//! cargo run -p example-custom-provider
//! curl localhost:3000/v1/chat/completions -d '{"model":"fast","messages":[{"role":"user","content":"Hello"}]}'
//! ```

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::{Value, json};
use tollgate_core::{Body, BoxFuture, Context, Error, Operation, Outcome, Request, Response, Usage};
use tollgate_http::FrontDoors;
use tollgate_providers::{Dispatch, Model, Provider, Registry};
use tollgate_tower::route::RouteLayer;
use tower::{BoxError, ServiceBuilder};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, axum::Router::new().fallback_service(app())).await?;
    Ok(())
}

/// Front doors over a stack of one layer. `fast` is what clients ask for; what it stands for may change.
fn app()
-> FrontDoors<impl tower::Service<Request, Response = Response, Error = Error, Future: Send> + Clone + Send + Sync> {
    let backwards = Arc::new(Backwards { name: "backwards".into() });
    let registry = Arc::new(Registry::builder().provider(backwards).alias("fast", "backwards/mirror-1").build());
    FrontDoors::new(ServiceBuilder::new().layer(RouteLayer::new(registry.clone())).service(Dispatch::new(registry)))
}

/// The provider.
struct Backwards {
    name: Arc<str>,
}

impl Provider for Backwards {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn supports(&self, operation: Operation) -> bool {
        operation == Operation::ChatCompletions
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move { answer(&request) })
    }

    fn models(&self) -> BoxFuture<'_, Result<Vec<Model>, Error>> {
        Box::pin(async { Ok(vec![Model::new("mirror-1")]) })
    }
}

fn answer(request: &Request) -> Result<Response, Error> {
    // The head has been read already; a provider that needs more of the body parses it itself.
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|error| Error::invalid_request(format!("The request body is not valid: {error}."), None))?;
    let said = body["messages"].as_array().and_then(|messages| messages.last()?["content"].as_str());
    let said = said.ok_or_else(|| Error::invalid_request("Say something.", Some("messages")))?;
    let text: String = said.chars().rev().collect();
    let usage = Usage { input: Some(said.len() as u64), output: Some(text.len() as u64), ..Usage::default() };
    let model = request.target.as_ref().map(|target| target.model.clone());
    request.context.observe(|observed| observed.model = model);
    let done = Done { context: request.context.clone(), usage };
    Ok(if request.is_streamed() { streamed(&text, done) } else { whole(&text, usage) })
}

/// Dropped with the answer, whole or streamed, whether it was read to its end or not: the one place to account for it.
struct Done {
    context: Context,
    usage: Usage,
}

impl Drop for Done {
    fn drop(&mut self) {
        let usage = self.usage;
        self.context.observe(|observed| {
            observed.usage = Some(usage);
            observed.outcome = Outcome::Complete;
        });
    }
}

fn whole(text: &str, usage: Usage) -> Response {
    let body = json!({
        "object": "chat.completion",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": usage.input, "completion_tokens": usage.output, "total_tokens": usage.total() },
    });
    Response::new(body.to_string().into())
}

fn streamed(text: &str, done: Done) -> Response {
    let chunk = |delta: Value, finish: Option<&str>| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        format!("data: {}\n\n", json!({ "object": "chat.completion.chunk", "choices": [choice] }))
    };
    let mut events: Vec<String> = text.chars().map(|letter| chunk(json!({ "content": letter }), None)).collect();
    events.push(chunk(json!({}), Some("stop")));
    events.push("data: [DONE]\n\n".to_owned());
    let frames = stream::iter(events.into_iter().map(move |event| {
        // The stream owns `done`, so it is dropped with the last of the body.
        done.context.observe(|observed| {
            observed.first_token.get_or_insert_with(Instant::now);
        });
        Ok(Frame::data(Bytes::from(event)))
    }));
    let mut response = Response::new(Body::arriving(StreamBody::new(frames)));
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use tower::ServiceExt;

    use super::*;

    async fn ask(model: &str, stream: bool) -> (http::StatusCode, String) {
        let body = json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "abc" }] });
        let request = http::Request::post("/v1/chat/completions").body(Full::from(body.to_string())).unwrap();
        let response = app().oneshot(request).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap())
    }

    #[tokio::test]
    async fn whole_and_streamed_by_alias_and_by_name() {
        let (_, whole) = ask("fast", false).await;
        assert!(whole.contains("\"content\":\"cba\"") && whole.contains("\"total_tokens\":6"), "{whole}");
        let (_, stream) = ask("backwards/mirror-1", true).await;
        let letters: Vec<_> = stream.split("\"content\":\"").skip(1).filter_map(|rest| rest.chars().next()).collect();
        assert_eq!(letters, ['c', 'b', 'a'], "{stream}");
        assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    }

    #[tokio::test]
    async fn usage_is_noted_when_the_stream_is_dropped() {
        let context = Context::builder("test").build();
        let usage = Usage { input: Some(3), ..Usage::default() };
        drop(streamed("cba", Done { context: context.clone(), usage }));
        assert_eq!(context.observed().usage, Some(usage));
    }
}
