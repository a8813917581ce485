//! Embeddings: `embedContent` and `batchEmbedContents`, as a client's protocol and as a provider's.

use std::borrow::Cow;

use bytes::Bytes;
use tollgate_core::{Error, Usage};

use super::types::{camel, list, member};
use crate::codec::DecodeError;
use crate::embeddings::{Embeddings, EmbeddingsRequest, MAX_INPUTS};
use crate::json::{self, Object, Value};

/// Writes `batchEmbedContents` for a provider.
#[must_use]
pub fn encode_request(request: &EmbeddingsRequest, model: &str) -> Bytes {
    let model = resource(model);
    let size = request.input.iter().map(|text| text.len() + 96).sum();
    let body = json::object(size, |o| {
        o.array("requests", |a| {
            for text in &request.input {
                a.object(|o| {
                    o.string("model", &model);
                    o.object("content", |o| o.array("parts", |a| a.object(|o| o.string("text", text))));
                    o.maybe_uint("outputDimensionality", request.dimensions);
                    for (name, json) in &request.extras {
                        let name = camel(name);
                        if matches!(&*name, "taskType" | "title") {
                            o.raw(&name, json);
                        }
                    }
                });
            }
        });
    });
    body.into()
}

/// The name of a model as a resource: `models/…`, as the protocol has it inside of bodies.
pub(super) fn resource(model: &str) -> Cow<'_, str> {
    if model.contains('/') { Cow::Borrowed(model) } else { Cow::Owned(format!("models/{model}")) }
}

/// Reads a provider's answer to `embedContent` or `batchEmbedContents`.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode_answer(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let value = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is no JSON"))?;
    if value.get("error").is_some() {
        return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
    }
    let single = value.get("embedding").map(std::slice::from_ref).unwrap_or_default();
    let vectors: Option<Vec<Vec<f32>>> = value.array("embeddings").iter().chain(single).map(vector).collect();
    let vectors =
        vectors.filter(|vectors| !vectors.is_empty()).ok_or(DecodeError::Invalid("the answer holds no embeddings"))?;
    let input = value.get("usageMetadata").and_then(|usage| usage.u64("promptTokenCount"));
    let usage = input.map(|input| Usage { input: Some(input), ..Usage::default() });
    Ok(Embeddings { model: None, vectors, usage })
}

#[expect(clippy::cast_possible_truncation, reason = "embeddings are 32-bit floats everywhere")]
fn vector(embedding: &Value<'_>) -> Option<Vec<f32>> {
    let values = embedding.get("values")?;
    values.items().iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
}

/// Reads a client's `embedContent` or `batchEmbedContents`. The model is in the address, so it may be empty.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode_request(body: &[u8]) -> Result<EmbeddingsRequest, Error> {
    let value = json::parse(body)
        .map_err(|fault| Error::invalid_request(format!("The body is not valid JSON: {}.", fault.message), None))?;
    let mut request = EmbeddingsRequest::default();
    let single = std::slice::from_ref(&value);
    let items = value.get("requests").map_or(single, Value::items);
    if items.is_empty() || items.len() > MAX_INPUTS {
        let message = format!("`requests` must hold 1 to {MAX_INPUTS} requests.");
        return Err(Error::invalid_request(message, Some("requests")));
    }
    for (at, item) in items.iter().enumerate() {
        read_item(item, at == 0, &mut request)?;
    }
    Ok(request)
}

/// Reads a request. Settings are one for all in other protocols, so those of all must be the same.
fn read_item(item: &Value<'_>, is_first: bool, request: &mut EmbeddingsRequest) -> Result<(), Error> {
    let (mut text, mut dimensions, mut extras) = (None, None, Vec::new());
    for (name, value) in item.present() {
        match &*camel(name) {
            "content" => text = Some(content(value)?),
            "model" => request.model = value.to_text().unwrap_or_default(),
            "outputDimensionality" => {
                let number = value.as_u64().filter(|number| *number > 0);
                dimensions = Some(number.ok_or_else(|| {
                    let param = "outputDimensionality";
                    Error::invalid_request("`outputDimensionality` must be a whole number above 0.", Some(param))
                })?);
            }
            "taskType" => extras.push(("task_type".to_owned(), value.raw().to_owned())),
            name => extras.push((name.to_owned(), value.raw().to_owned())),
        }
    }
    let text = text.ok_or_else(|| Error::invalid_request("`content` is missing.", Some("content")))?;
    if is_first {
        (request.dimensions, request.extras) = (dimensions, extras);
    } else if (request.dimensions, &request.extras) != (dimensions, &extras) {
        let message = "All requests must have the same settings.";
        return Err(Error::invalid_request(message, Some("requests")));
    }
    request.input.push(text);
    Ok(())
}

