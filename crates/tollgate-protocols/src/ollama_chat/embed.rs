//! `/api/embed`, for clients of OpenAI's `/v1/embeddings`.

use bytes::Bytes;
use tollgate_core::ir::Losses;

use crate::codec::DecodeError;
use crate::embeddings::{Embeddings, EmbeddingsRequest, vector};
use crate::json::{self, Value};
use crate::usage;

/// Members of Ollama's own that are passed on.
const OWN: [&str; 3] = ["truncate", "keep_alive", "options"];

/// Writes a request for a provider's model.
#[must_use]
pub fn encode(request: &EmbeddingsRequest, model: &str, losses: &mut Losses) -> Bytes {
    let length: usize = request.input.iter().map(|text| text.len() + 8).sum();
    losses.drop_if(request.user.is_some(), "user");
    Bytes::from(json::object(length + 128, |o| {
        o.string("model", model);
        o.strings("input", request.input.iter().map(|text| &**text));
        o.maybe_uint("dimensions", request.dimensions);
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
    if value.get("error").is_some() {
        return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
    }
    let list = value.get("embeddings").filter(|list| list.is_array());
    let vectors = list.and_then(|list| list.items().iter().map(vector).collect::<Option<Vec<_>>>());
    let vectors = vectors.ok_or(DecodeError::Invalid("the answer has no embeddings"))?;
    Ok(Embeddings { model: value.get("model").and_then(Value::to_text), vectors, usage: usage::parse(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let extras =
            [("truncate", "false"), ("x", "1")].map(|(name, json)| (name.to_owned(), json.to_owned())).to_vec();
        let input = vec!["a".to_owned(), "b".to_owned()];
        let request = EmbeddingsRequest { input, dimensions: Some(2), extras, ..EmbeddingsRequest::default() };
        let mut losses = Losses::default();
        let body = encode(&request, "m", &mut losses);
        assert_eq!(body, r#"{"model":"m","input":["a","b"],"dimensions":2,"truncate":false}"#);
        assert_eq!(losses.fields().collect::<Vec<_>>(), ["x"]);
        let answer = decode(br#"{"model":"m","embeddings":[[0.5,1],[2,3]],"prompt_eval_count":4}"#).unwrap();
        assert_eq!(answer.vectors, [[0.5, 1.0], [2.0, 3.0]]);
        assert_eq!(answer.usage.unwrap().input, Some(4));
        assert!(matches!(decode(br#"{"error":"no"}"#), Err(DecodeError::Upstream(_))));
        assert!(matches!(decode(br#"{"embeddings":[["a"]]}"#), Err(DecodeError::Invalid(_))));
    }
}
