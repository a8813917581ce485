//! The interactions of a VCR file, in the dialects of its Python and Go kin.

use serde_json::Value;

use super::yaml::Node;
use super::{Answer, Exchange, shape, unpack};

/// Reads one interaction. The provider is the host of the request.
pub(super) fn read(interaction: &Node) -> Result<Exchange, &'static str> {
    let (Some(request), Some(response)) = (interaction.get("request"), interaction.get("response")) else {
        return Err("an interaction that is not HTTP");
    };
    let address = request.get("uri").or_else(|| request.get("url")).and_then(Node::text).ok_or("no address")?;
    let (host, path) = split(address);
    let header = |name: &str| response.get("headers").and_then(|headers| header(headers, name));
    let status = response.get("code").or_else(|| response.get("status")?.get("code")).and_then(Node::text);
    let body = match response.get("parsed_body") {
        Some(parsed) => parsed.to_json().to_string().into_bytes(),
        None => {
            let body = response.get("body");
            let bytes = body.and_then(|body| body.get("string").or(Some(body))).and_then(Node::bytes);
            unpack::decompress(bytes.unwrap_or_default(), header("content-encoding").as_deref())?
        }
    };
    let exchange = Exchange::new(host.to_owned(), shape::of_path(path), Answer::sniff(body));
    Ok(Exchange {
        method: request.get("method").and_then(Node::text).unwrap_or("POST").to_ascii_uppercase(),
        path: path.to_owned(),
        request: request_body(request),
        status: status.and_then(|status| status.parse().ok()).ok_or("no status")?,
        content_type: header("content-type").unwrap_or(exchange.content_type),
        ..exchange
    })
}

fn request_body(request: &Node) -> Option<Value> {
    if let Some(parsed) = request.get("parsed_body") {
        return Some(parsed.to_json());
    }
    let bytes = unpack::decompress(request.get("body")?.bytes()?, None).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The host, and path and query.
fn split(address: &str) -> (&str, &str) {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let at = rest.find('/').unwrap_or(rest.len());
    (&rest[..at], &rest[at..])
}

fn header(headers: &Node, name: &str) -> Option<String> {
    let (_, value) = headers.members().iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.items().first().unwrap_or(value).text().map(str::to_owned)
}
