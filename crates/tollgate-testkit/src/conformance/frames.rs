//! Reading what a gateway sent in the strictest way: events and lines as a reader without leniency takes them.

use serde_json::Value;

use super::Violations;
use crate::recordings::sse;

/// One event of a stream.
#[derive(Debug)]
pub(super) struct Frame {
    /// Its position among the events that carry data, for messages.
    pub(super) at: usize,
    /// What its `event:` says.
    pub(super) event: Option<String>,
    /// Its data.
    pub(super) data: Data,
}

/// What an event carries.
#[derive(Debug, PartialEq)]
pub(super) enum Data {
    Json(Value),
    /// `[DONE]`.
    Done,
}

impl Frame {
    /// The data of an event that is JSON; null for `[DONE]`.
    pub(super) fn value(&self) -> &Value {
        const NULL: &Value = &Value::Null;
        if let Data::Json(value) = &self.data { value } else { NULL }
    }

    /// The data's `type`, or nothing.
    pub(super) fn kind(&self) -> &str {
        self.value()["type"].as_str().unwrap_or_default()
    }
}

/// The events of a stream. Comments are passed over; whatever is neither is a violation.
pub(super) fn events(body: &[u8], violations: &mut Violations) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    if !body.ends_with(b"\n\n") && !body.ends_with(b"\r\n\r\n") {
        violations.add("the stream does not end with a blank line");
    }
    for raw in sse::events(body) {
        let at = frames.len();
        let Ok(text) = std::str::from_utf8(raw) else {
            violations.add(format!("event {at} is not UTF-8"));
            continue;
        };
        let mut event = None;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
            match line.split_once(':').map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value))) {
                Some(("data" | "id" | "retry", _)) => {}
                Some(("event", name)) if event.is_none() => event = Some(name.to_owned()),
                Some(("event", _)) => violations.add(format!("event {at} has two names")),
                _ => violations.add(format!("event {at} has a line that is no field: {line:?}")),
            }
        }
        let Some(data) = sse::data(raw) else {
            if event.is_some() {
                violations.add(format!("event {at} has no data"));
            }
            continue;
        };
        if data == b"[DONE]" {
            frames.push(Frame { at, event, data: Data::Done });
        } else if let Some(value) = json(&data, at, violations) {
            frames.push(Frame { at, event, data: Data::Json(value) });
        }
    }
    frames
}

/// The lines of a stream of lines.
pub(super) fn lines(body: &[u8], violations: &mut Violations) -> Vec<Frame> {
    if !body.ends_with(b"\n") {
        violations.add("the stream does not end with the end of a line");
    }
    let mut frames: Vec<Frame> = Vec::new();
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let at = frames.len();
        if let Some(value) = json(line, at, violations) {
            frames.push(Frame { at, event: None, data: Data::Json(value) });
        }
    }
    frames
}

fn json(data: &[u8], at: usize, violations: &mut Violations) -> Option<Value> {
    match serde_json::from_slice(data) {
        Ok(value) => Some(value),
        Err(error) => {
            violations.add(format!("event {at} is not JSON: {error}"));
            None
        }
    }
}
