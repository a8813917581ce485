//! Responses: numbered events, items and parts that open and close, and a last event that holds them all.

use serde_json::Value;

use super::frames::{Data, Frame};
use super::specs::Specs;
use super::{Violations, is_object, items, text};

pub(super) fn whole(specs: &Specs, value: &Value, violations: &mut Violations) {
    violations.all(specs.openai.check("Response", value), "body");
    violations.all(specs.open_responses.check("ResponseResource", value), "body");
    ending(value, violations);
}

/// A status goes with what explains it.
fn ending(response: &Value, violations: &mut Violations) {
    let is_right = match text(&response["status"]) {
        "completed" => response["usage"].is_object() && response["error"].is_null(),
        "incomplete" => response["incomplete_details"]["reason"].is_string(),
        "failed" => response["error"].is_object(),
        "queued" | "in_progress" | "cancelled" => true,
        _ => false,
    };
    violations.require(is_right, || format!("status {} lacks what goes with it", response["status"]));
    for item in items(&response["output"]) {
        let is_done_call = item["type"] == "function_call" && item["status"] == "completed";
        let is_right = !is_done_call || is_object(text(&item["arguments"]));
        violations.require(is_right, || format!("arguments are no object: {}", item["arguments"]));
    }
}

/// A part of an item, or the arguments of a call.
#[derive(Default)]
struct Part {
    kind: String,
    text: String,
    /// Whether the event with the whole text has come.
    said: bool,
    closed: bool,
    annotations: usize,
}

#[derive(Default)]
struct Item {
    id: Value,
    kind: Value,
    content: Vec<Part>,
    summary: Vec<Part>,
    input: Part,
    done: Option<Value>,
}

#[derive(Default)]
struct State {
    id: Value,
    items: Vec<Item>,
    ended: bool,
    failed: bool,
}

pub(super) fn stream(specs: &Specs, frames: &[Frame], violations: &mut Violations) {
    let mut state = State::default();
    let order: Vec<&str> = frames.iter().map(Frame::kind).filter(|kind| *kind != "response.queued").take(2).collect();
    let begins = order == ["response.created", "response.in_progress"] || order.first() == Some(&"error");
    violations.require(begins, || format!("the stream begins with {order:?}"));
    for frame in frames {
        let (at, kind) = (frame.at, frame.kind());
        if frame.data == Data::Done {
            violations.add("there is a [DONE]");
            continue;
        }
        violations.require(frame.event.as_deref() == Some(kind), || {
            format!("event {at} is named {:?} and is {kind}", frame.event)
        });
        let number = &frame.value()["sequence_number"];
        violations.require(*number == at, || format!("event {at} has the number {number}"));
        violations.require(!state.ended, || format!("event {at} comes after the end"));
        let is_in_place = !state.failed || kind == "response.failed";
        violations.require(is_in_place, || format!("event {at} comes after an error"));
        violations.all(specs.responses_event(frame.value()), &format!("event {at} {kind}"));
        event(&mut state, frame, violations);
    }
    violations.require(state.ended || state.failed, || "the stream does not end with the response".into());
}

fn event(state: &mut State, frame: &Frame, violations: &mut Violations) {
    let (at, kind, value) = (frame.at, frame.kind(), frame.value());
    match kind {
        "response.created" | "response.queued" | "response.in_progress" => {
            snapshot(state, value, at, violations);
            let is_begun = matches!(text(&value["response"]["status"]), "in_progress" | "queued");
            violations.require(is_begun && items(&value["response"]["output"]).is_empty(), || {
                format!("event {at} has a status or an output of later")
            });
        }
        "response.completed" | "response.incomplete" | "response.failed" => {
            snapshot(state, value, at, violations);
            end(state, kind, &value["response"], violations);
        }
        "error" => state.failed = true,
        "response.output_item.added" => added(state, value, at, violations),
        "response.output_item.done" => {
            if let Some(item) = open(state, value, at, violations) {
                done(item, &value["item"], at, violations);
            }
        }
        _ => {
            if let Some(item) = open(state, value, at, violations) {
                inside(item, kind, value, at, violations);
            }
        }
    }
}

