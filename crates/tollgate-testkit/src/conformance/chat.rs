//! Chat Completions: one role, tool calls in order, one finish for each choice, usage if asked for, `[DONE]`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::frames::{Data, Frame};
use super::specs::Specs;
use super::{Violations, is_object, items, text};

pub(super) fn whole(specs: &Specs, value: &Value, violations: &mut Violations) {
    violations.all(specs.openai.check("CreateChatCompletionResponse", value), "body");
    usage(&value["usage"], violations);
    for choice in items(&value["choices"]) {
        let calls = items(&choice["message"]["tool_calls"]);
        let finish = text(&choice["finish_reason"]);
        violations.require(finish != "tool_calls" || !calls.is_empty(), || "finish tool_calls without a call".into());
        for call in calls {
            violations.require(!text(&call["id"]).is_empty(), || "a tool call without id".into());
            let arguments = text(&call["function"]["arguments"]);
            let is_right = call["type"] != "function" || finish == "length" || is_object(arguments);
            violations.require(is_right, || format!("arguments are no object: {arguments:?}"));
        }
    }
}

/// What is known of one choice.
#[derive(Default)]
struct Choice {
    begun: bool,
    finish: Option<String>,
    /// Whether it is a function, and the arguments so far.
    calls: Vec<(bool, String)>,
}

#[derive(Default)]
struct State<'a> {
    first: Option<&'a Value>,
    choices: BTreeMap<u64, Choice>,
    usage: bool,
    done: bool,
    failed: bool,
}

pub(super) fn stream(specs: &Specs, frames: &[Frame], asks_for_usage: bool, violations: &mut Violations) {
    let mut state = State::default();
    for frame in frames {
        let at = frame.at;
        violations.require(frame.event.is_none(), || format!("event {at} has a name"));
        violations.require(!state.done, || format!("event {at} comes after [DONE]"));
        violations.require(!state.failed, || format!("event {at} comes after an error"));
        match &frame.data {
            Data::Done => state.done = true,
            Data::Json(value) if !value["error"].is_null() => {
                state.failed = true;
                violations.all(specs.openai.check("ErrorResponse", value), &format!("event {at}"));
            }
            Data::Json(value) => {
                violations.all(specs.openai.check("CreateChatCompletionStreamResponse", value), &format!("event {at}"));
                chunk(&mut state, value, at, violations);
            }
        }
    }
    end(&state, asks_for_usage, violations);
}

fn chunk<'a>(state: &mut State<'a>, value: &'a Value, at: usize, violations: &mut Violations) {
    let first = *state.first.get_or_insert(value);
    for name in ["id", "created", "model", "system_fingerprint"] {
        violations.require(first[name] == value[name], || format!("event {at} has another {name} than the first"));
    }
    violations.require(!text(&value["id"]).is_empty(), || format!("event {at} has an empty id"));
    violations.require(!state.usage, || format!("event {at} comes after usage"));
    let choices = items(&value["choices"]);
    if value["usage"].is_object() {
        state.usage = true;
        violations.require(choices.is_empty(), || format!("event {at} has usage beside choices"));
        usage(&value["usage"], violations);
    } else {
        violations.require(!choices.is_empty(), || format!("event {at} has neither choices nor usage"));
    }
    for choice in choices {
        let index = choice["index"].as_u64().unwrap_or_default();
        delta(state.choices.entry(index).or_default(), choice, at, violations);
    }
}

fn delta(state: &mut Choice, choice: &Value, at: usize, violations: &mut Violations) {
    let delta = &choice["delta"];
    violations.require(state.finish.is_none(), || format!("event {at} comes after the finish of its choice"));
    violations.require(state.begun || delta["role"] == "assistant", || format!("event {at} begins without a role"));
    violations.require(!state.begun || delta["role"].is_null(), || format!("event {at} repeats the role"));
    state.begun = true;
    for call in items(&delta["tool_calls"]) {
        tool_call(&mut state.calls, call, at, violations);
    }
    let Some(finish) = choice["finish_reason"].as_str() else { return };
    let is_empty =
        ["content", "refusal"].iter().all(|name| text(&delta[*name]).is_empty()) && delta["tool_calls"].is_null();
    violations.require(is_empty, || format!("event {at} has content beside the finish"));
    state.finish = Some(finish.to_owned());
}

fn tool_call(calls: &mut Vec<(bool, String)>, call: &Value, at: usize, violations: &mut Violations) {
    let Some(index) = call["index"].as_u64().and_then(|index| usize::try_from(index).ok()) else { return };
    let body = if call["function"].is_object() { &call["function"] } else { &call["custom"] };
    let part = if call["function"].is_object() { &body["arguments"] } else { &body["input"] };
    let count = calls.len();
    violations.require(index <= count, || format!("event {at}: call {index} after {count} calls"));
    if let Some((_, arguments)) = calls.get_mut(index) {
        let repeats = [&call["id"], &call["type"], &body["name"]].iter().any(|value| !value.is_null());
        violations.require(!repeats, || format!("event {at}: call {index} has more than arguments again"));
        arguments.push_str(text(part));
    } else {
        let is_function = call["type"] == "function";
        violations.require(is_function || call["type"] == "custom", || format!("event {at}: call without type"));
        violations.require(!text(&call["id"]).is_empty(), || format!("event {at}: call {index} without id"));
        violations.require(!text(&body["name"]).is_empty(), || format!("event {at}: call {index} without name"));
        violations.require(part.is_string(), || format!("event {at}: call {index} begins without arguments"));
        calls.push((is_function, text(part).to_owned()));
    }
}

fn end(state: &State<'_>, asks_for_usage: bool, violations: &mut Violations) {
    if state.failed {
        let finished = state.choices.values().any(|choice| choice.finish.is_some());
        violations.require(!finished, || "a finish in a stream that failed".into());
        return;
    }
    violations.require(state.done, || "no [DONE]".into());
    violations.require(!state.choices.is_empty(), || "no choice".into());
    violations.require(state.usage == asks_for_usage, || {
        format!("usage was {}asked for and {}sent", no(asks_for_usage), no(state.usage))
    });
    for (expected, (index, choice)) in (0..).zip(&state.choices) {
        violations.require(*index == expected, || format!("choice {index} where {expected} is due"));
        let finish = choice.finish.as_deref();
        violations.require(finish.is_some(), || format!("choice {index} has no finish"));
        let has_calls = !choice.calls.is_empty();
        violations.require(finish != Some("tool_calls") || has_calls, || "finish tool_calls without a call".into());
        for (_, arguments) in choice.calls.iter().filter(|(is_function, _)| *is_function) {
            let is_right = matches!(finish, None | Some("length" | "content_filter")) || is_object(arguments);
            violations.require(is_right, || format!("arguments are no object: {arguments:?}"));
        }
    }
}

fn no(is: bool) -> &'static str {
    if is { "" } else { "not " }
}

fn usage(usage: &Value, violations: &mut Violations) {
    let count = |name: &str| usage[name].as_u64().unwrap_or_default();
    let adds_up = count("total_tokens") == count("prompt_tokens") + count("completion_tokens");
    violations.require(adds_up, || format!("usage does not add up: {usage}"));
}
