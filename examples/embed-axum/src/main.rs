//! Tollgate inside an axum service of one's own, beside a route of one's own. It needs no network and no key.
//!
//! ```text
//! cargo run -p example-embed-axum
//! curl localhost:3000/llm/v1/chat/completions -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}]}'
//! curl localhost:3000/spent
//! ```

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::json;
use tollgate_core::{BoxFuture, Error, Identity, Request, Response};
use tollgate_http::{FrontDoors, ListModels};
use tollgate_providers::{Demo, Dispatch, Registry};
use tollgate_tower::retry::RetryLayer;
use tollgate_tower::route::RouteLayer;
use tollgate_tower::timeout::{self, Timeouts};
use tollgate_tower::trace::TraceLayer;
use tollgate_tower::usage::UsageLayer;
use tollgate_usage::{MemoryLedger, Query};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app()).await?;
    Ok(())
}

/// The whole service; whatever else it does stands beside the model.
fn app() -> Router {
    let ledger = Arc::new(MemoryLedger::new(100, 1000));
    // A real provider is `HttpProvider::builder(…)`, behind the feature `openai`.
    let registry =
        Arc::new(Registry::builder().provider(Arc::new(Demo::new("demo"))).alias("fast", "demo/demo").build());
    let doors = FrontDoors::new(stack(registry.clone(), ledger.clone())).models(Models(registry));
    Router::new()
        // The doors' answers are what axum calls a response, so nothing has to be converted.
        .nest_service("/llm", doors)
        .route("/spent", get(move || async move { Json(json!(ledger.summary(&Query::default()).total)) }))
}

/// The path of a request, outermost first.
fn stack(registry: Arc<Registry>, ledger: Arc<MemoryLedger>) -> BoxCloneSyncService<Request, Response, Error> {
    let stack = ServiceBuilder::new()
        // Outside of everything, so that every line about a request carries its id.
        .layer(TraceLayer::new())
        // Outside of whatever may refuse, so that each request leaves exactly one record.
        .layer(UsageLayer::new(ledger))
        .layer(RouteLayer::new(registry.clone()))
        .layer(RetryLayer::new(3))
        // Inside of retry, so that it counts for each attempt.
        .layer(timeout::always(Timeouts::default()))
        .service(Dispatch::new(registry));
    BoxCloneSyncService::new(stack)
}

/// Answers `GET /v1/models`. The doors know nothing of registries, so that they can stand before any stack.
struct Models(Arc<Registry>);

impl ListModels for Models {
    fn list<'a>(&'a self, _: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async { Ok(json!({ "object": "list", "data": self.0.list_models().await }).to_string().into()) })
    }

    fn describe<'a>(&'a self, name: &'a str, _: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async move { Ok(self.0.describe_model(name).await?.to_string().into()) })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn call(app: &Router, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let method = if body.is_some() { "POST" } else { "GET" };
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap())
    }

    fn hello(model: &str, stream: bool) -> Option<Value> {
        Some(json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Hello there" }] }))
    }

    #[tokio::test]
    async fn the_model_answers_beside_the_own_route() {
        let app = app();
        let (status, answer) = call(&app, "/llm/v1/chat/completions", hello("fast", false)).await;
        assert_eq!(status, StatusCode::OK);
        assert!(answer.contains("You said: Hello there"), "{answer}");
        let (_, stream) = call(&app, "/llm/v1/chat/completions", hello("demo", true)).await;
        assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
        let (status, answer) = call(&app, "/llm/v1/chat/completions", hello("demo/other", false)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");

        let (_, spent) = call(&app, "/spent", None).await;
        let spent: Value = serde_json::from_str(&spent).unwrap();
        assert_eq!(spent["requests"], 3, "{spent}");
        assert!(spent["total_tokens"].as_u64().unwrap() > 0, "{spent}");
    }

    #[tokio::test]
    async fn models_are_listed_and_other_paths_are_the_services_own() {
        let app = app();
        let (_, models) = call(&app, "/llm/v1/models", None).await;
        assert!(models.contains("\"fast\"") && models.contains("\"demo-embedding\""), "{models}");
        assert_eq!(call(&app, "/v1/models", None).await.0, StatusCode::NOT_FOUND);
    }
}
