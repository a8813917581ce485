//! Reading a provider's stream.
//!
//! Servers leave things out: deltas, whole items, places. Whatever the deltas did not bring is taken from the event that
//! ends the item, and what that did not bring from the response at the end.

use bytes::Bytes;
use tollgate_core::ir::{Block, Delta, Event, Opaque, OpenBlock, Protocol, Thinking, ToolKind};

use super::super::request::{citation, thoughts};
use super::super::response::{failure_of, finish_of, is_hosted_image};
use super::super::types::{BETWEEN_PARTS, Belongs};
use crate::codec::{DecodeError, DecodeStream, Plan, new_id};
use crate::json::{self, Value};
use crate::usage;

/// No answer has more items; a stream that does is out of its mind.
const MAX_ITEMS: usize = 4096;

/// No message has more parts.
const MAX_PARTS: usize = 4096;

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    ended: bool,
    has_calls: bool,
    next_block: u32,
    items: Vec<Item>,
}

/// An item of the output.
#[derive(Debug)]
struct Item {
    output_index: u64,
    id: String,
    done: bool,
    parts: Vec<Part>,
}

/// A block of an item.
#[derive(Debug)]
struct Part {
    key: Key,
    block: u32,
    /// How many bytes of it are out.
    sent: usize,
    open: bool,
    /// The number of the summary's part that was written last.
    summary: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Text(u64),
    Refusal(u64),
    Summary,
    Thought,
    Call,
}

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(_plan: &Plan) -> Self {
        Self::default()
    }

    fn start(&mut self, response: Option<&Value<'_>>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let text = |name: &str| response.and_then(|response| response.string(name));
            let created = response.and_then(|response| response.u64("created_at"));
            out.push(Event::Start { id: text("id"), model: text("model"), created });
        }
    }

    /// The place of the item that an event is about: by its index, else by its id, else the last one.
    fn locate(&mut self, event: &Value<'_>, id: Option<&str>) -> Result<usize, DecodeError> {
        let by_index = event.u64("output_index");
        let known = match (by_index, id) {
            (Some(index), _) => self.items.iter().rposition(|item| item.output_index == index),
            (None, Some(id)) => self.items.iter().rposition(|item| item.id == id),
            (None, None) => self.items.len().checked_sub(1),
        };
        if let Some(at) = known {
            return Ok(at);
        }
        if self.items.len() >= MAX_ITEMS {
            return Err(DecodeError::Invalid("the stream has too many items"));
        }
        let next = self.items.last().map_or(0, |last| last.output_index.saturating_add(1));
        let id = id.unwrap_or_default().to_owned();
        self.items.push(Item { output_index: by_index.unwrap_or(next), id, done: false, parts: Vec::new() });
        Ok(self.items.len() - 1)
    }

    /// The part of an item, opened if it was not.
    fn part(
        &mut self,
        at: usize,
        key: Key,
        open: impl FnOnce(&str) -> OpenBlock,
        out: &mut Vec<Event>,
    ) -> Result<&mut Part, DecodeError> {
        let lost = DecodeError::Invalid("the stream names an item that it does not have");
        let item = self.items.get_mut(at).ok_or(lost.clone())?;
        let known = item.parts.iter().rposition(|part| part.key == key);
        let place = match known {
            Some(place) => place,
            None if item.parts.len() >= MAX_PARTS => {
                return Err(DecodeError::Invalid("the stream has too many parts"));
            }
            None => {
                let block = self.next_block;
                self.next_block = block.saturating_add(1);
                out.push(Event::Open { index: block, choice: 0, block: open(&item.id) });
                item.parts.push(Part { key, block, sent: 0, open: true, summary: 0 });
                item.parts.len() - 1
            }
        };
        item.parts.get_mut(place).ok_or(lost)
    }

    fn text_delta(&mut self, event: &Value<'_>, key: Key, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(delta) = event.str("delta").filter(|delta| !delta.is_empty()) else { return Ok(()) };
        let at = self.locate(event, event.str("item_id"))?;
        let summary = event.u64("summary_index").unwrap_or(0);
        let part = self.part(at, key, |id| opening(key, id), out)?;
        if !part.open {
            return Ok(());
        }
        if key == Key::Summary && summary != part.summary {
            part.summary = summary;
            if part.sent > 0 {
                part.push(BETWEEN_PARTS, out);
            }
        }
        part.push(delta, out);
        if let Some(logprobs) = event.get("logprobs").filter(|logprobs| !logprobs.items().is_empty()) {
            let text = ["{\"content\":", logprobs.raw(), ",\"refusal\":null}"].concat();
            out.push(Event::Delta { index: part.block, delta: Delta::Logprobs(text) });
        }
        Ok(())
    }

    fn arguments_delta(&mut self, event: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(delta) = event.str("delta").filter(|delta| !delta.is_empty()) else { return Ok(()) };
        let at = self.locate(event, event.str("item_id"))?;
        // A call must have been named; its arguments come again when it is done.
        let Some(item) = self.items.get_mut(at) else { return Ok(()) };
        if let Some(part) = item.parts.iter_mut().find(|part| part.key == Key::Call && part.open) {
            part.sent += delta.len();
            out.push(Event::Delta { index: part.block, delta: Delta::Arguments(delta.to_owned()) });
        }
        Ok(())
    }

    fn annotation(&mut self, event: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(annotation) = event.get("annotation") else { return Ok(()) };
        let at = self.locate(event, event.str("item_id"))?;
        let key = Key::Text(event.u64("content_index").unwrap_or(0));
        let part = self.part(at, key, |id| opening(key, id), out)?;
        if part.open {
            out.push(Event::Delta { index: part.block, delta: Delta::Citation(citation(annotation)) });
        }
        Ok(())
    }

    fn item_added(&mut self, event: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(item) = event.get("item") else { return Ok(()) };
        let id = item.str("id");
        let last = self.items.last().map(|last| last.done || id.is_some_and(|id| id != last.id));
        if event.u64("output_index").is_none() && last == Some(true) {
            self.new_item(id)?;
        }
        let at = self.locate(event, id)?;
        if let (Some(known), Some(id)) = (self.items.get_mut(at), id) {
            id.clone_into(&mut known.id);
        }
        match item.str("type") {
            Some("function_call") => self.call(at, item, ToolKind::Function, out),
            Some("custom_tool_call") => self.call(at, item, ToolKind::Custom, out),
            _ => Ok(()),
        }
    }

    /// An item without a place stands behind the last one.
    fn new_item(&mut self, id: Option<&str>) -> Result<(), DecodeError> {
        if self.items.len() >= MAX_ITEMS {
            return Err(DecodeError::Invalid("the stream has too many items"));
        }
        let output_index = self.items.last().map_or(0, |last| last.output_index.saturating_add(1));
        let id = id.unwrap_or_default().to_owned();
        self.items.push(Item { output_index, id, done: false, parts: Vec::new() });
        Ok(())
    }

    /// Opens a call if it is not, and emits what is new of its arguments.
    fn call(&mut self, at: usize, item: &Value<'_>, kind: ToolKind, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.has_calls = true;
        let arguments = item.get(if kind == ToolKind::Custom { "input" } else { "arguments" });
        let id = item.string("call_id").or_else(|| item.string("id")).filter(|id| !id.is_empty());
        let name = item.string("name").unwrap_or_default();
        let open = |_: &str| OpenBlock::ToolCall { id: id.unwrap_or_else(|| new_id("call_")), name, kind };
        let part = self.part(at, Key::Call, open, out)?;
        if let Some(arguments) = arguments {
            part.fill(arguments.as_str().unwrap_or(arguments.raw()), out);
        }
        Ok(())
    }

    /// Fills the gaps of a part that is complete.
    fn part_done(
        &mut self,
        event: &Value<'_>,
        key: Key,
        text: Option<&str>,
        out: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(()) };
        let at = self.locate(event, event.str("item_id"))?;
        self.part(at, key, |id| opening(key, id), out)?.fill(text, out);
        Ok(())
    }

    fn item_done(&mut self, event: &Value<'_>, item: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let at = self.locate(event, item.str("id"))?;
        if self.items.get(at).is_some_and(|item| item.done) {
            return Ok(());
        }
        match item.str("type") {
            Some("message") => self.message_done(at, item, out)?,
            Some("function_call") => self.call(at, item, ToolKind::Function, out)?,
            Some("custom_tool_call") => self.call(at, item, ToolKind::Custom, out)?,
            Some("reasoning") => self.reasoning_done(at, item, out)?,
            Some(kind) => {
                let block = is_hosted_image(item).unwrap_or_else(|| {
                    let json = item.raw().to_owned();
                    Block::Opaque(Opaque { protocol: Protocol::OpenAiResponses, what: kind.to_owned(), json })
                });
                let index = self.next_block;
                self.next_block = index.saturating_add(1);
                out.push(Event::Whole { index, choice: 0, block });
            }
            None => {}
        }
        self.close(at, out);
        Ok(())
    }

    fn message_done(&mut self, at: usize, item: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        for (number, part) in (0..).zip(item.array("content")) {
            let (key, text) = match part.str("refusal") {
                Some(refusal) => (Key::Refusal(number), refusal),
                None => (Key::Text(number), part.str("text").unwrap_or_default()),
            };
            if text.is_empty() {
                continue;
            }
            let was_there = self.items.get(at).is_some_and(|item| item.parts.iter().any(|part| part.key == key));
            let known = self.part(at, key, |id| opening(key, id), out)?;
            known.fill(text, out);
            if !was_there {
                let index = known.block;
                let citations = part.array("annotations").iter().map(citation).map(Delta::Citation);
                out.extend(citations.map(|delta| Event::Delta { index, delta }));
            }
        }
        Ok(())
    }

    fn reasoning_done(&mut self, at: usize, item: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let (thoughts, belongs) = thoughts(item);
        if !matches!(belongs, Belongs::Thoughts | Belongs::Redacted) {
            return Ok(());
        }
        for Thinking { text, signature, summary, redacted, id } in thoughts {
            if text.is_empty() && signature.is_none() {
                continue;
            }
            if redacted {
                let index = self.next_block;
                self.next_block = index.saturating_add(1);
                let block = Block::Thinking(Thinking { text, signature, summary, redacted, id });
                out.push(Event::Whole { index, choice: 0, block });
                continue;
            }
            let mut key = if summary { Key::Summary } else { Key::Thought };
            let has = |key: Key| self.items.get(at).is_some_and(|item| item.parts.iter().any(|part| part.key == key));
            if text.is_empty() && !has(key) && has(Key::Thought) {
                key = Key::Thought;
            }
            let part = self.part(at, key, |id| opening(key, id), out)?;
            part.fill(&text, out);
            if let Some(signature) = signature {
                out.push(Event::Delta { index: part.block, delta: Delta::Signature(signature) });
            }
        }
        Ok(())
    }

    fn close(&mut self, at: usize, out: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(at) else { return };
        item.done = true;
        for part in item.parts.iter_mut().filter(|part| part.open) {
            part.open = false;
            out.push(Event::Close { index: part.block });
        }
    }

    fn end(&mut self, response: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.start(Some(response), out);
        for (number, item) in (0..).zip(response.array("output")) {
            // Whatever never came as an event of its own comes now.
            let known = self.items.iter().any(|known| {
                known.done && (known.output_index == number || item.str("id").is_some_and(|id| id == known.id))
            });
            if !known {
                let index = json::object(32, |o| o.uint("output_index", number));
                let place = json::parse(&index).map_err(|_| DecodeError::Invalid("a place is not JSON"))?;
                self.item_done(&place, item, out)?;
            }
        }
        for at in 0..self.items.len() {
            self.close(at, out);
        }
        if let Some(usage) = response.get("usage").and_then(|usage| usage::parse(usage.raw().as_bytes())) {
            out.push(Event::Usage(usage));
        }
        out.push(Event::Finish { choice: 0, finish: finish_of(response, self.has_calls) });
        out.push(Event::End);
        self.ended = true;
        Ok(())
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event = json::parse(data).map_err(|_| DecodeError::Invalid("an event of the stream is not JSON"))?;
        let kind = event.str("type").unwrap_or_default();
        let kind = kind.strip_prefix("response.").unwrap_or(kind);
        if !matches!(kind, "created" | "in_progress" | "queued" | "completed" | "incomplete" | "failed" | "error" | "")
        {
            self.start(None, out);
        }
        let index = event.u64("content_index").unwrap_or(0);
        match kind {
            "created" | "in_progress" | "queued" => {
                self.start(event.get("response"), out);
                Ok(())
            }
            "output_text.delta" => self.text_delta(&event, Key::Text(index), out),
            "refusal.delta" => self.text_delta(&event, Key::Refusal(index), out),
            "reasoning_summary_text.delta" => self.text_delta(&event, Key::Summary, out),
            "reasoning_text.delta" | "reasoning.delta" => self.text_delta(&event, Key::Thought, out),
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => self.arguments_delta(&event, out),
            "output_item.added" => self.item_added(&event, out),
            "output_text.done" => self.part_done(&event, Key::Text(index), event.str("text"), out),
            "refusal.done" => self.part_done(&event, Key::Refusal(index), event.str("refusal"), out),
            "output_text.annotation.added" => self.annotation(&event, out),
            "output_item.done" => event.get("item").map_or(Ok(()), |item| self.item_done(&event, item, out)),
            "completed" | "incomplete" => match event.get("response") {
                Some(response) => self.end(response, out),
                None => Err(DecodeError::Invalid("the last event of the stream has no response")),
            },
            "failed" | "cancelled" => Err(event.get("response").and_then(failure_of).unwrap_or_else(unknown_failure)),
            "error" => Err(failure_in_band(&event)),
            // A server that answers with an error body in place of events.
            "" if event.get("error").is_some() => Err(failure_in_band(&event)),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended { Ok(()) } else { Err(DecodeError::Invalid("the stream ended before the response was complete")) }
    }
}

