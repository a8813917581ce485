//! Asking a fake without a connection.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::{Received, Reply, Step};

/// Status and body of the answer to a request.
pub(super) fn post(
    fake: impl Fn(&Received) -> Reply,
    target: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (u16, String) {
    let (status, bytes) = post_bytes(fake, target, headers, body);
    (status, String::from_utf8(bytes).unwrap())
}

/// The same, of an answer that need not be text.
pub(super) fn post_bytes(
    fake: impl Fn(&Received) -> Reply,
    target: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (u16, Vec<u8>) {
    let pairs = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()));
    let headers = HeaderMap::from_iter(pairs);
    let body = body.to_string().into();
    let reply = fake(&Received { method: Method::POST, path_and_query: target.to_owned(), headers, body });
    let bytes = reply.steps.iter().flat_map(|step| match step {
        Step::Bytes(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    });
    (reply.head.map_or(0, |head| head.status), bytes.collect())
}

/// The answer, which must be one.
#[track_caller]
pub(super) fn said((status, body): (u16, String)) -> Value {
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Fails unless it was refused with these words.
#[track_caller]
pub(super) fn refused((status, body): (u16, String), words: &str) {
    assert_eq!(status, 400, "{body}");
    let body = body.replace("\\\"", "\"");
    assert!(body.contains(words), "{body} does not say {words}");
}

/// The first object with the members of the second.
pub(super) fn wanted(mut body: Value, more: Value) -> Value {
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}
