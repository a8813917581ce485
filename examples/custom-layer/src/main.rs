//! A layer of one's own in the stack: each key may use certain models only.
//!
//! ```text
//! cargo run -p example-custom-layer
//! curl localhost:3000/v1/chat/completions -H 'authorization: Bearer key-of-search' \
//!     -d '{"model":"demo","messages":[{"role":"user","content":"Hello"}]}'
//! ```
//!
//! A layer sees a request when its body has been read. Whoever wants strangers refused before that implements
//! [`tollgate_http::Authenticate`] instead.

use std::sync::Arc;
use std::task::{Context, Poll};

use tollgate_core::{BoxFuture, Error, ErrorKind, Request, Response, Secret};
use tollgate_http::FrontDoors;
use tollgate_providers::{Demo, Dispatch, Registry};
use tollgate_tower::route::RouteLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceBuilder};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, axum::Router::new().fallback_service(app())).await?;
    Ok(())
}

/// Front doors over a stack with the layer in its place.
fn app() -> FrontDoors<BoxCloneSyncService<Request, Response, Error>> {
    let registry =
        Arc::new(Registry::builder().provider(Arc::new(Demo::new("demo"))).alias("fast", "demo/demo").build());
    let allow = AllowLayer::new([("key-of-search", &["demo", "demo-embedding"][..]), ("key-of-app", &["fast"][..])]);
    let stack = ServiceBuilder::new()
        // Before routing: what counts is the name that the client wrote, so an alias can be allowed and its target not.
        .layer(allow)
        .layer(RouteLayer::new(registry.clone()))
        .service(Dispatch::new(registry));
    FrontDoors::new(BoxCloneSyncService::new(stack))
}

/// Makes [`Allow`].
#[derive(Clone)]
struct AllowLayer {
    keys: Arc<[(Secret, Vec<String>)]>,
}

/// Refuses who has no key, and models that the key is not for.
#[derive(Clone)]
struct Allow<S> {
    inner: S,
    keys: Arc<[(Secret, Vec<String>)]>,
}

impl AllowLayer {
    fn new<const N: usize>(keys: [(&str, &[&str]); N]) -> Self {
        let owned = |models: &[&str]| models.iter().map(|model| (*model).to_owned()).collect();
        Self { keys: keys.map(|(key, models)| (Secret::new(key), owned(models))).into() }
    }
}

impl<S> Layer<S> for AllowLayer {
    type Service = Allow<S>;

    fn layer(&self, inner: S) -> Allow<S> {
        Allow { inner, keys: self.keys.clone() }
    }
}

impl<S> Allow<S> {
    fn check(&self, request: &Request) -> Result<(), Error> {
        let credential = request.context.credential();
        // Secrets compare in the same time whatever the difference is.
        let Some((_, models)) = self.keys.iter().find(|(key, _)| credential == Some(key)) else {
            return Err(Error::new(ErrorKind::InvalidApiKey, "The API key is not valid."));
        };
        // A pass-through may name no model; then nobody can say that it is allowed.
        let model = request.head.model_name().unwrap_or_default();
        if models.iter().any(|allowed| allowed == model) {
            return Ok(());
        }
        let message = format!("This key is not for the model `{model}`; it is for {}.", models.join(", "));
        Err(Error::new(ErrorKind::PermissionDenied, message).with_param("model"))
    }
}

impl<S> Service<Request> for Allow<S>
where
    S: Service<Request, Response = Response, Error = Error>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.check(&request) {
            Ok(()) => Box::pin(self.inner.call(request)),
            // The front door turns it into an error of the client's protocol.
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http;
    use http_body_util::{BodyExt, Full};
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;

    #[track_caller]
    fn check(key: &str, path: &str, model: &str, expect: (u16, &str)) {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] }).to_string();
        let request = http::Request::post(path).header("authorization", format!("Bearer {key}"));
        let (status, answer) =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let response = app().oneshot(request.body(Full::from(body)).unwrap()).await.unwrap();
                (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
            });
        let answer = String::from_utf8_lossy(&answer);
        assert!(status == expect.0 && answer.contains(expect.1), "{status} {answer}");
    }

    #[test]
    fn each_key_has_its_models() {
        let chat = "/v1/chat/completions";
        check("key-of-search", chat, "demo", (200, "You said: Hello"));
        check("key-of-app", chat, "fast", (200, "You said: Hello"));
        check("key-of-app", chat, "demo", (403, "permission_denied"));
        check("key-of-search", chat, "fast", (403, "it is for demo, demo-embedding"));
        check("key-of-nobody", chat, "demo", (401, "invalid_api_key"));
        check("key-of-app", "/p/demo/anything", "", (403, "permission_denied"));
    }
}
