//! Embeddings: vectors that depend on nothing but the words. Texts that share words are near each other.

use serde_json::{Value, json};
use tollgate_core::Error;

const DIMENSIONS: usize = 256;
const MAX_DIMENSIONS: u64 = 4096;

/// The answer and the number of input tokens.
pub(super) fn answer(body: &Value) -> Result<(Value, u64), Error> {
    let inputs = inputs(body.get("input"))?;
    let dimensions = body
        .get("dimensions")
        .and_then(Value::as_u64)
        .map_or(DIMENSIONS, |dimensions| usize::try_from(dimensions.clamp(1, MAX_DIMENSIONS)).unwrap_or(DIMENSIONS));
    let as_base64 = body.get("encoding_format").is_some_and(|format| format == "base64");
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, words)| {
            let vector = embed(words, dimensions);
            let embedding = if as_base64 { json!(base64(&vector)) } else { json!(vector) };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let tokens = inputs.iter().map(|words| words.len() as u64).sum::<u64>().max(1);
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    Ok((json!({ "object": "list", "data": data, "model": super::MODELS[1], "usage": usage }), tokens))
}

/// The words of each input; OpenAI takes a text, texts, tokens, or lists of tokens.
fn inputs(input: Option<&Value>) -> Result<Vec<Vec<String>>, Error> {
    let words = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    match input {
        Some(Value::String(text)) => Ok(vec![words(text)]),
        Some(Value::Array(items)) if items.iter().all(Value::is_number) && !items.is_empty() => {
            Ok(vec![items.iter().map(Value::to_string).collect()])
        }
        Some(Value::Array(items)) if !items.is_empty() => Ok(items
            .iter()
            .map(|item| match item {
                Value::String(text) => words(text),
                Value::Array(tokens) => tokens.iter().map(Value::to_string).collect(),
                _ => Vec::new(),
            })
            .collect()),
        _ => Err(Error::invalid_request("Missing required parameter: `input`.", Some("input"))),
    }
}

/// Adds up a pseudo-random direction for each word, and normalises.
fn embed(words: &[String], dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0_f32; dimensions];
    for word in words {
        let mut state =
            word.bytes().fold(0x9e37_79b9_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        for value in &mut vector {
            // xorshift32
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            #[expect(clippy::cast_precision_loss, reason = "any number near it will do")]
            let direction = state as f32 / u32::MAX as f32 - 0.5;
            *value += direction;
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

/// Little-endian floats, as OpenAI's SDKs ask for by default.
fn base64(vector: &[f32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit <= group.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_rfc_4648() {
        // 1.0 is 00 00 80 3f.
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, 1.0, 1.0]), "AACAPwAAgD8AAIA/");
    }

    #[test]
    fn the_same_words_give_the_same_vector() {
        let (a, tokens) =
            answer(&json!({ "input": ["Hello there", "hello THERE", "other"], "dimensions": 8 })).unwrap();
        assert_eq!(tokens, 5);
        assert_eq!(a["data"][0]["embedding"], a["data"][1]["embedding"]);
        assert_ne!(a["data"][0]["embedding"], a["data"][2]["embedding"]);
        assert_eq!(a["data"][0]["embedding"].as_array().unwrap().len(), 8);
    }
}
