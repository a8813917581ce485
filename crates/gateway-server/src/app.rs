//! Every HTTP request, whatever it is for.

use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tollgate_core::{Body, BoxError, Error, ErrorKind};
use tollgate_http::{error_response, request_id};
use tower_service::Service;

use crate::admin;
use crate::gateway::{Doors, Gateway};

/// The gateway as a service of HTTP.
#[derive(Clone)]
pub struct App {
    gateway: Arc<Gateway>,
}

impl App {
    /// The service of a gateway.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    /// Answers one request. A panic becomes a 500 and leaves the others alone.
    pub async fn serve<B>(&self, request: http::Request<B>, peer: SocketAddr) -> http::Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let id = request.headers().get("x-request-id").cloned();
        match AssertUnwindSafe(self.route(request, peer)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                let error = Error::new(ErrorKind::Internal, "The gateway failed at this request; its log says why.");
                let headers = id.into_iter().map(|id| (header::HeaderName::from_static("x-request-id"), id)).collect();
                error_response(&error, &request_id(&headers))
            }
        }
    }

    async fn route<B>(&self, request: http::Request<B>, peer: SocketAddr) -> http::Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let generation = self.gateway.current();
        let path = request.uri().path();
        // Probes and operators may come by the base path or around the proxy that adds it.
        let own_path = path.strip_prefix(&*generation.config.base_path).unwrap_or(path);
        match own_path {
            "/health" => return health(request.method(), StatusCode::OK, r#"{"status":"ok"}"#),
            "/health/ready" if self.gateway.is_draining() => {
                return health(request.method(), StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"stopping"}"#);
            }
            "/health/ready" => {
                let body = format!(r#"{{"status":"ready","providers":{}}}"#, generation.registry.names().count());
                return health(request.method(), StatusCode::OK, body);
            }
            _ => {}
        }
        if let Some(admin_path) = own_path.strip_prefix("/admin/v1/") {
            let admin_path = admin_path.to_owned();
            let generation = generation.clone();
            return admin::answer(&self.gateway, &generation.config, &admin_path, request, peer).await;
        }
        if own_path == "/v1/usage" {
            let (generation, query) = (generation.clone(), request.uri().query().unwrap_or_default());
            return admin::own_usage(&self.gateway, &generation, request.method(), request.headers(), query).await;
        }
        let doors = generation.doors.clone();
        let conceals = generation.cache.settings().conceals();
        // A long request must not keep an old generation from being replaced in the guard's cache.
        drop(generation);
        let mut response = match doors {
            Doors::Plain(mut doors) => doors.call(request).await,
            Doors::Cors(doors) => (*doors).clone().call(request).await,
        }
        .unwrap_or_else(|never| match never {});
        if conceals {
            conceal(response.headers_mut());
        }
        response
    }
}

/// Takes out what would tell a stored answer from a new one, if it may be either.
fn conceal(headers: &mut HeaderMap) {
    /// What is only said of one of them, or differs.
    const TELLING: [&str; 5] = ["age", "cache-status", "x-tollgate-attempts", "x-tollgate-cost", "x-tollgate-saved"];
    let status = headers.get("cache-status").and_then(|status| status.to_str().ok());
    // That no cache may be used is said of the request alone.
    if status.is_some_and(|status| !status.contains("fwd=bypass")) {
        TELLING.iter().for_each(|name| drop(headers.remove(*name)));
    }
}

fn health(method: &Method, status: StatusCode, body: impl Into<Body>) -> http::Response<Body> {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !matches!(*method, Method::GET | Method::HEAD) {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        *response.body_mut() = Body::empty();
    }
    response
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
