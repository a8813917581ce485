//! What is sent and read, after Qdrant's OpenAPI description.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::index::vector::Unit;
use crate::index::{IndexError, Namespace, Neighbour, Point, PointId};

/// What was answered, or that the collection is not there.
#[derive(Debug)]
pub(super) enum Answer<T> {
    Done(T),
    NotFound,
}

/// What answers come in.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) result: T,
}

/// What an error comes in.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) status: Reason,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) error: String,
}

/// A point as it is stored. Namespaces share the ids of the collection, so theirs are in the payload.
#[derive(Debug, Serialize)]
pub(super) struct Stored {
    id: String,
    vector: Vec<f32>,
    payload: Payload,
}

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    #[serde(default)]
    namespace: String,
    id: String,
    /// In hexadecimal, because JSON holds no bytes.
    payload: String,
    #[serde(default)]
    expires: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub(super) points: Vec<Scored>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scored {
    score: f32,
    payload: Payload,
}

#[derive(Debug, Deserialize)]
pub(super) struct Counted {
    pub(super) count: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Described {
    config: Config,
}

#[derive(Debug, Deserialize)]
struct Config {
    params: Params,
}

#[derive(Debug, Deserialize)]
struct Params {
    vectors: Value,
}

/// The end of time: the largest number that a 64-bit float, which ranges are compared by, holds exactly.
pub(super) const NEVER: u64 = (1 << 53) - 1;

// === impl Described ===

impl Described {
    pub(super) fn dimensions(&self) -> Result<usize, IndexError> {
        let vectors = &self.config.params.vectors;
        let size = vectors["size"].as_u64().and_then(|size| usize::try_from(size).ok());
        size.filter(|_| vectors["distance"] == "Cosine").ok_or_else(|| {
            IndexError::refused("the collection is not made for vectors without name and for the distance Cosine")
        })
    }
}

// === impl Stored ===

impl Stored {
    pub(super) fn new(namespace: Namespace, point: &Point, unit: &Unit, expires: u64) -> Self {
        let payload = Payload {
            namespace: namespace.to_string(),
            id: point.id.to_string(),
            payload: hexadecimal(&point.payload),
            expires,
        };
        Self { id: uuid(namespace, point.id), vector: unit.as_slice().to_vec(), payload }
    }
}

pub(super) fn collection(dimensions: usize) -> Value {
    json!({
        "vectors": { "size": dimensions, "distance": "Cosine" },
        // No graph over all, since nobody searches all; one for each namespace that is large enough.
        "hnsw_config": { "m": 0, "payload_m": 16 },
    })
}

pub(super) fn payload_indexes() -> [Value; 2] {
    [
        json!({ "field_name": "namespace", "field_schema": { "type": "keyword", "is_tenant": true } }),
        json!({ "field_name": "expires", "field_schema": { "type": "integer", "lookup": false, "range": true } }),
    ]
}

pub(super) fn upsert(points: Vec<Stored>) -> impl Serialize {
    #[derive(Serialize)]
    struct Upsert {
        points: Vec<Stored>,
    }
    Upsert { points }
}

pub(super) fn query(namespace: Namespace, unit: &Unit, limit: usize, now: u64) -> impl Serialize {
    #[derive(Serialize)]
    struct Query {
        query: Vec<f32>,
        filter: Value,
        limit: usize,
        with_payload: [&'static str; 2],
    }
    let with_payload = ["id", "payload"];
    Query { query: unit.as_slice().to_vec(), filter: live(namespace, now), limit, with_payload }
}

pub(super) fn count(namespace: Namespace, now: u64) -> Value {
    json!({ "filter": live(namespace, now), "exact": true })
}

pub(super) fn points(namespace: Namespace, ids: &[PointId]) -> Value {
    json!({ "points": ids.iter().map(|&id| uuid(namespace, id)).collect::<Vec<_>>() })
}

pub(super) fn of_namespace(namespace: Namespace) -> Value {
    json!({ "filter": { "must": [is_of(namespace)] } })
}

pub(super) fn expired(now: u64) -> Value {
    json!({ "filter": { "must": [{ "key": "expires", "range": { "lte": now } }] } })
}

pub(super) fn neighbour(found: &Scored) -> Result<Neighbour, IndexError> {
    let id = u128::from_str_radix(&found.payload.id, 16).ok();
    let parts = id.zip(bytes(&found.payload.payload));
    let (id, payload) = parts.ok_or_else(|| IndexError::refused("a point of the collection was not stored by us"))?;
    Ok(Neighbour { id: PointId::new(id), similarity: found.score.clamp(-1.0, 1.0), payload })
}

fn live(namespace: Namespace, now: u64) -> Value {
    json!({ "must": [is_of(namespace), { "key": "expires", "range": { "gt": now } }] })
}

fn is_of(namespace: Namespace) -> Value {
    json!({ "key": "namespace", "match": { "value": namespace.to_string() } })
}

/// An id that only this point of this namespace has.
fn uuid(namespace: Namespace, id: PointId) -> String {
    let digest = Sha256::new().chain_update(namespace.as_bytes()).chain_update(id.number().to_be_bytes()).finalize();
    let digits = hexadecimal(&digest[..16]);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn bytes(text: &str) -> Option<Bytes> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&hexadecimal(&all)).as_deref(), Some(&*all));
        for text in ["0", "0g", "é"] {
            assert_eq!(bytes(text), None);
        }
    }

    #[test]
    fn the_same_id_in_two_namespaces_is_two_points() {
        let [one, other] = [1, 2].map(|number| uuid(Namespace::new([number; 32]), PointId::new(7)));
        assert_ne!(one, other);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }

    #[test]
    fn a_collection_of_another_kind_is_refused() {
        let described = |vectors: Value| -> Described {
            serde_json::from_value(json!({ "config": { "params": { "vectors": vectors } } })).unwrap()
        };
        assert_eq!(described(json!({ "size": 3, "distance": "Cosine" })).dimensions().unwrap(), 3);
        assert!(described(json!({ "size": 3, "distance": "Dot" })).dimensions().is_err());
        assert!(described(json!({ "text": { "size": 3, "distance": "Cosine" } })).dimensions().is_err());
    }
}
