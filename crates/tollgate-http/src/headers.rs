//! Which headers travel on.
//!
//! Between a client and an operation's provider only known headers travel, since the two may not even speak the same
//! protocol. A pass-through forwards everything except what belongs to one connection, and credentials, which are the
//! gateway's.

use std::time::SystemTime;

use http::{HeaderMap, header};
use tollgate_core::ir::Protocol;

use crate::rate_limits;

/// What a client may tell the provider of an operation.
const REQUEST: &[&str] = &[
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "helicone-session-id",
    "http-referer",
    "idempotency-key",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "session-id",
    "traceparent",
    "tracestate",
    "x-client-request-id",
    "x-grok-conv-id",
    "x-session-id",
    "x-title",
];

/// What a provider may tell the client of an operation, besides the families below.
const RESPONSE: &[&str] = &[
    "cache-control",
    "content-encoding",
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-accel-buffering",
    "x-should-retry",
    "x-tollgate-estimated",
];

/// Families of headers that a provider may tell: limits, ids, processing times, regions.
const RESPONSE_PREFIXES: &[&str] = &[
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "openai-",
    "anthropic-organization",
    "x-groq-",
    "x-ms-",
    "apim-request-id",
];

/// What belongs to one connection or to the gateway (RFC 9110, section 7.6.1).
const NEVER: &[&str] = &[
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-api-key",
    "x-goog-api-key",
    "x-real-ip",
    "x-request-id",
];

const NEVER_PREFIXES: &[&str] = &["x-forwarded-", "x-tollgate-", "cf-"];

/// The client's headers that travel with an operation.
pub(crate) fn for_operation(client: &HeaderMap) -> HeaderMap {
    select(client, |name| REQUEST.binary_search(&name).is_ok())
}

/// The client's headers that travel with a pass-through.
pub(crate) fn for_passthrough(client: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(client);
    select(client, |name| may_pass(name) && !named.iter().any(|listed| listed == name))
}

/// As [`from_operation`], of headers that nobody else needs. Those of stored answers all travel, and are not copied.
pub(crate) fn into_operation(provider: HeaderMap, protocol: Protocol) -> HeaderMap {
    match provider.keys().all(|name| RESPONSE.binary_search(&name.as_str()).is_ok()) {
        true => provider,
        false => from_operation(&provider, protocol),
    }
}

/// The provider's headers that the client of an operation sees; limits in its own family's words.
pub(crate) fn from_operation(provider: &HeaderMap, protocol: Protocol) -> HeaderMap {
    let mut headers = select(provider, |name| {
        let is_known =
            RESPONSE.binary_search(&name).is_ok() || RESPONSE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        is_known && !rate_limits::is_foreign(protocol, name)
    });
    rate_limits::translate(provider, protocol, SystemTime::now(), &mut headers);
    headers
}

/// The provider's headers that the client of a pass-through sees.
pub(crate) fn from_passthrough(provider: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(provider);
    select(provider, |name| may_pass(name) && !named.iter().any(|listed| listed == name))
}

fn may_pass(name: &str) -> bool {
    NEVER.binary_search(&name).is_err() && !NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn select(headers: &HeaderMap, keep: impl Fn(&str) -> bool) -> HeaderMap {
    // Made without room: a client sends few of these, and an empty map has no memory to allocate or to clone.
    let mut kept = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| keep(name.as_str())) {
        kept.append(name.clone(), value.clone());
    }
    kept
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    fn headers(names: &[&'static str]) -> HeaderMap {
        names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v"))).collect()
    }

    #[test]
    fn lists_are_sorted_for_searching() {
        assert!(REQUEST.is_sorted() && RESPONSE.is_sorted() && NEVER.is_sorted());
    }

    #[test]
    fn credentials_never_travel() {
        let client = headers(&["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "openai-beta"]);
        assert_eq!(names(&for_operation(&client)), ["openai-beta"]);
        assert_eq!(names(&for_passthrough(&client)), ["openai-beta"]);
    }

    #[test]
    fn what_a_connection_names_stays_with_it() {
        let mut client = headers(&["x-own", "x-other", "te"]);
        client.insert("connection", HeaderValue::from_static("keep-alive, X-Own"));
        assert_eq!(names(&for_passthrough(&client)), ["x-other"]);
    }

    #[test]
    fn clients_see_limits_but_no_cookies() {
        let provider =
            headers(&["x-ratelimit-remaining-tokens", "set-cookie", "server", "retry-after", "x-request-id"]);
        assert_eq!(
            names(&from_operation(&provider, Protocol::OpenAiChat)),
            ["retry-after", "x-ratelimit-remaining-tokens"]
        );
        let mut provider = provider;
        provider.insert("x-ratelimit-remaining-tokens", HeaderValue::from_static("5"));
        assert_eq!(
            names(&from_operation(&provider, Protocol::AnthropicMessages)),
            ["anthropic-ratelimit-tokens-remaining", "retry-after"]
        );
        assert_eq!(names(&from_passthrough(&provider)), ["retry-after", "server", "x-ratelimit-remaining-tokens"]);
        for known in [headers(&["content-type", "retry-after"]), headers(&["content-type", "set-cookie"]), provider] {
            let expected = from_operation(&known, Protocol::AnthropicMessages);
            assert_eq!(into_operation(known, Protocol::AnthropicMessages), expected);
        }
    }
}
