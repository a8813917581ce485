//! From the domain's answers and errors to HTTP.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_core::ir::Protocol;
use tollgate_core::{Body, Context, Error, ErrorKind, Operation, Request, Response};

use crate::in_band::InBand;
use crate::json_array::JsonArray;
use crate::{directives, errors, headers, rate_limits};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");
const X_MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
const X_DROPPED: HeaderName = HeaderName::from_static("x-tollgate-dropped");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const X_BUDGET_WARNING: HeaderName = HeaderName::from_static("x-tollgate-budget-warning");
const X_COST: HeaderName = HeaderName::from_static("x-tollgate-cost");
const X_SAVED: HeaderName = HeaderName::from_static("x-tollgate-saved");
const X_ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");

/// About as many headers of its own the gateway adds to an answer.
const OWN_HEADERS: usize = 10;

/// What a client expects of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) operation: Operation,
    pub(crate) protocol: Protocol,
    /// Whether a stream is to be one JSON array and not server-sent events, as Gemini has it by default.
    pub(crate) as_array: bool,
}

impl Shape {
    pub(crate) fn plain(operation: Operation) -> Self {
        Self { operation, protocol: operation.protocol(), as_array: false }
    }

    pub(crate) fn of(request: &Request, query: Option<&str>) -> Self {
        let wants_events = query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
        let is_gemini = request.operation == Operation::GenerateContent;
        let as_array = is_gemini && request.is_streamed() && !wants_events;
        Self { operation: request.operation, protocol: request.protocol, as_array }
    }
}

/// An answer.
pub(crate) fn answer(shape: Shape, mut response: Response, context: &Context) -> http::Response<Body> {
    let is_raw = shape.operation == Operation::Passthrough || shape.operation.is_forwarded();
    let mut headers = if is_raw {
        headers::from_passthrough(&response.headers)
    } else {
        headers::into_operation(std::mem::take(&mut response.headers), shape.protocol)
    };
    // At once, because growing a map means to sort in again what is there.
    headers.reserve(OWN_HEADERS);
    if !is_raw {
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    let is_stream = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().starts_with(b"text/event-stream") || value.as_bytes().starts_with(b"application/x-ndjson")
    });
    directives::tell(&mut headers, context, !response.body.is_arriving());
    name_provider(&mut headers, context);
    tell_limits(&mut headers, shape.protocol, context);
    if !response.body.is_arriving() {
        name_cost(&mut headers, context);
    }
    name_request(&mut headers, shape.protocol, context.request_id());
    let body = if is_stream && !is_raw && response.body.is_arriving() {
        InBand::wrap(response.body, shape.protocol, context.request_id().clone())
    } else {
        response.body
    };
    if is_stream && shape.as_array {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return build(response.status, headers, JsonArray::wrap(body));
    }
    build(response.status, headers, body)
}

/// The answer to a request that failed, as OpenAI's clients expect it.
#[must_use]
pub fn error_response(error: &Error, request_id: &Arc<str>) -> http::Response<Body> {
    refusal(Protocol::OpenAiChat, error, request_id)
}

/// The answer to a request that failed at the door, as its clients expect it.
pub(crate) fn refusal(protocol: Protocol, error: &Error, request_id: &Arc<str>) -> http::Response<Body> {
    error_with(protocol, error, request_id, HeaderMap::new())
}

/// The same, for a request that came as far as having a context.
pub(crate) fn failure(protocol: Protocol, error: &Error, context: &Context) -> http::Response<Body> {
    let mut headers = HeaderMap::new();
    directives::tell(&mut headers, context, false);
    name_provider(&mut headers, context);
    let mut response = error_with(protocol, error, context.request_id(), headers);
    tell_limits(response.headers_mut(), protocol, context);
    response
}

fn error_with(
    protocol: Protocol,
    error: &Error,
    request_id: &Arc<str>,
    mut headers: HeaderMap,
) -> http::Response<Body> {
    if let Some(answer) = error.upstream_answer() {
        headers.extend(headers::from_operation(&answer.headers, protocol));
        // They describe the body that the provider sent.
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CACHE_CONTROL);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, whole_seconds(wait).into());
        if matches!(protocol, Protocol::OpenAiChat | Protocol::OpenAiResponses) {
            // OpenAI's SDKs wait this long rather than whole seconds.
            headers.entry(RETRY_AFTER_MS).or_insert_with(|| whole_millis(wait).into());
        }
    }
    if will_not_help(error) {
        // What the SDKs of OpenAI and Anthropic go by before they look at the status.
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if error.kind() == ErrorKind::InvalidApiKey {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    name_request(&mut headers, protocol, request_id);
    build(errors::status(protocol, error), headers, errors::body(protocol, error, request_id).into())
}

/// Whether asking again soon gives the same: money is not there again in seconds, and what is too large stays so.
fn will_not_help(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::BudgetExceeded | ErrorKind::PriceUnknown => true,
        ErrorKind::RateLimited => error.retry_after().is_none(),
        _ => false,
    }
}

/// The gateway's own limits, as far as the request counted for any.
fn tell_limits(headers: &mut HeaderMap, protocol: Protocol, context: &Context) {
    let Some(notice) = context.observe(|observed| observed.quota.clone()) else { return };
    rate_limits::tell(&notice, protocol, SystemTime::now(), headers);
    for warning in &notice.warnings {
        let plain: String =
            warning.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect();
        if let Ok(value) = HeaderValue::try_from(plain) {
            headers.append(X_BUDGET_WARNING, value);
        }
    }
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

fn whole_millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn name_request(headers: &mut HeaderMap, protocol: Protocol, request_id: &Arc<str>) {
    let Ok(value) = HeaderValue::from_str(request_id) else { return };
    if protocol == Protocol::AnthropicMessages {
        // Where Anthropic's SDKs look for it.
        headers.insert(REQUEST_ID, value.clone());
    }
    headers.insert(X_REQUEST_ID, value);
}

/// Names as a header can hold them. Some are the client's own, and may have characters that a header may not.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let plain = |c: char| if c.is_ascii_graphic() && c != ',' { c } else { '?' };
    names
        .filter(|name| !name.is_empty())
        .map(|name| name.chars().map(plain).collect())
        .collect::<Vec<String>>()
        .join(", ")
}

/// Says what the request cost and what a cache saved, where that is known. Of an answer that is still arriving it is not.
fn name_cost(headers: &mut HeaderMap, context: &Context) {
    let (cost, saved) = context.observe(|observed| (observed.cost.as_ref().map(|cost| cost.amount), observed.saved));
    for (name, amount) in [(X_COST, cost), (X_SAVED, saved)] {
        if let Some(value) = amount.and_then(|amount| HeaderValue::from_str(&amount.to_string()).ok()) {
            headers.insert(name, value);
        }
    }
}

fn name_provider(headers: &mut HeaderMap, context: &Context) {
    let (target, attempts, dropped) = context.observe(|observed| {
        let dropped = (!observed.losses.is_empty()).then(|| listed(observed.losses.fields()));
        (observed.target.clone(), observed.attempts, dropped)
    });
    if let Some(dropped) = dropped.and_then(|dropped| HeaderValue::from_str(&dropped).ok()) {
        headers.insert(X_DROPPED, dropped);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clients_fit_into_a_header() {
        assert_eq!(listed(["seed", "", "a,b\u{e9}\n"].into_iter()), "seed, a?b??");
    }
}
