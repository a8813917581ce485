//! Gemini: every event is a whole answer with new parts; no schema is published, so the rules are written out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::frames::{Data, Frame};
use super::{Violations, items, text};

/// The words of `FinishReason` in Google's reference of the API.
const FINISH: &[&str] = &[
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MODEL_ARMOR",
    "MALFORMED_RESPONSE",
];

/// A part has exactly one of these.
const PARTS: &[&str] = &[
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

const COUNTS: &[&str] = &[
    "promptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "toolUsePromptTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
];

pub(super) fn whole(value: &Value, violations: &mut Violations) {
    answer(value, "body", violations);
    usage(value, "body", violations);
    for candidate in items(&value["candidates"]) {
        violations.require(candidate["finishReason"].is_string(), || "a candidate has no finishReason".into());
    }
}

pub(super) fn stream(frames: &[Frame], violations: &mut Violations) {
    let (mut seen, mut finished) = (BTreeSet::new(), BTreeSet::new());
    let (mut failed, mut blocked) = (false, false);
    let first = frames.first().map(Frame::value);
    for frame in frames {
        let (at, value) = (frame.at, frame.value());
        let place = format!("event {at}");
        violations.require(frame.event.is_none(), || format!("{place} has a name"));
        violations.require(!failed, || format!("{place} comes after an error"));
        if frame.data == Data::Done {
            violations.add("there is a [DONE]");
            continue;
        }
        if !value["error"].is_null() {
            failed = true;
            error(value, None, violations);
            continue;
        }
        answer(value, &place, violations);
        blocked |= value["promptFeedback"]["blockReason"].is_string();
        for name in ["responseId", "modelVersion"] {
            let is_same = first.is_some_and(|first| first[name] == value[name]);
            violations.require(is_same, || format!("{place} has another {name} than the first"));
        }
        for candidate in items(&value["candidates"]) {
            let index = candidate["index"].as_u64().unwrap_or_default();
            seen.insert(index);
            violations.require(!finished.contains(&index), || format!("{place} comes after finishReason"));
            if candidate["finishReason"].is_string() {
                finished.insert(index);
            }
        }
    }
    if failed {
        violations.require(finished.is_empty(), || "a finishReason in a stream that failed".into());
        return;
    }
    violations.require(seen == finished, || "a candidate has no finishReason".into());
    violations.require(blocked || !seen.is_empty(), || "no candidate".into());
    if let Some(last) = frames.last() {
        usage(last.value(), "the last event", violations);
    }
}

/// An error, whose code is the status that it came with.
pub(super) fn error(value: &Value, status: Option<u16>, violations: &mut Violations) {
    let error = &value["error"];
    let code = error["code"].as_u64();
    violations.require(code.is_some_and(|code| (400..600).contains(&code)), || "error.code is no status".into());
    violations.require(status.is_none() || status.map(u64::from) == code, || "error.code is another status".into());
    violations.require(error["message"].is_string(), || "error.message is no text".into());
    let word = text(&error["status"]);
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    violations.require(is_word, || format!("error.status is no word: {}", error["status"]));
}

fn answer(value: &Value, place: &str, violations: &mut Violations) {
    for name in ["responseId", "modelVersion"] {
        violations.require(!text(&value[name]).is_empty(), || format!("{place} lacks {name}"));
    }
    let blocked = value["promptFeedback"]["blockReason"].is_string();
    let candidates = items(&value["candidates"]);
    let is_empty = candidates.is_empty() && !blocked && value["usageMetadata"].is_null();
    violations.require(!is_empty, || format!("{place} says nothing"));
    for candidate in candidates {
        let finish = &candidate["finishReason"];
        let is_known = finish.is_null() || FINISH.contains(&text(finish));
        violations.require(is_known, || format!("{place} has the finishReason {finish}"));
        let content = &candidate["content"];
        // What was stopped by a filter comes without any content.
        violations.require(content.is_object() || finish.is_string(), || format!("{place} has no content"));
        let role = &content["role"];
        violations.require(!content.is_object() || role == "model", || format!("{place} has the role {role}"));
        for part in items(&content["parts"]) {
            self::part(part, place, violations);
        }
    }
}

fn part(part: &Value, place: &str, violations: &mut Violations) {
    let kinds = PARTS.iter().filter(|kind| part.get(**kind).is_some()).count();
    violations.require(kinds == 1, || format!("{place} has a part of {kinds} kinds"));
    for name in ["text", "thoughtSignature"] {
        let is_text = part.get(name).is_none_or(Value::is_string);
        violations.require(is_text, || format!("{place} has a {name} that is no text"));
    }
    if let Some(call) = part.get("functionCall") {
        // Vertex sends arguments in pieces if asked to; pieces after the first have no name, the last is empty.
        let is_piece = call.get("partialArgs").is_some() || call.as_object().is_some_and(serde_json::Map::is_empty);
        violations.require(is_piece || !text(&call["name"]).is_empty(), || format!("{place} has a call without name"));
        let is_right = call.get("args").is_none_or(Value::is_object);
        violations.require(is_right, || format!("{place} has a call whose args are no object"));
    }
    if let Some(data) = part.get("inlineData") {
        let is_right = data["mimeType"].is_string() && data["data"].is_string();
        violations.require(is_right, || format!("{place} has inlineData without type or data"));
    }
}

fn usage(value: &Value, place: &str, violations: &mut Violations) {
    let usage = &value["usageMetadata"];
    violations.require(usage.is_object(), || format!("{place} has no usageMetadata"));
    for name in COUNTS {
        let is_count = usage.get(*name).is_none_or(Value::is_u64);
        violations.require(is_count, || format!("{place}: {name} is no count"));
    }
}