fn content(value: &Value<'_>) -> Result<String, Error> {
    let parts = member(value, "parts").map(list).unwrap_or_default();
    let texts: Option<Vec<&str>> = parts.iter().map(|part| part.str("text")).collect();
    texts
        .filter(|texts| !texts.is_empty())
        .map(|texts| texts.concat())
        .ok_or_else(|| Error::invalid_request("`content.parts` must hold texts.", Some("content.parts")))
}

/// Writes the answer for a client. `batch`: whether it asked for several.
#[must_use]
pub fn encode_answer(answer: &Embeddings, batch: bool) -> Bytes {
    let numbers: usize = answer.vectors.iter().map(Vec::len).sum();
    let body = json::object(64 + numbers * 12, |o| {
        if batch {
            o.array("embeddings", |a| answer.vectors.iter().for_each(|vector| a.object(|o| write_vector(vector, o))));
        } else {
            o.object("embedding", |o| write_vector(answer.vectors.first().map_or(&[], Vec::as_slice), o));
        }
        if let Some(input) = answer.usage.and_then(|usage| usage.input) {
            o.object("usageMetadata", |o| o.uint("promptTokenCount", input));
        }
    });
    body.into()
}

fn write_vector(vector: &[f32], o: &mut Object<'_>) {
    // Through text, because a 32-bit float as a double has digits that nobody wrote.
    o.array("values", |a| {
        for number in vector {
            a.raw(&if number.is_finite() { number.to_string() } else { "0".to_owned() });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embeddings;

    #[test]
    fn for_a_provider() {
        let body = br#"{"model":"m","input":["a","b"],"dimensions":2,"encoding_format":"base64","task_type":"CLUSTERING","x":1}"#;
        let request = embeddings::decode(body).unwrap();
        let item = |text| {
            format!(
                r#"{{"model":"models/e","content":{{"parts":[{{"text":"{text}"}}]}},"outputDimensionality":2,"taskType":"CLUSTERING"}}"#
            )
        };
        let expected = format!(r#"{{"requests":[{},{}]}}"#, item("a"), item("b"));
        assert_eq!(encode_request(&request, "e"), expected);
        let answer = decode_answer(br#"{"embeddings":[{"values":[0.5,-1]},{"values":[0,0.25]}]}"#).unwrap();
        assert_eq!(answer.vectors, [[0.5, -1.0], [0.0, 0.25]]);
        assert_eq!(answer.usage, None);
        assert!(matches!(decode_answer(br#"{"error":{}}"#), Err(DecodeError::Upstream(_))));
        assert!(decode_answer(b"{}").is_err() && decode_answer(br#"{"embedding":{"values":["x"]}}"#).is_err());
        let tokens = br#"{"model":"m","input":[[1,2]]}"#;
        assert_eq!(embeddings::decode(tokens).unwrap_err().param(), Some("input"));
    }

    #[test]
    fn for_a_client() {
        let single = br#"{"content":{"parts":[{"text":"a"},{"text":"b"}]},"output_dimensionality":3}"#;
        let request = decode_request(single).unwrap();
        assert_eq!((&request.input[..], request.dimensions), (&["ab".to_owned()][..], Some(3)));
        let answer = Embeddings { vectors: vec![vec![0.1, 1.0]], ..Embeddings::default() };
        assert_eq!(encode_answer(&answer, false), r#"{"embedding":{"values":[0.1,1]}}"#);
        assert_eq!(encode_answer(&answer, true), r#"{"embeddings":[{"values":[0.1,1]}]}"#);
        for wrong in [
            r#"{"requests":[]}"#,
            "{}",
            r#"{"content":{"parts":[{"inlineData":{}}]}}"#,
            r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"a"}]},"taskType":"X"}]}"#,
        ] {
            assert!(decode_request(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
