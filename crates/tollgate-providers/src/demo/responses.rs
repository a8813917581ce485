//! Responses, with the events in the order that OpenAI sends them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Answer, Finish};

pub(super) fn whole(answer: &Answer) -> Value {
    let status = match answer.finish {
        Finish::Stop => "completed",
        Finish::Length => "incomplete",
    };
    response(answer, status, &json!([message(answer, &answer.text, status)]))
}

pub(super) fn events(answer: &Answer) -> Vec<Bytes> {
    let item_id = format!("msg_{}", answer.id);
    let started = response(answer, "in_progress", &json!([]));
    let done = whole(answer);
    let ending = format!("response.{}", done["status"].as_str().unwrap_or("completed"));
    let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [] });
    let place = |mut event: Value| {
        event["item_id"] = json!(item_id);
        event["output_index"] = json!(0);
        event["content_index"] = json!(0);
        event
    };
    let mut item = message(answer, "", "in_progress");
    item["content"] = json!([]);
    let mut events = vec![
        ("response.created", json!({ "response": started })),
        ("response.in_progress", json!({ "response": started })),
        ("response.output_item.added", json!({ "output_index": 0, "item": item })),
        ("response.content_part.added", place(json!({ "part": part("") }))),
    ];
    for word in answer.words() {
        events.push(("response.output_text.delta", place(json!({ "delta": word, "logprobs": [] }))));
    }
    events.extend([
        ("response.output_text.done", place(json!({ "text": answer.text, "logprobs": [] }))),
        ("response.content_part.done", place(json!({ "part": part(&answer.text) }))),
        ("response.output_item.done", json!({ "output_index": 0, "item": done["output"][0] })),
        (&ending, json!({ "response": done })),
    ]);
    let number = |(sequence, (name, mut event)): (usize, (&str, Value))| {
        event["type"] = json!(name);
        event["sequence_number"] = json!(sequence);
        format!("event: {name}\ndata: {event}\n\n").into()
    };
    events.into_iter().enumerate().map(number).collect()
}

fn response(answer: &Answer, status: &str, output: &Value) -> Value {
    let is_over = status != "in_progress";
    json!({
        "id": format!("resp_{}", answer.id),
        "object": "response",
        "created_at": super::now(),
        "status": status,
        "error": null,
        "incomplete_details": if status == "incomplete" { json!({ "reason": "max_output_tokens" }) } else { Value::Null },
        "instructions": null,
        "metadata": {},
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": true,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": if is_over { usage(answer) } else { Value::Null },
    })
}

fn message(answer: &Answer, text: &str, status: &str) -> Value {
    json!({
        "id": format!("msg_{}", answer.id),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [{ "type": "output_text", "text": text, "annotations": [] }],
    })
}

fn usage(answer: &Answer) -> Value {
    json!({
        "input_tokens": answer.input_tokens,
        "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": answer.input_tokens + answer.output_tokens,
    })
}
