//! A request in the one form that both sides sign.

use std::collections::BTreeMap;

use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::sha256;

/// All bytes but the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// What proxies and clients change on the way, and the signature itself.
const UNSIGNED: &[&str] =
    &["authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

pub(super) struct Canonical {
    /// Bytes, since the value of a header need not be text.
    pub(super) request: Vec<u8>,
    /// The names of the headers that it covers.
    pub(super) signed_headers: String,
}

impl Canonical {
    pub(super) fn new(method: &Method, path: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let names: BTreeMap<&str, _> = headers
            .keys()
            .map(|name| (name.as_str(), headers.get_all(name)))
            .filter(|(name, _)| !UNSIGNED.contains(name))
            .collect();
        let mut request = format!("{method}\n{}\n{}\n", canonical_path(path), canonical_query(query)).into_bytes();
        for (name, values) in &names {
            request.extend_from_slice(name.as_bytes());
            for (index, value) in values.iter().enumerate() {
                request.push(if index == 0 { b':' } else { b',' });
                push_trimmed(value.as_bytes(), &mut request);
            }
            request.push(b'\n');
        }
        let signed_headers = names.into_keys().collect::<Vec<_>>().join(";");
        request.extend_from_slice(format!("\n{signed_headers}\n{}", sha256(body)).as_bytes());
        Self { request, signed_headers }
    }
}

/// Without empty and dotted segments, and encoded once more than on the wire.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    let path = format!("/{}{end}", segments.join("/"));
    percent_encode(path.as_bytes(), RESERVED_IN_PATH).to_string()
}

/// Sorted, and encoded in one way whatever way the wire has it.
fn canonical_query(query: &str) -> String {
    let encode = |text: &str| percent_encode(&percent_decode_str(text).collect::<Vec<u8>>(), RESERVED).to_string();
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Without spaces around it, and with one where there are several.
fn push_trimmed(value: &[u8], into: &mut Vec<u8>) {
    let mut after_space = false;
    for byte in value.trim_ascii() {
        if *byte != b' ' || !after_space {
            into.push(*byte);
        }
        after_space = *byte == b' ';
    }
}
