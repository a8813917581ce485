//! Chat Completions and legacy completions.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_core::Operation;

use super::{Answer, Finish};

pub(super) fn whole(operation: Operation, answer: &Answer) -> Value {
    let choice = if operation == Operation::ChatCompletions {
        json!({ "index": 0, "message": { "role": "assistant", "content": answer.text, "refusal": null } })
    } else {
        json!({ "index": 0, "text": answer.text })
    };
    let mut body = frame(operation, answer, false);
    body["choices"] = json!([finished(choice, Some(answer.finish))]);
    body["usage"] = usage(answer);
    body
}

pub(super) fn events(operation: Operation, answer: &Answer, with_usage: bool) -> Vec<Bytes> {
    let is_chat = operation == Operation::ChatCompletions;
    let chunk = |choices: Value| {
        let mut chunk = frame(operation, answer, true);
        chunk["choices"] = choices;
        chunk
    };
    let delta = |content: Value, finish: Option<Finish>| {
        let choice = if is_chat { json!({ "index": 0, "delta": content }) } else { content };
        chunk(json!([finished(choice, finish)]))
    };
    let mut chunks = Vec::new();
    if is_chat {
        chunks.push(delta(json!({ "role": "assistant", "content": "" }), None));
    }
    for word in answer.words() {
        chunks
            .push(delta(if is_chat { json!({ "content": word }) } else { json!({ "index": 0, "text": word }) }, None));
    }
    chunks.push(delta(if is_chat { json!({}) } else { json!({ "index": 0, "text": "" }) }, Some(answer.finish)));
    if with_usage {
        let mut last = chunk(json!([]));
        last["usage"] = usage(answer);
        chunks.push(last);
    }
    let mut events: Vec<Bytes> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n").into()).collect();
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn frame(operation: Operation, answer: &Answer, is_chunk: bool) -> Value {
    let (prefix, object) = match operation {
        Operation::ChatCompletions if is_chunk => ("chatcmpl", "chat.completion.chunk"),
        Operation::ChatCompletions => ("chatcmpl", "chat.completion"),
        _ => ("cmpl", "text_completion"),
    };
    json!({ "id": format!("{prefix}-{}", answer.id), "object": object, "created": super::now(), "model": answer.model })
}

fn finished(mut choice: Value, finish: Option<Finish>) -> Value {
    choice["logprobs"] = Value::Null;
    choice["finish_reason"] = match finish {
        None => Value::Null,
        Some(Finish::Stop) => json!("stop"),
        Some(Finish::Length) => json!("length"),
    };
    choice
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    })
}