fn snapshot(state: &mut State, value: &Value, at: usize, violations: &mut Violations) {
    let id = &value["response"]["id"];
    if state.id.is_null() {
        state.id = id.clone();
    }
    violations.require(state.id == *id, || format!("event {at} has another response id"));
}

fn end(state: &mut State, kind: &str, response: &Value, violations: &mut Violations) {
    state.ended = true;
    let status = &response["status"];
    violations.require(kind.ends_with(text(status)), || format!("{kind} has the status {status}"));
    ending(response, violations);
    let output = items(&response["output"]);
    if kind == "response.failed" {
        return;
    }
    let (said, told) = (state.items.len(), output.len());
    violations.require(said == told, || format!("{told} items in the end, {said} in the stream"));
    for (index, (item, output)) in state.items.iter().zip(output).enumerate() {
        violations.require(item.done.is_some(), || format!("item {index} was not closed"));
        let is_same = item.done.as_ref().is_none_or(|done| done == output);
        violations.require(is_same, || format!("item {index} is another in the end than when it was closed"));
    }
}

fn added(state: &mut State, value: &Value, at: usize, violations: &mut Violations) {
    let (index, due) = (&value["output_index"], state.items.len());
    violations.require(*index == due, || format!("event {at} has output_index {index} where {due} is due"));
    let item = &value["item"];
    violations.require(!text(&item["id"]).is_empty(), || format!("event {at} adds an item without id"));
    let is_new = state.items.iter().all(|known| known.id != item["id"]);
    violations.require(is_new, || format!("event {at} adds an item with the id of another"));
    let is_empty = items(&item["content"]).is_empty()
        && items(&item["summary"]).is_empty()
        && (item["type"] != "function_call" || text(&item["arguments"]).is_empty());
    violations.require(is_empty, || format!("event {at} adds an item that has content"));
    violations.require(item["status"] != "completed", || format!("event {at} adds an item that is completed"));
    state.items.push(Item { id: item["id"].clone(), kind: item["type"].clone(), ..Item::default() });
}

/// The open item that an event belongs to.
fn open<'a>(state: &'a mut State, value: &Value, at: usize, violations: &mut Violations) -> Option<&'a mut Item> {
    let index = value["output_index"].as_u64().and_then(|index| usize::try_from(index).ok());
    let Some(item) = index.and_then(|index| state.items.get_mut(index)) else {
        violations.add(format!("event {at} belongs to no item"));
        return None;
    };
    violations.require(item.done.is_none(), || format!("event {at} comes after the end of its item"));
    let id = value.get("item_id").unwrap_or(&value["item"]["id"]);
    violations.require(item.id == *id, || format!("event {at} has the id {id}, its item {}", item.id));
    Some(item)
}

