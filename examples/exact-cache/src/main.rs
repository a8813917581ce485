//! The cache of answers in an axum service of one's own. It needs no network and no key.
//!
//! ```text
//! cargo run -p example-exact-cache
//! curl -i localhost:3000/v1/chat/completions -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}]}'
//! curl localhost:3000/saved
//! ```
//!
//! Asked twice, the second answer has `cache-status: tollgate; hit; detail=exact`.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tollgate_cache::{AnswerCache, Settings};
use tollgate_core::CacheMode;
use tollgate_http::FrontDoors;
use tollgate_protocols::doors::Doors;
use tollgate_providers::{Demo, Dispatch, Registry};
use tollgate_tower::cache::CacheLayer;
use tollgate_tower::route::RouteLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app()).await?;
    Ok(())
}

/// Front doors over a stack with the cache in its place, beside a route that tells what it did.
fn app() -> Router {
    let registry = Arc::new(Registry::builder().provider(Arc::new(Demo::new("demo"))).build());
    let cache = Arc::new(cache());
    let stack = ServiceBuilder::new()
        // Outside of the cache, because an answer is kept under the model that gives it.
        .layer(RouteLayer::new(registry.clone()))
        .layer(CacheLayer::new(cache.clone()))
        .service(Dispatch::new(registry));
    Router::new()
        .route("/saved", get(move || async move { Json(json!(cache.statistics().counts())) }))
        .fallback_service(FrontDoors::new(BoxCloneSyncService::new(stack)))
}

/// A cache in memory that is on for everybody, and whose answers are fresh for ten minutes.
fn cache() -> AnswerCache {
    let mut settings = Settings::default();
    settings.mode = CacheMode::Exact;
    settings.ttl = Duration::from_secs(600);
    AnswerCache::builder(settings, Arc::new(Doors)).build()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn call(app: &Router, stream: bool) -> (String, String) {
        let body =
            json!({ "model": "demo", "stream": stream, "messages": [{ "role": "user", "content": "Hello there" }] });
        let request = Request::post("/v1/chat/completions").body(Body::from(body.to_string())).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.headers()["cache-status"].to_str().unwrap().to_owned();
        (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap())
    }

    #[tokio::test]
    async fn the_second_time_the_cache_answers_whole_or_streamed() {
        let app = app();
        assert_eq!(call(&app, false).await.0, "tollgate; fwd=miss; stored");
        let (status, answer) = call(&app, false).await;
        assert_eq!(status, "tollgate; hit; detail=exact");
        assert!(answer.contains("You said: Hello there"), "{answer}");
        let (status, stream) = call(&app, true).await;
        assert_eq!(status, "tollgate; hit; detail=exact");
        assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
        let saved = app.oneshot(Request::get("/saved").body(Body::empty()).unwrap()).await.unwrap();
        let saved = saved.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&saved).unwrap()["served"]["exact"], 2);
    }
}
