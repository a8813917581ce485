//! What OpenAI's Responses answer.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::script::{Answer, Ask, CACHE_READ, Fault, Finish, digest, fragments, list, sorted, text_of};
use super::chat::INPUT;
use super::responses_check::encrypted;
use super::{CREATED, failed, fault};
use crate::Reply;

/// Answers, and gives `keep` the id of the response and its items.
pub(super) fn answer(ask: &Ask, body: &Value, keep: impl FnOnce(&str, &[Value])) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    // Ids differ between the turns of a conversation, as an id may be there only once.
    let turn = digest(&sorted(body).to_string());
    let response = begun(body, &format!("resp_fake{turn}"));
    let output = items(&answer, body, &turn);
    let whole = ended(&answer, &response, &output);
    keep(text_of(&response["id"]), &output);
    if body["stream"] == true { stream(&answer, &response, &output, &whole) } else { answer.whole(&whole, failed) }
}

fn begun(body: &Value, id: &str) -> Value {
    let or = |name: &str, default: Value| if body[name].is_null() { default } else { body[name].clone() };
    let format = json!({ "type": "text" });
    let mut tools = or("tools", json!([]));
    for tool in tools.as_array_mut().into_iter().flatten().filter(|tool| tool["type"] == "function") {
        if tool["strict"].is_null() {
            tool["strict"] = json!(true);
        }
    }
    let text = if body["text"]["format"].is_null() { json!({ "format": format }) } else { body["text"].clone() };
    json!({
        "id": id, "object": "response", "created_at": CREATED, "status": "in_progress", "background": false,
        "error": null, "incomplete_details": null, "instructions": body["instructions"],
        "max_output_tokens": body["max_output_tokens"], "max_tool_calls": null, "completed_at": null,
        "presence_penalty": 0.0, "frequency_penalty": 0.0, "model": body["model"], "output": [],
        "parallel_tool_calls": or("parallel_tool_calls", json!(true)),
        "previous_response_id": body["previous_response_id"],
        "reasoning": or("reasoning", json!({ "effort": null, "summary": null })),
        "service_tier": "default", "store": or("store", json!(true)), "temperature": or("temperature", json!(1.0)),
        "text": text, "tool_choice": or("tool_choice", json!("auto")), "tools": tools,
        "top_logprobs": 0, "top_p": or("top_p", json!(1.0)), "truncation": "disabled", "usage": null,
        "user": null, "metadata": or("metadata", json!({})), "prompt_cache_key": null, "safety_identifier": null,
    })
}

