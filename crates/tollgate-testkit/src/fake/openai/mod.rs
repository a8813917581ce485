//! A provider that follows OpenAI's specification: Chat Completions, Responses, Embeddings.

mod chat;
mod chat_check;
mod responses;
mod responses_check;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::script::{Fault, MISSING_MODEL, list, unknown, vector};
use crate::{Received, Reply};

const CREATED: u64 = 1_700_000_000;
/// Responses that are kept at most, since clients decide how many there are.
const KEPT: usize = 1000;

/// The input of a stored response with its output, by its id.
type Stored = Mutex<HashMap<String, Vec<Value>>>;

/// Answers as OpenAI's API would: `/v1/chat/completions`, `/v1/responses`, `/v1/embeddings`, `/v1/models`.
pub fn fake_openai_full() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let stored = Stored::default();
    move |request| match handle(request, &stored) {
        Ok(reply) | Err(reply) => reply.header("x-request-id", "req_fake0001"),
    }
}

fn handle(request: &Received, stored: &Stored) -> Result<Reply, Reply> {
    if !request.header("authorization").is_some_and(|value| value.starts_with("Bearer ")) {
        return Err(refuse(401, "You didn't provide an API key.", &Value::Null, "invalid_api_key"));
    }
    let body = request.json();
    match request.path() {
        "/v1/models" => {
            let model = |id| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "fake" });
            let data = ["fake-chat", "gpt-5-fake"].map(model);
            Ok(Reply::json(json!({ "object": "list", "data": data }).to_string()))
        }
        "/v1/chat/completions" => {
            let ask = chat_check::request(&body)?;
            Ok(chat::answer(&ask, &body))
        }
        "/v1/responses" => {
            let history = responses_check::history(&body, &lock(stored))?;
            let ask = responses_check::request(&body, &history)?;
            Ok(responses::answer(&ask, &body, |id, output| {
                let mut stored = lock(stored);
                if body["store"] != false && stored.len() < KEPT {
                    stored.insert(id.to_owned(), history.iter().chain(output).cloned().collect());
                }
            }))
        }
        "/v1/embeddings" => embeddings(&body),
        path => Err(refuse(404, &format!("Invalid URL (POST {path})"), &Value::Null, "")),
    }
}

fn lock(stored: &Stored) -> std::sync::MutexGuard<'_, HashMap<String, Vec<Value>>> {
    stored.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refuse(status: u16, message: &str, param: &Value, code: &str) -> Reply {
    let code = if code.is_empty() { Value::Null } else { json!(code) };
    let error = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": code });
    Reply::json(json!({ "error": error }).to_string()).status(status)
}

fn invalid(param: &str, code: &str, message: impl AsRef<str>) -> Reply {
    refuse(400, message.as_ref(), &json!(param), code)
}

fn known(body: &Value, names: &[&str]) -> Result<(), Reply> {
    unknown(body, names)
        .map_or(Ok(()), |name| Err(invalid(name, "unknown_parameter", format!("Unknown parameter: '{name}'."))))
}

/// Whether models of this name always reason.
fn reasons(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5"].iter().any(|family| model.starts_with(family))
}

fn range(body: &Value, name: &str, low: f64, high: f64) -> Result<(), Reply> {
    let value = &body[name];
    if value.is_null() || value.as_f64().is_some_and(|number| (low..=high).contains(&number)) {
        return Ok(());
    }
    let message = format!("Invalid '{name}': expected a number between {low} and {high}, but got {value} instead.");
    Err(invalid(name, "decimal_above_max_value", message))
}

fn fault(fault: Fault) -> (u16, Value) {
    let (status, kind, code, message) = match fault {
        Fault::RateLimit => (429, "requests", json!("rate_limit_exceeded"), "Rate limit reached for requests"),
        Fault::Internal => (500, "server_error", Value::Null, "The server had an error while processing your request."),
        Fault::Overloaded => (503, "server_error", json!("overloaded"), "The engine is currently overloaded."),
    };
    (status, json!({ "message": message, "type": kind, "param": null, "code": code }))
}

fn failed(kind: Fault) -> Reply {
    let (status, error) = fault(kind);
    let reply = Reply::json(json!({ "error": error }).to_string()).status(status);
    if kind != Fault::RateLimit {
        return reply;
    }
    let limits = reply.header("retry-after", "1").header("x-ratelimit-limit-requests", "60");
    limits.header("x-ratelimit-remaining-requests", "0").header("x-ratelimit-reset-requests", "1s")
}

fn embeddings(body: &Value) -> Result<Reply, Reply> {
    known(body, &["model", "input", "dimensions", "encoding_format", "user"])?;
    if body["model"] == MISSING_MODEL {
        return Err(refuse(404, "The model `no-such-model` does not exist.", &Value::Null, "model_not_found"));
    }
    let input = &body["input"];
    let inputs = if list(input).iter().all(Value::is_number) { vec![input.clone()] } else { list(input).to_vec() };
    if input.is_null() || inputs.is_empty() || inputs.iter().any(|input| *input == "" || *input == json!([])) {
        return Err(invalid("input", "", "'$.input' is invalid."));
    }
    let dimensions = body["dimensions"].as_u64().map_or(4, |number| usize::try_from(number).unwrap_or(4));
    let item = |(index, input): (usize, &Value)| {
        let numbers = vector(&input.as_str().map_or_else(|| input.to_string(), str::to_owned), dimensions);
        let embedding = match body["encoding_format"].as_str() {
            Some("base64") => json!(super::script::base64(&numbers)),
            _ => json!(numbers),
        };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    };
    let data: Vec<Value> = inputs.iter().enumerate().map(item).collect();
    let usage = json!({ "prompt_tokens": 5, "total_tokens": 5 });
    let answer = json!({ "object": "list", "data": data, "model": body["model"], "usage": usage });
    Ok(Reply::json(answer.to_string()))
}
