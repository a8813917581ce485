//! Ollama: lines, of which the last and no other is done.

use serde_json::Value;

use super::frames::Frame;
use super::specs::Specs;
use super::{Violations, text};

pub(super) fn whole(specs: &Specs, value: &Value, violations: &mut Violations) {
    violations.all(specs.ollama.check("ChatResponse", value), "body");
    line(value, "body", violations);
    violations.require(value["done"] == true, || "the answer is not done".into());
    ending(value, violations);
}

pub(super) fn stream(specs: &Specs, frames: &[Frame], violations: &mut Violations) {
    let (mut done, mut failed) = (false, false);
    for frame in frames {
        let (at, value) = (frame.at, frame.value());
        violations.require(!done && !failed, || format!("line {at} comes after the end"));
        if value.get("error").is_some() {
            failed = true;
            error(value, violations);
            continue;
        }
        let place = format!("line {at}");
        violations.all(specs.ollama.check("ChatStreamEvent", value), &place);
        line(value, &place, violations);
        violations.require(frames.first().is_some_and(|first| first.value()["model"] == value["model"]), || {
            format!("{place} has another model than the first")
        });
        if value["done"] == true {
            done = true;
            // The last line has what the schema of whole answers describes.
            violations.all(specs.ollama.check("ChatResponse", value), &place);
            ending(value, violations);
        } else {
            violations.require(value["done_reason"].is_null(), || format!("{place} has a reason and is not done"));
        }
    }
    violations.require(done || failed, || "no line is done".into());
}

/// An error, as a body or a line.
pub(super) fn error(value: &Value, violations: &mut Violations) {
    violations.require(value["error"].is_string(), || "error is no text".into());
}

/// The schema requires nothing, but clients do.
fn line(value: &Value, place: &str, violations: &mut Violations) {
    for name in ["model", "created_at"] {
        violations.require(!text(&value[name]).is_empty(), || format!("{place} lacks {name}"));
    }
    violations.require(value["done"].is_boolean(), || format!("{place} lacks done"));
    let message = &value["message"];
    violations.require(message["role"] == "assistant", || format!("{place} has the role {}", message["role"]));
    violations.require(message["content"].is_string(), || format!("{place} has no content"));
    for call in super::items(&message["tool_calls"]) {
        let function = &call["function"];
        violations.require(!text(&function["name"]).is_empty(), || format!("{place} has a call without name"));
        violations.require(function["arguments"].is_object(), || format!("{place}: arguments are no object"));
    }
}

fn ending(value: &Value, violations: &mut Violations) {
    violations.require(!text(&value["done_reason"]).is_empty(), || "no done_reason".into());
    for name in ["prompt_eval_count", "eval_count"] {
        violations.require(value[name].is_u64(), || format!("no {name}"));
    }
    // Other providers' answers have no times.
    let is_right = value.get("total_duration").is_none_or(Value::is_u64);
    violations.require(is_right, || "total_duration is no count".into());
}
