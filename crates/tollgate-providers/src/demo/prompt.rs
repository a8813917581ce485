//! Reads what was said.

use serde_json::Value;
use tollgate_core::{Error, Operation};

/// The last text that the user wrote.
pub(super) fn last_said(operation: Operation, body: &Value) -> Result<String, Error> {
    let (name, found) = match operation {
        Operation::ChatCompletions => ("messages", body.get("messages")),
        Operation::Completions => ("prompt", body.get("prompt")),
        _ => ("input", body.get("input")),
    };
    match found {
        Some(Value::String(text)) if operation != Operation::ChatCompletions => Ok(text.clone()),
        Some(Value::Array(items)) => Ok(last_of(items)),
        _ => Err(Error::invalid_request(format!("Missing required parameter: `{name}`."), Some(name))),
    }
}

fn last_of(items: &[Value]) -> String {
    let is_users = |item: &&Value| item.get("role").is_none_or(|role| role == "user");
    items.iter().rfind(is_users).map(text_of).unwrap_or_default()
}

/// The text of a message, of its parts, or of a plain string.
fn text_of(item: &Value) -> String {
    match item {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join(" "),
        Value::Object(object) => object.get("content").or_else(|| object.get("text")).map(text_of).unwrap_or_default(),
        _ => String::new(),
    }
}

/// The demo's tokens are words.
pub(super) fn count_words(body: &Value) -> u64 {
    let texts = ["messages", "prompt", "input", "instructions"];
    texts.iter().filter_map(|name| body.get(name)).map(words_in).sum::<u64>().max(1)
}

fn words_in(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.split_whitespace().count() as u64,
        Value::Array(items) => items.iter().map(words_in).sum(),
        Value::Object(members) => ["content", "text"].iter().filter_map(|name| members.get(*name)).map(words_in).sum(),
        Value::Number(_) => 1,
        _ => 0,
    }
}

/// A name for the answer that depends on nothing but the request (FNV-1a).
pub(super) fn fingerprint(body: &[u8]) -> String {
    let hash = body
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("demo{hash:016x}")
}