fn opening(key: Key, id: &str) -> OpenBlock {
    let id = || Some(id.to_owned()).filter(|id| !id.is_empty());
    match key {
        Key::Refusal(_) => OpenBlock::Refusal,
        Key::Summary => OpenBlock::Thinking { summary: true, id: id() },
        Key::Thought => OpenBlock::Thinking { summary: false, id: id() },
        Key::Text(_) | Key::Call => OpenBlock::Text,
    }
}

fn unknown_failure() -> DecodeError {
    DecodeError::Upstream(Bytes::from_static(
        br#"{"error":{"message":"The provider failed without saying why.","type":"server_error"}}"#,
    ))
}

/// Errors come flat, as OpenAI describes them, or in an object of their own, as OpenAI sends them.
fn failure_in_band(event: &Value<'_>) -> DecodeError {
    let body = match event.get("error") {
        Some(error) => json::object(error.raw().len() + 16, |o| o.raw("error", error.raw())),
        None => json::object(event.raw().len() + 16, |o| {
            o.object("error", |o| {
                for name in ["message", "code", "param"] {
                    o.maybe_raw(name, event.get(name).map(Value::raw));
                }
            });
        }),
    };
    DecodeError::Upstream(Bytes::from(body))
}

// === impl Part ===

impl Part {
    fn push(&mut self, text: &str, out: &mut Vec<Event>) {
        self.sent += text.len();
        let text = text.to_owned();
        let delta = if self.key == Key::Call { Delta::Arguments(text) } else { Delta::Text(text) };
        out.push(Event::Delta { index: self.block, delta });
    }

    /// Emits what a whole text has more than the deltas gave.
    fn fill(&mut self, whole: &str, out: &mut Vec<Event>) {
        if let Some(rest) = whole.get(self.sent..).filter(|rest| !rest.is_empty() && self.open) {
            self.push(rest, out);
        }
    }
}
