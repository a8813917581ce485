//! What OpenAI's Chat Completions answer.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::script::{Answer, Ask, CACHE_READ, CACHE_WRITE, Fault, Finish, INPUT_UNCACHED, fragments};
use super::{CREATED, failed, fault};
use crate::Reply;

const ID: &str = "chatcmpl-fake0001";
pub(super) const INPUT: u64 = INPUT_UNCACHED + CACHE_READ + CACHE_WRITE;

fn usage(answer: &Answer) -> Value {
    let prompt = json!({ "cached_tokens": CACHE_READ, "audio_tokens": 0 });
    let completion = json!({
        "reasoning_tokens": answer.reasoning(), "audio_tokens": 0, "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    });
    json!({
        "prompt_tokens": INPUT, "completion_tokens": answer.output(), "total_tokens": INPUT + answer.output(),
        "prompt_tokens_details": prompt, "completion_tokens_details": completion,
    })
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Refusal => "stop",
        Finish::Calls => "tool_calls",
        Finish::Length => "length",
    }
}

pub(super) fn answer(ask: &Ask, body: &Value) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    if body["stream"] == true {
        return stream(&answer, body);
    }
    let refused = answer.finish == Finish::Refusal;
    let text = (!answer.text.is_empty()).then_some(&answer.text);
    let mut message = json!({
        "role": "assistant", "content": text.filter(|_| !refused), "refusal": text.filter(|_| refused),
        "annotations": [],
    });
    if !answer.calls.is_empty() {
        let call = |call: &super::super::script::Call| {
            let function = json!({ "name": call.name, "arguments": call.arguments.to_string() });
            json!({ "id": format!("call_fake{}", call.number), "type": "function", "function": function })
        };
        message["tool_calls"] = answer.calls.iter().map(call).collect();
    }
    let finish = finish_reason(answer.finish);
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish });
    let whole = json!({
        "id": ID, "object": "chat.completion", "created": CREATED, "model": body["model"], "choices": [choice],
        "usage": usage(&answer), "service_tier": "default", "system_fingerprint": "fp_fake",
    });
    answer.whole(&whole, failed)
}

fn stream(answer: &Answer, body: &Value) -> Reply {
    let with_usage = body["stream_options"]["include_usage"] == true;
    let chunk = |choices: Value, usage: Value| -> Bytes {
        let mut chunk = json!({
            "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": body["model"],
            "choices": choices, "service_tier": "default", "system_fingerprint": "fp_fake",
        });
        // Once asked for, every chunk has the member, null until the last.
        if with_usage {
            chunk["usage"] = usage;
        }
        format!("data: {chunk}\n\n").into()
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]), Value::Null)
    };
    let content = if answer.calls.is_empty() { json!("") } else { Value::Null };
    let first = json!({ "role": "assistant", "content": content, "refusal": null });
    let mut events = vec![(false, delta(first, Value::Null))];
    let field = if answer.finish == Finish::Refusal { "refusal" } else { "content" };
    events.extend(answer.words().into_iter().map(|word| (true, delta(json!({ field: word }), Value::Null))));
    for (index, call) in answer.calls.iter().enumerate() {
        let id = format!("call_fake{}", call.number);
        let function = json!({ "name": call.name, "arguments": "" });
        let start = json!({ "index": index, "id": id, "type": "function", "function": function });
        events.push((false, delta(json!({ "tool_calls": [start] }), Value::Null)));
        let pieces = fragments(&call.arguments);
        for piece in if pieces.is_empty() { vec!["{}".to_owned()] } else { pieces } {
            let piece = json!({ "tool_calls": [{ "index": index, "function": { "arguments": piece } }] });
            events.push((true, delta(piece, Value::Null)));
        }
    }
    events.push((false, delta(json!({}), json!(finish_reason(answer.finish)))));
    if with_usage {
        events.push((false, chunk(json!([]), usage(answer))));
    }
    events.push((false, Bytes::from_static(b"data: [DONE]\n\n")));
    let start = Reply::new(200).header("content-type", "text/event-stream; charset=utf-8");
    let error = json!({ "error": fault(Fault::Internal).1 });
    answer.stream(start, events, format!("data: {error}\n\n").into())
}
