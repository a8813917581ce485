//! From the domain's answers and errors to HTTP.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_core::{Body, Context, Error, ErrorKind, Operation, Response};
use tollgate_protocols::openai::error_body;

use crate::headers;
use crate::in_band::InBand;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");
const X_MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
const X_ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");

/// An answer.
pub(crate) fn answer(operation: Operation, response: Response, context: &Context) -> http::Response<Body> {
    let is_passthrough = operation == Operation::Passthrough;
    let mut headers = if is_passthrough {
        headers::from_passthrough(&response.headers)
    } else {
        headers::from_operation(&response.headers)
    };
    if !is_passthrough {
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    let is_stream =
        headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    name_provider(&mut headers, context);
    name_request(&mut headers, context.request_id());
    let body = if is_stream && !is_passthrough && response.body.is_arriving() {
        InBand::wrap(response.body, operation, context.request_id().clone())
    } else {
        response.body
    };
    build(response.status, headers, body)
}

/// The answer to a request that failed, as OpenAI's clients expect it.
#[must_use]
pub fn error_response(error: &Error, request_id: &Arc<str>) -> http::Response<Body> {
    error_with(error, request_id, HeaderMap::new())
}

/// The same, for a request that came as far as having a context.
pub(crate) fn failure(error: &Error, context: &Context) -> http::Response<Body> {
    let mut headers = HeaderMap::new();
    name_provider(&mut headers, context);
    error_with(error, context.request_id(), headers)
}

fn error_with(error: &Error, request_id: &Arc<str>, mut headers: HeaderMap) -> http::Response<Body> {
    if let Some(answer) = error.upstream_answer() {
        headers.extend(headers::from_operation(&answer.headers));
        // They describe the body that the provider sent.
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CACHE_CONTROL);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, whole_seconds(wait).into());
    }
    if error.kind() == ErrorKind::InvalidApiKey {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    name_request(&mut headers, request_id);
    build(error.status(), headers, error_body(error).into())
}

fn build(status: StatusCode, headers: HeaderMap, body: Body) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Rounded up: who comes back a moment too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn name_request(headers: &mut HeaderMap, request_id: &Arc<str>) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
}

fn name_provider(headers: &mut HeaderMap, context: &Context) {
    let (target, attempts) = context.observe(|observed| (observed.target.clone(), observed.attempts));
    let Some(target) = target else { return };
    if let Ok(provider) = HeaderValue::from_str(&target.provider) {
        headers.insert(X_PROVIDER, provider);
    }
    // A model's name may have characters that a header may not; then the header is left out.
    if let Some(model) = HeaderValue::from_str(&target.model).ok().filter(|_| !target.model.is_empty()) {
        headers.insert(X_MODEL, model);
    }
    if attempts > 0 {
        headers.insert(X_ATTEMPTS, attempts.into());
    }
}
