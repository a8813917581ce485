//! OpenAI's `/v1/embeddings` on the client's side: the request read, the answer written.
//!
//! Providers of other protocols answer with lists of numbers. OpenAI's SDKs ask for Base64 of little-endian 32-bit floats
//! unless told otherwise, so every provider's answer must be able to leave in that form. Each protocol's helper takes an
//! [`EmbeddingsRequest`], writes its provider's body of it, reads the answer into an [`Embeddings`] and gives it to
//! [`encode`].

use bytes::Bytes;
use tollgate_core::{Error, Usage};

use crate::base64;
use crate::json::{self, Value};

/// The most inputs in one request, as OpenAI has it.
pub const MAX_INPUTS: usize = 2048;

/// What a client wants to be embedded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbeddingsRequest {
    /// The model as the client named it.
    pub model: String,
    /// The texts, in order. Never empty.
    pub input: Vec<String>,
    /// How many numbers each vector should have; the model's own count if `None`.
    pub dimensions: Option<u64>,
    /// Whether the answer's vectors are Base64 and not lists of numbers; lists unless asked for.
    pub base64: bool,
    /// Who the client's user is.
    pub user: Option<String>,
    /// Names of members that are not OpenAI's, with their JSON text: `input_type`, `truncate`, `task_type`.
    pub extras: Vec<(String, String)>,
}

/// What a provider answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// The model as the provider names it.
    pub model: Option<String>,
    /// A vector for each input, in order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens.
    pub usage: Option<Usage>,
}

/// Reads a client's request.
///
/// # Errors
/// An invalid request that names the part at fault. Lists of tokens are refused: they are of one tokenizer, which other
/// providers do not have.
pub fn decode(body: &[u8]) -> Result<EmbeddingsRequest, Error> {
    let value =
        json::parse(body).map_err(|fault| Error::invalid_request(format!("The body is no JSON: {fault}."), None))?;
    if !value.is_object() {
        return Err(Error::invalid_request("The body must be a JSON object.", None));
    }
    let mut request = EmbeddingsRequest::default();
    for (name, member) in value.present() {
        match name {
            "model" => request.model = text(member, "model")?,
            "input" => request.input = input(member)?,
            "dimensions" => request.dimensions = Some(positive(member)?),
            "encoding_format" => request.base64 = is_base64(member)?,
            "user" => request.user = Some(text(member, "user")?),
            _ => request.extras.push((name.to_owned(), member.raw().to_owned())),
        }
    }
    if request.model.is_empty() {
        return Err(Error::invalid_request("`model` is missing.", Some("model")));
    }
    if request.input.is_empty() {
        return Err(Error::invalid_request("`input` is missing or empty.", Some("input")));
    }
    Ok(request)
}

fn text(value: &Value<'_>, param: &str) -> Result<String, Error> {
    value.to_text().ok_or_else(|| Error::invalid_request(format!("`{param}` must be a string."), Some(param)))
}

fn positive(value: &Value<'_>) -> Result<u64, Error> {
    let number = value.as_u64().filter(|number| *number > 0);
    number.ok_or_else(|| Error::invalid_request("`dimensions` must be a whole number above 0.", Some("dimensions")))
}

fn is_base64(value: &Value<'_>) -> Result<bool, Error> {
    match value.as_str() {
        Some("base64") => Ok(true),
        Some("float") => Ok(false),
        _ => Err(Error::invalid_request("`encoding_format` must be `float` or `base64`.", Some("encoding_format"))),
    }
}

fn input(value: &Value<'_>) -> Result<Vec<String>, Error> {
    if let Some(text) = value.to_text() {
        return Ok(vec![text]);
    }
    let items = value.items();
    if items.len() > MAX_INPUTS {
        let message = format!("`input` holds more than {MAX_INPUTS} texts. Send them in several requests.");
        return Err(Error::invalid_request(message, Some("input")));
    }
    let texts: Option<Vec<String>> = items.iter().map(Value::to_text).collect();
    texts.ok_or_else(|| {
        let message = "`input` must be a string or a list of strings; this model's provider takes no lists of tokens.";
        Error::invalid_request(message, Some("input"))
    })
}

