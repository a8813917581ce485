//! The admin API, below `/admin/v1/`.
//!
//! With an admin key it answers whoever has the key. Without one it answers only on loopback, and only requests that show
//! no sign of having come from further away: a proxy on the same machine, or a page in a browser.

mod cache;
mod explain;
mod guard;
mod query;
mod usage;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Collected, Limited};
use serde_json::json;
use tollgate_core::{Body, BoxError, Error, ErrorKind};
use tollgate_http::{error_response, request_id};

use crate::config::Config;
use crate::gateway::{Gateway, Reloaded};

/// The largest body of a request.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Answers a request for `path`, the part after `/admin/v1/`.
pub(crate) async fn answer<B>(
    gateway: &Gateway,
    config: &Config,
    path: &str,
    request: http::Request<B>,
    peer: SocketAddr,
) -> http::Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let answered = match guard::check(config, &parts.headers, peer) {
        Ok(()) => take(body).await,
        Err(error) => Err(error),
    };
    let answered = match answered {
        Ok(body) => route(gateway, path, &http::Request::from_parts(parts.clone(), body)).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok((status, json)) => reply(status, json),
        Err(error) => error_response(&error, &request_id(&parts.headers)),
    }
}

async fn take<B>(body: B) -> Result<Bytes, Error>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let collected = Limited::new(body, MAX_BODY).collect().await;
    collected.map(Collected::to_bytes).map_err(|_| {
        let message = format!("The body did not arrive, or is larger than {MAX_BODY} bytes.");
        Error::new(ErrorKind::RequestTooLarge, message)
    })
}

/// What answers a request, given its query.
type Answer = fn(&Gateway, &str) -> Result<(StatusCode, Vec<u8>), Error>;

async fn route(gateway: &Gateway, path: &str, request: &http::Request<Bytes>) -> Result<(StatusCode, Vec<u8>), Error> {
    let query = request.uri().query().unwrap_or_default();
    // What waits for something.
    match (path, request.method()) {
        ("cache/explain", &Method::POST) => {
            let generation = gateway.current().clone();
            return Ok((StatusCode::OK, explain::explain(&generation, request.body()).await?));
        }
        ("cache/purge", &Method::POST) => return Ok((StatusCode::OK, cache::purge(gateway, query).await?)),
        ("cache/explain" | "cache/purge", method) => {
            let message = format!("/admin/v1/{path} takes POST, not {method}.");
            return Err(Error::new(ErrorKind::MethodNotAllowed, message));
        }
        _ => {}
    }
    let (method, answer): (Method, Answer) = match path {
        "usage/summary" => (Method::GET, |gateway, query| Ok((StatusCode::OK, usage::summary(gateway, query)?))),
        "usage/recent" => (Method::GET, |gateway, query| Ok((StatusCode::OK, usage::recent(gateway, query)?))),
        "cache/stats" => (Method::GET, |gateway, _| Ok((StatusCode::OK, cache::stats(gateway)))),
        "cache/entries" => (Method::GET, |gateway, query| Ok((StatusCode::OK, cache::entries(gateway, query)?))),
        "reload" => (Method::POST, |gateway, _| Ok(reload(gateway))),
        _ => return Err(Error::new(ErrorKind::NotFound, format!("There is nothing at /admin/v1/{path}."))),
    };
    if *request.method() != method {
        let message = format!("/admin/v1/{path} takes {method}, not {}.", request.method());
        return Err(Error::new(ErrorKind::MethodNotAllowed, message));
    }
    answer(gateway, query)
}

fn reload(gateway: &Gateway) -> (StatusCode, Vec<u8>) {
    let (status, json) = match gateway.reload() {
        Ok(Reloaded::Unchanged) => (StatusCode::OK, json!({ "status": "unchanged" })),
        Ok(Reloaded::Changed { needs_restart }) => {
            tracing::info!(?needs_restart, "configuration reloaded");
            (StatusCode::OK, json!({ "status": "reloaded", "needs_restart": needs_restart }))
        }
        Err(errors) => {
            tracing::error!("the configuration is not valid and was not loaded:\n{errors}");
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let message = "The configuration is not valid; the one in use stays.";
            let error = json!({ "message": message, "type": "invalid_request_error", "param": null,
                "code": "invalid_configuration", "details": errors });
            (StatusCode::UNPROCESSABLE_ENTITY, json!({ "error": error }))
        }
    };
    (status, json.to_string().into())
}

fn reply(status: StatusCode, json: Vec<u8>) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
