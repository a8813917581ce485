//! Messages: one block open at a time, numbered, its deltas of its kind; then one message delta and the stop.

use serde_json::Value;

use super::frames::{Data, Frame};
use super::specs::Specs;
use super::{Violations, is_object, items, text};

/// Every block of these types has to have an id.
const WITH_ID: &[&str] = &["tool_use", "server_tool_use", "mcp_tool_use"];

pub(super) fn whole(specs: &Specs, value: &Value, violations: &mut Violations) {
    violations.all(specs.anthropic.check("MessagesResult", value), "body");
    message(value, violations);
    violations.require(value["stop_reason"].is_string(), || "no stop reason".into());
    let has_call = items(&value["content"]).iter().any(|block| block["type"] == "tool_use");
    let is_right = value["stop_reason"] != "tool_use" || has_call;
    violations.require(is_right, || "stop reason tool_use without a call".into());
    for block in items(&value["content"]).iter().filter(|block| WITH_ID.contains(&text(&block["type"]))) {
        violations.require(block["input"].is_object(), || "the input of a call is no object".into());
    }
}

/// SDKs read these without asking whether they are there, so unlike other members they may be null but not absent.
fn message(value: &Value, violations: &mut Violations) {
    for name in ["stop_reason", "stop_sequence"] {
        violations.require(value.get(name).is_some(), || format!("the message lacks `{name}`"));
    }
}

/// The block that is open.
struct Block<'a> {
    start: &'a Value,
    arguments: String,
    signed: bool,
}

#[derive(Default)]
struct State<'a> {
    blocks: u64,
    open: Option<Block<'a>>,
    calls: bool,
    cut_call: bool,
    stop_reason: Option<&'a str>,
    stopped: bool,
    failed: bool,
}

pub(super) fn stream(specs: &Specs, frames: &[Frame], violations: &mut Violations) {
    let mut state = State::default();
    violations.require(frames.first().is_some_and(|frame| matches!(frame.kind(), "message_start" | "error")), || {
        "the stream does not begin with message_start".into()
    });
    for frame in frames {
        let (at, kind) = (frame.at, frame.kind());
        if frame.data == Data::Done {
            violations.add("there is a [DONE]");
            continue;
        }
        violations.require(frame.event.as_deref() == Some(kind), || {
            format!("event {at} is named {:?} and is {kind}", frame.event)
        });
        violations.require(!state.stopped && !state.failed, || format!("event {at} comes after the end"));
        violations.all(specs.anthropic.check("MessagesStreamEvents", frame.value()), &format!("event {at}"));
        event(&mut state, frame, violations);
    }
    if state.failed {
        return;
    }
    violations.require(state.stopped, || "no message_stop".into());
    let is_right = state.stop_reason != Some("tool_use") || state.calls;
    violations.require(is_right, || "stop reason tool_use without a call".into());
    let may_be_cut = matches!(state.stop_reason, Some("max_tokens" | "model_context_window_exceeded" | "refusal"));
    violations.require(!state.cut_call || may_be_cut, || "the input of a call is no object".into());
}

fn event<'a>(state: &mut State<'a>, frame: &'a Frame, violations: &mut Violations) {
    let (at, value) = (frame.at, frame.value());
    match frame.kind() {
        "message_start" => {
            violations.require(at == 0, || format!("event {at} is another message_start"));
            violations.require(items(&value["message"]["content"]).is_empty(), || "message_start has content".into());
            violations.require(value["message"]["stop_reason"].is_null(), || "message_start has a stop reason".into());
            message(&value["message"], violations);
        }
        "content_block_start" => {
            violations.require(state.open.is_none(), || format!("event {at} begins a block inside another"));
            violations.require(state.stop_reason.is_none(), || format!("event {at} comes after message_delta"));
            violations.require(value["index"] == state.blocks, || {
                format!("event {at} has index {} where {} is due", value["index"], state.blocks)
            });
            state.blocks += 1;
            state.calls |= value["content_block"]["type"] == "tool_use";
            state.open = Some(Block { start: value, arguments: String::new(), signed: false });
        }
        "content_block_delta" => match &mut state.open {
            Some(block) => delta(block, value, at, violations),
            None => violations.add(format!("event {at} is a delta outside of a block")),
        },
        "content_block_stop" => match state.open.take() {
            Some(block) => {
                violations.require(value["index"] == block.start["index"], || format!("event {at} has another index"));
                let is_call = WITH_ID.contains(&text(&block.start["content_block"]["type"]));
                state.cut_call |= is_call && !block.arguments.is_empty() && !is_object(&block.arguments);
            }
            None => violations.add(format!("event {at} stops no block")),
        },
        "message_delta" => {
            violations.require(state.open.is_none(), || format!("event {at} comes inside a block"));
            violations.require(state.stop_reason.is_none(), || format!("event {at} is another message_delta"));
            violations.require(value["delta"]["stop_reason"].is_string(), || format!("event {at} has no reason"));
            state.stop_reason = Some(text(&value["delta"]["stop_reason"]));
        }
        "message_stop" => {
            violations.require(state.stop_reason.is_some(), || format!("event {at} comes before message_delta"));
            state.stopped = true;
        }
        "error" => state.failed = true,
        _ => {}
    }
}

fn delta(block: &mut Block<'_>, value: &Value, at: usize, violations: &mut Violations) {
    let kind = text(&value["delta"]["type"]);
    let of = text(&block.start["content_block"]["type"]);
    violations.require(value["index"] == block.start["index"], || format!("event {at} has another index"));
    let fits = match kind {
        "text_delta" | "citations_delta" => of == "text",
        "thinking_delta" | "signature_delta" => of == "thinking",
        "input_json_delta" => WITH_ID.contains(&of),
        "compaction_delta" => of == "compaction",
        _ => false,
    };
    violations.require(fits, || format!("event {at} is a {kind} in a block of type {of}"));
    violations.require(!block.signed, || format!("event {at} comes after the signature"));
    block.signed |= kind == "signature_delta";
    block.arguments.push_str(text(&value["delta"]["partial_json"]));
}
