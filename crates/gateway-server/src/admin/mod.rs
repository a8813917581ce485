//! The admin API, below `/admin/v1/`.
//!
//! With an admin key it answers whoever has the key. Without one it answers only on loopback, and only requests that show
//! no sign of having come from further away: a proxy on the same machine, or a page in a browser.

mod cache;
mod guard;
mod query;
mod usage;

use std::net::SocketAddr;

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use tollgate_core::{Body, Error, ErrorKind};
use tollgate_http::{error_response, request_id};

use crate::config::Config;
use crate::gateway::{Gateway, Reloaded};

/// Answers a request for `path`, the part after `/admin/v1/`.
pub(crate) fn answer(
    gateway: &Gateway,
    config: &Config,
    path: &str,
    request: &http::Request<()>,
    peer: SocketAddr,
) -> http::Response<Body> {
    let answered = guard::check(config, request.headers(), peer).and_then(|()| route(gateway, path, request));
    match answered {
        Ok((status, json)) => reply(status, json),
        Err(error) => error_response(&error, &request_id(request.headers())),
    }
}

/// What answers a request, given its query.
type Answer = fn(&Gateway, &str) -> Result<(StatusCode, Vec<u8>), Error>;

fn route(gateway: &Gateway, path: &str, request: &http::Request<()>) -> Result<(StatusCode, Vec<u8>), Error> {
    let (method, answer): (Method, Answer) = match path {
        "usage/summary" => (Method::GET, |gateway, query| Ok((StatusCode::OK, usage::summary(gateway, query)?))),
        "usage/recent" => (Method::GET, |gateway, query| Ok((StatusCode::OK, usage::recent(gateway, query)?))),
        "cache/stats" => (Method::GET, |gateway, _| Ok((StatusCode::OK, cache::stats(gateway)))),
        "cache/entries" => (Method::GET, |gateway, query| Ok((StatusCode::OK, cache::entries(gateway, query)?))),
        "cache/purge" => (Method::POST, |gateway, query| Ok((StatusCode::OK, cache::purge(gateway, query)?))),
        "reload" => (Method::POST, |gateway, _| Ok(reload(gateway))),
        _ => return Err(Error::new(ErrorKind::NotFound, format!("There is nothing at /admin/v1/{path}."))),
    };
    if *request.method() != method {
        let message = format!("/admin/v1/{path} takes {method}, not {}.", request.method());
        return Err(Error::new(ErrorKind::MethodNotAllowed, message));
    }
    answer(gateway, request.uri().query().unwrap_or_default())
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