/// Writes the answer for the client that sent `request`. `model` is the name to give where the provider names none.
#[must_use]
pub fn encode(answer: &Embeddings, request: &EmbeddingsRequest, model: &str) -> Bytes {
    let numbers: usize = answer.vectors.iter().map(Vec::len).sum();
    let body = json::object(256 + numbers * 12, |o| {
        o.string("object", "list");
        o.array("data", |a| {
            for (index, vector) in (0..).zip(&answer.vectors) {
                a.object(|o| {
                    o.string("object", "embedding");
                    o.uint("index", index);
                    if request.base64 {
                        o.string("embedding", &to_base64(vector));
                    } else {
                        o.array("embedding", |a| vector.iter().for_each(|number| a.raw(&float_text(*number))));
                    }
                });
            }
        });
        o.string("model", answer.model.as_deref().unwrap_or(model));
        let input = answer.usage.and_then(|usage| usage.input).unwrap_or(0);
        o.object("usage", |o| {
            o.uint("prompt_tokens", input);
            o.uint("total_tokens", input);
        });
    });
    Bytes::from(body)
}

/// The shortest decimal that gives the same 32-bit float; as a 64-bit float it would have noise digits.
fn float_text(number: f32) -> String {
    if number.is_finite() { number.to_string() } else { "null".to_owned() }
}

/// A vector as Base64 (RFC 4648, section 4) of its numbers as little-endian 32-bit floats, which is OpenAI's
/// `encoding_format: base64`.
#[must_use]
pub fn to_base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    base64::encode(&bytes)
}

/// A list of numbers; `None` if one of its items is none.
#[must_use]
pub fn vector(value: &Value<'_>) -> Option<Vec<f32>> {
    #[expect(clippy::cast_possible_truncation, reason = "embeddings are 32-bit floats in OpenAI's protocol")]
    value.is_array().then(|| value.items().iter().map(|item| item.as_f64().map(|number| number as f32)).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let request = decode(
            br#"{"model":"m","input":["a","b"],"dimensions":2,"encoding_format":"base64","user":"u","input_type":"x"}"#,
        )
        .unwrap();
        assert_eq!(
            (&*request.input, request.dimensions, request.base64),
            (&["a".to_owned(), "b".to_owned()][..], Some(2), true)
        );
        assert_eq!(request.extras, [("input_type".to_owned(), r#""x""#.to_owned())]);
        assert_eq!(decode(br#"{"model":"m","input":"a"}"#).unwrap().input, ["a"]);
        for (body, param) in [
            (r#"{"input":"a"}"#, "model"),
            (r#"{"model":"m"}"#, "input"),
            (r#"{"model":"m","input":[]}"#, "input"),
            (r#"{"model":"m","input":[1,2]}"#, "input"),
            (r#"{"model":"m","input":"a","dimensions":0}"#, "dimensions"),
            (r#"{"model":"m","input":"a","encoding_format":"hex"}"#, "encoding_format"),
        ] {
            assert_eq!(decode(body.as_bytes()).unwrap_err().param(), Some(param), "{body}");
        }
    }

    #[test]
    fn answers() {
        let answer = Embeddings { model: None, vectors: vec![vec![0.1, -2.0], vec![0.0]], usage: None };
        let mut request = EmbeddingsRequest::default();
        let body = encode(&answer, &request, "m");
        let expected = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2]},{"object":"embedding","index":1,"embedding":[0]}],"model":"m","usage":{"prompt_tokens":0,"total_tokens":0}}"#;
        assert_eq!(body, expected);
        request.base64 = true;
        let body = encode(&answer, &request, "m");
        // 0.1f32 is CD CC CC 3D, -2f32 is 00 00 00 C0.
        assert_eq!(json::parse(&body).unwrap().array("data")[0].str("embedding"), Some("zczMPQAAAMA="));
    }

    #[test]
    fn base64_pads() {
        assert_eq!(to_base64(&[]), "");
        assert_eq!(to_base64(&[1.0]), "AACAPw==");
        assert_eq!(to_base64(&[1.0, 1.0, 1.0]), "AACAPwAAgD8AAIA/");
    }
}
