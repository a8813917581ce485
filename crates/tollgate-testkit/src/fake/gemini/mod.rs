//! A provider that follows Gemini's own specification.

mod check;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{
    Answer, Ask, CACHE_READ, CACHE_WRITE, Fault, Finish, INPUT_UNCACHED, MISSING_MODEL, digest, list, vector,
};
use crate::{Received, Reply};

const INPUT: u64 = INPUT_UNCACHED + CACHE_READ + CACHE_WRITE;

/// Answers as Gemini's API would, under `/v1beta` and `/v1`: `models`, and a model's `generateContent`,
/// `streamGenerateContent`, `countTokens`, `embedContent`, `batchEmbedContents`.
pub fn fake_gemini() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    |request| match handle(request) {
        Ok(reply) | Err(reply) => reply,
    }
}

fn handle(request: &Received) -> Result<Reply, Reply> {
    let query = request.path_and_query.split_once('?').map_or("", |(_, query)| query);
    let keyed = request.header("x-goog-api-key").is_some() || query.split('&').any(|pair| pair.starts_with("key="));
    if !keyed && request.header("authorization").is_none() {
        return Err(refuse(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."));
    }
    let path = request.path();
    let path = path.strip_prefix("/v1beta/").or_else(|| path.strip_prefix("/v1/")).unwrap_or_default();
    let Some((model, method)) = path.strip_prefix("models/").and_then(|rest| rest.split_once(':')) else {
        return if path == "models" { Ok(models()) } else { Err(refuse(404, "NOT_FOUND", "Not found.")) };
    };
    if model == MISSING_MODEL {
        let message = format!("models/{model} is not found for API version v1beta, or is not supported.");
        return Err(refuse(404, "NOT_FOUND", &message));
    }
    let body = check::camel(request.json());
    match method {
        "generateContent" => Ok(whole(&check::request(&body, model)?, model)),
        "streamGenerateContent" => {
            let sse = query.split('&').any(|pair| pair == "alt=sse");
            Ok(stream(&check::request(&body, model)?, model, sse))
        }
        "countTokens" => {
            check::counted(&body, model)?;
            Ok(Reply::json(json!({ "totalTokens": INPUT }).to_string()))
        }
        "embedContent" => Ok(Reply::json(json!({ "embedding": check::embedded(&body)? }).to_string())),
        "batchEmbedContents" => {
            let embeddings: Result<Vec<Value>, Reply> = list(&body["requests"]).iter().map(check::embedded).collect();
            Ok(Reply::json(json!({ "embeddings": embeddings? }).to_string()))
        }
        _ => Err(refuse(404, "NOT_FOUND", "Not found.")),
    }
}

fn models() -> Reply {
    let methods = json!(["generateContent", "countTokens"]);
    let model = |name: &str| {
        json!({
            "name": format!("models/{name}"), "version": "001", "displayName": name, "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536, "supportedGenerationMethods": methods,
        })
    };
    let models = ["gemini-2.5-fake", "gemini-3-fake"].map(model);
    Reply::json(json!({ "models": models }).to_string())
}

fn error(status: u16, name: &str, message: &str) -> Value {
    json!({ "error": { "code": status, "message": message, "status": name } })
}

fn refuse(status: u16, name: &str, message: &str) -> Reply {
    Reply::json(error(status, name, message).to_string()).status(status)
}

fn invalid(message: impl AsRef<str>) -> Reply {
    refuse(400, "INVALID_ARGUMENT", message.as_ref())
}

fn failed(fault: Fault) -> Reply {
    let (status, name, message) = match fault {
        Fault::RateLimit => {
            let mut body = error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.");
            let info = json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s" });
            body["error"]["details"] = json!([info]);
            return Reply::json(body.to_string()).status(429);
        }
        Fault::Internal => (500, "INTERNAL", "An internal error has occurred."),
        Fault::Overloaded => (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    };
    refuse(status, name, message)
}

/// The proof that a part was this server's.
fn signature(of: &str) -> String {
    // Four bytes to a group, so that it is base64.
    format!("Eqo{}A", &digest(of)[..12])
}

fn usage(answer: &Answer) -> Value {
    let total = INPUT + answer.output();
    let mut usage = json!({
        "promptTokenCount": INPUT, "cachedContentTokenCount": CACHE_READ,
        // Without the thoughts, unlike elsewhere.
        "candidatesTokenCount": answer.output() - answer.reasoning(), "totalTokenCount": total,
    });
    if answer.reasoning() > 0 {
        usage["thoughtsTokenCount"] = json!(answer.reasoning());
    }
    usage
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Calls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Refusal => "SAFETY",
    }
}

fn chunk(answer: &Answer, model: &str, parts: &[Value], last: bool) -> Value {
    let mut candidate = json!({ "index": 0 });
    if !parts.is_empty() {
        candidate["content"] = json!({ "role": "model", "parts": parts });
    }
    if last {
        candidate["finishReason"] = json!(finish_reason(answer.finish));
    }
    json!({
        "candidates": [candidate], "usageMetadata": usage(answer), "modelVersion": model, "responseId": "resp-fake0001",
    })
}

fn thought(text: &str) -> Value {
    json!({ "text": text, "thought": true })
}

/// Gemini 3 signs the first call of a step, and a text that it thought about; 2.5 only the latter.
fn calls(answer: &Answer, model: &str) -> Vec<Value> {
    let signs = model.starts_with("gemini-3") || answer.thinking.is_some();
    let part = |(at, call): (usize, &super::script::Call)| {
        let mut function = json!({ "name": call.name, "args": call.arguments });
        if model.starts_with("gemini-3") {
            function["id"] = json!(format!("fake{}", call.number));
        }
        let mut part = json!({ "functionCall": function });
        if at == 0 && signs {
            part["thoughtSignature"] = json!(signature(&call.name));
        }
        part
    };
    answer.calls.iter().enumerate().map(part).collect()
}

fn whole(ask: &Ask, model: &str) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    let mut parts: Vec<Value> = answer.thinking.map(thought).into_iter().collect();
    if !answer.text.is_empty() && answer.finish != Finish::Refusal {
        let mut part = json!({ "text": answer.text });
        if answer.thinking.is_some() {
            part["thoughtSignature"] = json!(signature(&answer.text));
        }
        parts.push(part);
    }
    parts.extend(calls(&answer, model));
    answer.whole(&chunk(&answer, model, &parts, true), failed)
}

fn stream(ask: &Ask, model: &str, sse: bool) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    let mut chunks: Vec<(bool, Value)> = Vec::new();
    let mut push = |part: Value| chunks.push((true, chunk(&answer, model, &[part], false)));
    if let Some(thinking) = answer.thinking {
        thinking.split_inclusive(' ').for_each(|word| push(thought(word)));
    }
    if answer.finish != Finish::Refusal {
        answer.words().into_iter().for_each(|word| push(json!({ "text": word })));
    }
    calls(&answer, model).into_iter().for_each(push);
    let mut parts = Vec::new();
    if answer.finish != Finish::Refusal {
        let mut part = json!({ "text": "" });
        if answer.thinking.is_some() && answer.calls.is_empty() {
            part["thoughtSignature"] = json!(signature(&answer.text));
        }
        parts.push(part);
    }
    chunks.push((false, chunk(&answer, model, &parts, true)));
    let broken = error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.");
    if sse {
        let event = |data: &Value| -> Bytes { format!("data: {data}\r\n\r\n").into() };
        let events = chunks.iter().map(|(delta, data)| (*delta, event(data))).collect();
        let start = Reply::new(200).header("content-type", "text/event-stream");
        return answer.stream(start, events, event(&broken));
    }
    let first = Bytes::from_static(b"[");
    let last = chunks.len() - 1;
    let entry = |(at, (delta, data)): (usize, &(bool, Value))| {
        (*delta, format!("{data}{}", if at == last { "\n]\n" } else { "\n,\r\n" }).into())
    };
    let events = chunks.iter().enumerate().map(entry).collect();
    let start = Reply::new(200).header("content-type", "application/json; charset=UTF-8").bytes(first);
    answer.stream(start, events, format!("{broken}\n]\n").into())
}

fn embedding(text: &str, dimensions: &Value) -> Value {
    let dimensions = dimensions.as_u64().map_or(4, |number| usize::try_from(number).unwrap_or(4));
    json!({ "values": vector(text, dimensions) })
}