fn inside(item: &mut Item, kind: &str, value: &Value, at: usize, violations: &mut Violations) {
    let name = kind.strip_prefix("response.").unwrap_or(kind);
    let (name, action) = name.rsplit_once('.').unwrap_or((name, ""));
    let fits = match name {
        "function_call_arguments" => item.kind == "function_call",
        "custom_tool_call_input" => item.kind == "custom_tool_call",
        "output_text" | "refusal" | "output_text.annotation" => item.kind == "message",
        "reasoning_summary_part" | "reasoning_summary_text" | "reasoning_text" => item.kind == "reasoning",
        _ => true,
    };
    violations.require(fits, || format!("event {at} {kind} is in an item of type {}", item.kind));
    let number = |name: &str| value[name].as_u64().and_then(|index| usize::try_from(index).ok());
    let content = number("content_index").and_then(|index| item.content.get_mut(index));
    let (part, whole) = match name {
        "content_part" if action == "added" => {
            return add_part(&mut item.content, "content_index", value, at, violations);
        }
        "reasoning_summary_part" if action == "added" => {
            return add_part(&mut item.summary, "summary_index", value, at, violations);
        }
        "content_part" => return close_part(content, value, at, violations),
        "reasoning_summary_part" | "reasoning_summary_text" => {
            let part = number("summary_index").and_then(|index| item.summary.get_mut(index));
            if name == "reasoning_summary_part" {
                return close_part(part, value, at, violations);
            }
            (part, "text")
        }
        "function_call_arguments" => (Some(&mut item.input), "arguments"),
        "custom_tool_call_input" => (Some(&mut item.input), "input"),
        "refusal" => (content, "refusal"),
        "output_text" | "reasoning_text" => (content, "text"),
        "output_text.annotation" => {
            let due = content.as_ref().map(|part| part.annotations);
            violations
                .require(number("annotation_index") == due, || format!("event {at} has a wrong annotation_index"));
            if let Some(part) = content {
                part.annotations += 1;
            }
            return;
        }
        // The course of a hosted tool has no text to add up.
        _ => return,
    };
    let Some(part) = part.filter(|part| !part.closed) else {
        violations.add(format!("event {at} {kind} belongs to no open part"));
        return;
    };
    let fits = part.kind.is_empty() || part.kind == name;
    violations.require(fits, || format!("event {at} {kind} is in a part of type {}", part.kind));
    violations.require(!part.said, || format!("event {at} {kind} comes after the whole text"));
    if action == "delta" {
        part.text.push_str(text(&value["delta"]));
    } else {
        part.said = true;
        violations.require(value[whole] == part.text, || format!("event {at} {kind} is not what its deltas say"));
    }
}

fn add_part(parts: &mut Vec<Part>, name: &str, value: &Value, at: usize, violations: &mut Violations) {
    let (index, due) = (&value[name], parts.len());
    violations.require(*index == due, || format!("event {at} has {name} {index} where {due} is due"));
    violations.require(part_text(&value["part"]).is_empty(), || format!("event {at} adds a part that has content"));
    // The text of a summary has its own event, its part is called otherwise.
    let kind = match text(&value["part"]["type"]) {
        "summary_text" => "reasoning_summary_text",
        kind => kind,
    };
    parts.push(Part { kind: kind.to_owned(), ..Part::default() });
}

fn close_part(part: Option<&mut Part>, value: &Value, at: usize, violations: &mut Violations) {
    let Some(part) = part.filter(|part| !part.closed) else {
        violations.add(format!("event {at} closes no part"));
        return;
    };
    violations.require(part.said, || format!("event {at} closes a part before its text is done"));
    let is_same = part_text(&value["part"]) == part.text;
    violations.require(is_same, || format!("event {at} closes a part with another text"));
    part.closed = true;
}

fn part_text(part: &Value) -> &str {
    text(if part["type"] == "refusal" { &part["refusal"] } else { &part["text"] })
}

fn done(state: &mut Item, item: &Value, at: usize, violations: &mut Violations) {
    violations.require(state.kind == item["type"], || format!("event {at} ends an item of another type"));
    for (name, parts) in [("content", &state.content), ("summary", &state.summary)] {
        let texts: Vec<&str> = items(&item[name]).iter().map(part_text).collect();
        let said: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        violations.require(texts == said, || format!("event {at} ends an item with another {name}"));
        violations.require(parts.iter().all(|part| part.closed), || format!("event {at} ends an item in a part"));
    }
    for (kind, name) in [("function_call", "arguments"), ("custom_tool_call", "input")] {
        if item["type"] == kind {
            violations.require(state.input.said, || format!("event {at} ends a call before its {name}"));
            let is_same = item[name] == state.input.text;
            violations.require(is_same, || format!("event {at} ends a call with other {name}"));
        }
    }
    violations.require(item["status"] != "in_progress", || format!("event {at} ends an item in progress"));
    state.done = Some(item.clone());
}
