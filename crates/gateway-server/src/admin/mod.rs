//! The admin API, below `/admin/v1/`.
//!
//! With an admin key it answers whoever has the key. Without one it answers only on loopback, and only requests that show
//! no sign of having come from further away: a proxy on the same machine, or a page in a browser.
//!
//! `table::routes` is all of it: what is answered and what the OpenAPI document says both follow from it.

mod audit;
mod cache;
mod captures;
mod document;
mod guard;
mod health;
mod keys;
mod levels;
#[cfg(feature = "schema")]
pub mod openapi;
mod own;
mod prices;
mod reload;
mod rest;
mod rules;
mod table;
mod usage;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Limited};
use tollgate_core::{Body, BoxError};
use tollgate_http::request_id;

pub(crate) use self::own::answer as own_usage;
use self::rest::{Failure, Incoming, Kind, Route};
use crate::config::Config;
use crate::gateway::Gateway;

/// The largest body of a request.
const MAX_BODY: usize = 4 * 1024 * 1024;

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(table::routes);

/// Answers a request for `path`, the part after `/admin/v1/`.
pub(crate) async fn answer<B>(
    gateway: &Arc<Gateway>,
    config: &Config,
    path: &str,
    request: http::Request<B>,
    peer: SocketAddr,
) -> http::Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let id = request_id(request.headers());
    match route(gateway, config, path, request, peer).await {
        Ok(mut response) => {
            if let Ok(id) = id.parse() {
                response.headers_mut().insert("x-request-id", id);
            }
            response
        }
        Err(failure) => failure.into_response(&id),
    }
}

async fn route<B>(
    gateway: &Arc<Gateway>,
    config: &Config,
    path: &str,
    request: http::Request<B>,
    peer: SocketAddr,
) -> Result<http::Response<Body>, Failure>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (head, body) = request.into_parts();
    let actor = guard::check(config, &head.headers, peer)?;
    let mut allowed = Vec::new();
    for route in &*ROUTES {
        let Some(parts) = route.parts(path)? else { continue };
        if route.method != head.method {
            allowed.push(route.method.as_str());
            continue;
        }
        let query = head.uri.query().unwrap_or_default().to_owned();
        let body = take(body).await?;
        return route
            .call(Incoming { gateway: gateway.clone(), actor, headers: head.headers, query, body }, parts)
            .await;
    }
    if allowed.is_empty() {
        return Err(Failure::new(Kind::NotFound, format!("There is nothing at /admin/v1/{path}.")));
    }
    let allowed = allowed.join(", ");
    let message = format!("/admin/v1/{path} takes {allowed}, not {}.", head.method);
    Err(Failure::new(Kind::MethodNotAllowed, message).with_allow(allowed))
}

async fn take<B>(body: B) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let collected = Limited::new(body, MAX_BODY).collect().await;
    collected.map(Collected::to_bytes).map_err(|_| {
        let message = format!("The body did not arrive, or is larger than {MAX_BODY} bytes.");
        Failure::new(Kind::TooLarge, message)
    })
}
