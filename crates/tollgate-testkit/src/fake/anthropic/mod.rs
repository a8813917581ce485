//! A provider that follows Anthropic's specification of Messages.

mod check;
mod messages;

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{
    Answer, Ask, CACHE_READ, CACHE_WRITE, Fault, Finish, INPUT_UNCACHED, MISSING_MODEL, digest, fragments, text_of,
};
use crate::{Received, Reply};

/// Answers as Anthropic's API would: `/v1/messages`, `/v1/messages/count_tokens`, `/v1/models`.
pub fn fake_anthropic() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    |request| match handle(request) {
        Ok(reply) | Err(reply) => reply.header("request-id", "req_fake0001"),
    }
}

fn handle(request: &Received) -> Result<Reply, Reply> {
    if request.header("x-api-key").is_none() && request.header("authorization").is_none() {
        return Err(refuse(401, "authentication_error", "x-api-key header is required"));
    }
    if request.header("anthropic-version").is_none() {
        return Err(invalid("anthropic-version: header is required"));
    }
    let body = request.json();
    match request.path() {
        "/v1/models" => Ok(models()),
        "/v1/messages" => {
            let ask = check::request(&body, true)?;
            Ok(answer(&ask, &body))
        }
        "/v1/messages/count_tokens" => {
            check::request(&body, false)?;
            Ok(Reply::json(json!({ "input_tokens": INPUT_UNCACHED + CACHE_READ + CACHE_WRITE }).to_string()))
        }
        _ => Err(refuse(404, "not_found_error", "Not Found")),
    }
}

fn models() -> Reply {
    let model = |id: &str| {
        let name = format!("Fake {id}");
        json!({ "type": "model", "id": id, "display_name": name, "created_at": "2025-01-01T00:00:00Z" })
    };
    let data = ["claude-fake", "claude-opus-4-8"].map(model);
    let page = json!({ "data": data, "has_more": false, "first_id": "claude-fake", "last_id": "claude-opus-4-8" });
    Reply::json(page.to_string())
}

fn error(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_fake0001" })
}

fn refuse(status: u16, kind: &str, message: &str) -> Reply {
    Reply::json(error(kind, message).to_string()).status(status)
}

fn invalid(message: impl AsRef<str>) -> Reply {
    refuse(400, "invalid_request_error", message.as_ref())
}

fn failed(fault: Fault) -> Reply {
    match fault {
        Fault::RateLimit => refuse(429, "rate_limit_error", "This request would exceed your rate limit.")
            .header("retry-after", "1")
            .header("anthropic-ratelimit-requests-limit", "50")
            .header("anthropic-ratelimit-requests-remaining", "0")
            .header("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z"),
        Fault::Internal => refuse(500, "api_error", "Internal server error"),
        Fault::Overloaded => refuse(529, "overloaded_error", "Overloaded"),
    }
}

/// The proof that these thoughts were this server's.
fn signature(thinking: &str) -> String {
    format!("ErUB{}", digest(thinking))
}

fn usage(output: u64) -> Value {
    json!({
        "input_tokens": INPUT_UNCACHED, "cache_creation_input_tokens": CACHE_WRITE,
        "cache_read_input_tokens": CACHE_READ, "output_tokens": output,
    })
}

fn answer(ask: &Ask, body: &Value) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    let mut message = json!({
        "id": "msg_fake0001", "type": "message", "role": "assistant", "model": body["model"], "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage(1),
    });
    if body["stream"] == true {
        return stream(&answer, &message);
    }
    message["content"] = blocks(&answer).into();
    message["stop_reason"] = json!(stop_reason(answer.finish));
    message["usage"] = usage(answer.output());
    answer.whole(&message, failed)
}

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Calls => "tool_use",
        Finish::Length => "max_tokens",
        Finish::Refusal => "refusal",
    }
}

fn blocks(answer: &Answer) -> Vec<Value> {
    let thinking =
        answer.thinking.map(|text| json!({ "type": "thinking", "thinking": text, "signature": signature(text) }));
    let text = (!answer.text.is_empty()).then(|| json!({ "type": "text", "text": answer.text }));
    let calls = answer.calls.iter().map(|call| {
        let id = format!("toolu_fake{}", call.number);
        json!({ "type": "tool_use", "id": id, "name": call.name, "input": call.arguments })
    });
    thinking.into_iter().chain(text).chain(calls).collect()
}

fn stream(answer: &Answer, message: &Value) -> Reply {
    let mut events = vec![(false, event(&json!({ "type": "message_start", "message": message })))];
    for (index, block) in blocks(answer).into_iter().enumerate() {
        let (start, deltas) = opened(answer, &block);
        let start = json!({ "type": "content_block_start", "index": index, "content_block": start });
        events.push((false, event(&start)));
        if index == 0 {
            events.push((false, event(&json!({ "type": "ping" }))));
        }
        events.extend(
            deltas
                .into_iter()
                .map(|delta| (true, event(&json!({ "type": "content_block_delta", "index": index, "delta": delta })))),
        );
        events.push((false, event(&json!({ "type": "content_block_stop", "index": index }))));
    }
    let delta = json!({ "stop_reason": stop_reason(answer.finish), "stop_sequence": null });
    let last = json!({ "type": "message_delta", "delta": delta, "usage": usage(answer.output()) });
    events.push((false, event(&last)));
    events.push((false, event(&json!({ "type": "message_stop" }))));
    let start = Reply::new(200).header("content-type", "text/event-stream; charset=utf-8");
    answer.stream(start, events, event(&error("overloaded_error", "Overloaded")))
}

/// How the block begins, and what is added to it.
fn opened(answer: &Answer, block: &Value) -> (Value, Vec<Value>) {
    match text_of(&block["type"]) {
        "thinking" => {
            let words = text_of(&block["thinking"]).split_inclusive(' ');
            let mut deltas: Vec<Value> =
                words.map(|word| json!({ "type": "thinking_delta", "thinking": word })).collect();
            deltas.push(json!({ "type": "signature_delta", "signature": block["signature"] }));
            (json!({ "type": "thinking", "thinking": "", "signature": "" }), deltas)
        }
        "tool_use" => {
            // A call without arguments has this one empty piece.
            let pieces = std::iter::once(String::new()).chain(fragments(&block["input"]));
            let deltas = pieces.map(|piece| json!({ "type": "input_json_delta", "partial_json": piece })).collect();
            (json!({ "type": "tool_use", "id": block["id"], "name": block["name"], "input": {} }), deltas)
        }
        _ => {
            let words = answer.words().into_iter();
            let deltas = words.map(|word| json!({ "type": "text_delta", "text": word })).collect();
            (json!({ "type": "text", "text": "" }), deltas)
        }
    }
}

fn event(data: &Value) -> Bytes {
    format!("event: {}\ndata: {data}\n\n", text_of(&data["type"])).into()
}

#[cfg(test)]
mod tests;