fn ended(answer: &Answer, response: &Value, output: &[Value]) -> Value {
    let mut whole = response.clone();
    whole["output"] = output.to_vec().into();
    whole["usage"] = json!({
        "input_tokens": INPUT, "input_tokens_details": { "cached_tokens": CACHE_READ },
        "output_tokens": answer.output(), "output_tokens_details": { "reasoning_tokens": answer.reasoning() },
        "total_tokens": INPUT + answer.output(),
    });
    whole["status"] = json!("completed");
    whole["completed_at"] = json!(CREATED);
    if answer.finish == Finish::Length {
        whole["status"] = json!("incomplete");
        whole["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    }
    whole
}

fn items(answer: &Answer, body: &Value, turn: &str) -> Vec<Value> {
    let mut items = Vec::new();
    if let Some(thinking) = answer.thinking {
        let id = format!("rs_fake{turn}");
        let summarised = !body["reasoning"]["summary"].is_null();
        let summary = if summarised { json!([{ "type": "summary_text", "text": thinking }]) } else { json!([]) };
        let mut item = json!({ "id": id, "type": "reasoning", "summary": summary });
        if list(&body["include"]).iter().any(|name| name == "reasoning.encrypted_content") {
            item["encrypted_content"] = json!(encrypted(&id));
        }
        items.push(item);
    }
    if !answer.text.is_empty() {
        let status = if answer.finish == Finish::Length { "incomplete" } else { "completed" };
        let part = if answer.finish == Finish::Refusal {
            json!({ "type": "refusal", "refusal": answer.text })
        } else {
            json!({ "type": "output_text", "text": answer.text, "annotations": [], "logprobs": [] })
        };
        let id = format!("msg_fake{turn}");
        items.push(json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": [part] }));
    }
    items.extend(answer.calls.iter().map(|call| {
        json!({
            "id": format!("fc_fake{turn}{}", call.number), "type": "function_call", "status": "completed",
            "call_id": format!("call_fake{}", call.number), "name": call.name,
            "arguments": call.arguments.to_string(),
        })
    }));
    items
}

fn stream(answer: &Answer, response: &Value, output: &[Value], whole: &Value) -> Reply {
    let mut events = Vec::new();
    for kind in ["response.created", "response.in_progress"] {
        events.push(json!({ "type": kind, "response": response }));
    }
    for (index, item) in output.iter().enumerate() {
        let mut start = item.clone();
        match text_of(&item["type"]) {
            "message" => {
                start["status"] = json!("in_progress");
                start["content"] = json!([]);
            }
            "function_call" => {
                start["status"] = json!("in_progress");
                start["arguments"] = json!("");
            }
            _ => start["summary"] = json!([]),
        }
        events.push(json!({ "type": "response.output_item.added", "output_index": index, "item": start }));
        events.extend(inner(answer, index, item));
        events.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
    }
    let end = if answer.finish == Finish::Length { "response.incomplete" } else { "response.completed" };
    events.push(json!({ "type": end, "response": whole }));
    let numbered = events.into_iter().enumerate().map(|(number, mut data)| {
        data["sequence_number"] = json!(number);
        (text_of(&data["type"]).ends_with(".delta"), event(&data))
    });
    let start = Reply::new(200).header("content-type", "text/event-stream; charset=utf-8");
    let numbered: Vec<(bool, Bytes)> = numbered.collect();
    answer.stream(start, numbered, broken(response))
}

/// The error event and the failed response after it.
fn broken(response: &Value) -> Bytes {
    let error = fault(Fault::Internal).1;
    let number = 1000;
    let first = json!({
        "type": "error", "code": "server_error", "message": error["message"], "param": null, "sequence_number": number,
    });
    let mut response = response.clone();
    response["status"] = json!("failed");
    response["error"] = json!({ "code": "server_error", "message": error["message"] });
    let second = json!({ "type": "response.failed", "response": response, "sequence_number": number + 1 });
    [event(&first), event(&second)].concat().into()
}

/// The events between an item's start and end.
fn inner(answer: &Answer, index: usize, item: &Value) -> Vec<Value> {
    let id = &item["id"];
    let event = |kind: &str, place: &str, more: Value| {
        let mut event = json!({ "type": format!("response.{kind}"), "item_id": id, "output_index": index });
        if !place.is_empty() {
            event[place] = json!(0);
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name.as_str()] = value.clone();
        }
        event
    };
    let mut events = Vec::new();
    match text_of(&item["type"]) {
        "message" => {
            let part = &item["content"][0];
            let field = if part["type"] == "refusal" { "refusal" } else { "text" };
            let kind = if field == "refusal" { "refusal" } else { "output_text" };
            let mut start = part.clone();
            start[field] = json!("");
            events.push(event("content_part.added", "content_index", json!({ "part": start })));
            for word in answer.words() {
                let mut more = json!({ "delta": word });
                if field == "text" {
                    more["logprobs"] = json!([]);
                }
                events.push(event(&format!("{kind}.delta"), "content_index", more));
            }
            let mut done = json!({ field: part[field] });
            if field == "text" {
                done["logprobs"] = json!([]);
            }
            events.push(event(&format!("{kind}.done"), "content_index", done));
            events.push(event("content_part.done", "content_index", json!({ "part": part })));
        }
        "function_call" => {
            let arguments = text_of(&item["arguments"]);
            let parsed = serde_json::from_str(arguments).unwrap_or_default();
            let pieces = fragments(&parsed);
            for piece in if pieces.is_empty() { vec!["{}".to_owned()] } else { pieces } {
                events.push(event("function_call_arguments.delta", "", json!({ "delta": piece })));
            }
            let done = json!({ "arguments": arguments, "name": item["name"] });
            events.push(event("function_call_arguments.done", "", done));
        }
        _ => {
            for part in list(&item["summary"]) {
                let empty = json!({ "type": "summary_text", "text": "" });
                events.push(event("reasoning_summary_part.added", "summary_index", json!({ "part": empty })));
                for word in text_of(&part["text"]).split_inclusive(' ') {
                    let more = json!({ "delta": word });
                    events.push(event("reasoning_summary_text.delta", "summary_index", more));
                }
                let done = json!({ "text": part["text"] });
                events.push(event("reasoning_summary_text.done", "summary_index", done));
                events.push(event("reasoning_summary_part.done", "summary_index", json!({ "part": part })));
            }
        }
    }
    events
}

fn event(data: &Value) -> Bytes {
    format!("event: {}\ndata: {data}\n\n", text_of(&data["type"])).into()
}
