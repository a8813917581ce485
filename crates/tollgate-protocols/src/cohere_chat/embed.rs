//! `/v2/embed`, for clients of OpenAI's `/v1/embeddings`.

use bytes::Bytes;
use tollgate_core::Usage;
use tollgate_core::ir::Losses;

use crate::codec::DecodeError;
use crate::embeddings::{Embeddings, EmbeddingsRequest, vector};
use crate::json::{self, Value};

/// Members of Cohere's own that are passed on.
const OWN: [&str; 4] = ["input_type", "truncate", "max_tokens", "priority"];

/// Writes a request for a provider's model. What the texts are for must be said, and OpenAI's clients do not say it: they
/// are documents to be searched unless the client adds an `input_type`.
#[must_use]
pub fn encode(request: &EmbeddingsRequest, model: &str, losses: &mut Losses) -> Bytes {
    let length: usize = request.input.iter().map(|text| text.len() + 8).sum();
    losses.drop_if(request.user.is_some(), "user");
    Bytes::from(json::object(length + 160, |o| {
        o.string("model", model);
        o.strings("texts", request.input.iter().map(|text| &**text));
        if request.extras.iter().all(|(name, _)| name != "input_type") {
            o.string("input_type", "search_document");
        }
        o.strings("embedding_types", ["float"]);
        o.maybe_uint("output_dimension", request.dimensions);
        for (name, json) in &request.extras {
            if OWN.contains(&&**name) { o.raw(name, json) } else { losses.drop(name.clone()) }
        }
    }))
}

/// Reads a provider's answer.
///
/// # Errors
/// If it is an error in spite of its status, or no list of vectors.
pub fn decode(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let value = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is no JSON"))?;
    let list = value.get("embeddings").and_then(|embeddings| embeddings.get("float")).filter(|list| list.is_array());
    let vectors = list.and_then(|list| list.items().iter().map(vector).collect::<Option<Vec<_>>>());
    match vectors {
        Some(vectors) => Ok(Embeddings { model: None, vectors, usage: value.get("meta").and_then(usage) }),
        None if value.str("message").is_some() => Err(DecodeError::Upstream(Bytes::copy_from_slice(body))),
        None => Err(DecodeError::Invalid("the answer has no embeddings")),
    }
}

fn usage(meta: &Value<'_>) -> Option<Usage> {
    let count = |name: &str| meta.get(name).and_then(|counts| counts.u64("input_tokens"));
    let input = count("tokens").or_else(|| count("billed_units"))?;
    Some(Usage { input: Some(input), ..Usage::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let request = EmbeddingsRequest {
            input: vec!["a".to_owned()],
            dimensions: Some(256),
            extras: vec![("input_type".to_owned(), r#""search_query""#.to_owned())],
            ..EmbeddingsRequest::default()
        };
        let mut losses = Losses::default();
        assert_eq!(
            encode(&request, "m", &mut losses),
            r#"{"model":"m","texts":["a"],"embedding_types":["float"],"output_dimension":256,"input_type":"search_query"}"#
        );
        let plain = encode(&EmbeddingsRequest::default(), "m", &mut losses);
        assert_eq!(json::parse(&plain).unwrap().str("input_type"), Some("search_document"));
        let body = br#"{"id":"x","embeddings":{"float":[[0.5]]},"meta":{"billed_units":{"input_tokens":3}}}"#;
        let answer = decode(body).unwrap();
        assert_eq!((answer.vectors, answer.usage.unwrap().input), (vec![vec![0.5]], Some(3)));
        assert!(matches!(decode(br#"{"message":"no"}"#), Err(DecodeError::Upstream(_))));
    }
}
