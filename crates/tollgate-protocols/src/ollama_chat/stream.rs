//! Streams of Ollama's `/api/chat`: a JSON object in each line, the last of them with `done: true`.

use std::collections::BTreeMap;

use bytes::Bytes;
use tollgate_core::Usage;
use tollgate_core::ir::{Block, Delta, Event, FinishReason, OpenBlock, ToolCall};

use super::response::{image, logprobs, picture, tool_call, write_call};
use super::types::{done_reason, finish, rfc3339, seconds};
use crate::codec::{DecodeError, DecodeStream, Echo, EncodeStream, Plan};
use crate::json::{self, Object, Value};
use crate::usage;

/// Reads a provider's stream.
#[derive(Debug)]
pub struct Decoder {
    plan: Plan,
    started: bool,
    ended: bool,
    next: u32,
    open: Option<(u32, Kind)>,
    has_calls: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text,
    Thinking,
}

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), started: false, ended: false, next: 0, open: None, has_calls: false }
    }

    fn more(&mut self, kind: Kind, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let index = match self.open {
            Some((index, open)) if open == kind => index,
            _ => {
                self.close(out);
                let index = self.number();
                let block = match kind {
                    Kind::Text => OpenBlock::Text,
                    Kind::Thinking => OpenBlock::Thinking { summary: false, id: None },
                };
                out.push(Event::Open { index, choice: 0, block });
                self.open = Some((index, kind));
                index
            }
        };
        out.push(Event::Delta { index, delta: Delta::Text(text.to_owned()) });
    }

    fn number(&mut self) -> u32 {
        let index = self.next;
        self.next += 1;
        index
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if let Some((index, _)) = self.open.take() {
            out.push(Event::Close { index });
        }
    }

    fn call(&mut self, call: ToolCall, out: &mut Vec<Event>) {
        self.close(out);
        self.has_calls = true;
        let index = self.number();
        let block = OpenBlock::ToolCall { id: call.id, name: call.name, kind: call.kind };
        out.push(Event::Open { index, choice: 0, block });
        if !call.arguments.is_empty() {
            out.push(Event::Delta { index, delta: Delta::Arguments(call.arguments) });
        }
        out.push(Event::Close { index });
    }

    fn message(&mut self, message: &Value<'_>, out: &mut Vec<Event>) {
        self.more(Kind::Thinking, message.str("thinking").unwrap_or_default(), out);
        self.more(Kind::Text, message.str("content").unwrap_or_default(), out);
        for media in message.array("images").iter().filter_map(image) {
            self.close(out);
            let index = self.number();
            out.push(Event::Whole { index, choice: 0, block: Block::Media(media) });
        }
        for call in message.array("tool_calls") {
            if let Some(call) = tool_call(call, &self.plan) {
                self.call(call, out);
            }
        }
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended {
            return Ok(());
        }
        let value = json::parse(data).map_err(|_| DecodeError::Invalid("a line is no JSON"))?;
        if value.get("error").is_some() {
            return Err(DecodeError::Upstream(Bytes::copy_from_slice(data)));
        }
        if !std::mem::replace(&mut self.started, true) {
            let created = value.str("created_at").and_then(seconds);
            out.push(Event::Start { id: None, model: value.string("model"), created });
        }
        if let Some(message) = value.get("message") {
            self.message(message, out);
        }
        if let (Some(text), Some((index, Kind::Text))) = (logprobs(&value), self.open) {
            out.push(Event::Delta { index, delta: Delta::Logprobs(text) });
        }
        if value.get("done").and_then(Value::as_bool) == Some(true) {
            self.close(out);
            out.extend(usage::parse(data).map(Event::Usage));
            let finish = finish(value.str("done_reason").unwrap_or_default(), self.has_calls);
            out.push(Event::Finish { choice: 0, finish });
            out.push(Event::End);
            self.ended = true;
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended { Ok(()) } else { Err(DecodeError::Invalid("the stream ended before its last line")) }
    }
}

/// Writes a client's stream. Calls are written when they are complete, since their arguments are an object.
#[derive(Debug)]
pub struct Encoder {
    model: String,
    created: String,
    open: BTreeMap<u32, Open>,
    calls: u64,
    usage: Usage,
    reason: Option<FinishReason>,
    ended: bool,
}

#[derive(Debug)]
enum Open {
    Text,
    Thinking,
    Call(ToolCall),
}

impl Encoder {
    /// A writer of one stream.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            created: rfc3339(echo.now),
            model: echo.model,
            open: BTreeMap::new(),
            calls: 0,
            usage: Usage::default(),
            reason: None,
            ended: false,
        }
    }

    fn line(&self, out: &mut Vec<u8>, message: impl FnOnce(&mut Object<'_>), rest: impl FnOnce(&mut Object<'_>)) {
        let from = out.len();
        json::append_object(out, |o| {
            o.string("model", &self.model);
            o.string("created_at", &self.created);
            o.object("message", |o| {
                o.string("role", "assistant");
                message(o);
            });
            rest(o);
        });
        json::one_line(out, from);
        out.push(b'\n');
    }

    fn piece(&self, out: &mut Vec<u8>, message: impl FnOnce(&mut Object<'_>)) {
        self.line(out, message, |o| o.bool("done", false));
    }

    fn open(&mut self, index: u32, block: &OpenBlock) {
        let open = match block {
            OpenBlock::Text | OpenBlock::Refusal => Open::Text,
            OpenBlock::Thinking { .. } => Open::Thinking,
            OpenBlock::ToolCall { id, name, kind } => {
                Open::Call(ToolCall { id: id.clone(), name: name.clone(), kind: *kind, ..ToolCall::default() })
            }
        };
        self.open.insert(index, open);
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        match (self.open.get_mut(&index), delta) {
            (Some(Open::Text), Delta::Text(text)) => self.piece(out, |o| o.string("content", text)),
            (Some(Open::Thinking), Delta::Text(text)) => self.piece(out, |o| {
                o.string("content", "");
                o.string("thinking", text);
            }),
            (Some(Open::Call(call)), Delta::Arguments(more)) => call.arguments.push_str(more),
            (Some(_), Delta::Logprobs(text)) => {
                let parsed = json::parse(text.as_bytes()).ok();
                if let Some(list) = parsed.as_ref().and_then(|parsed| parsed.get("content")) {
                    self.line(
                        out,
                        |o| o.string("content", ""),
                        |o| {
                            o.bool("done", false);
                            o.raw("logprobs", list.raw());
                        },
                    );
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        if let Some(Open::Call(call)) = self.open.remove(&index) {
            let number = self.calls;
            self.calls += 1;
            self.piece(out, |o| {
                o.string("content", "");
                o.array("tool_calls", |a| write_call(a, number, &call));
            });
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        while let Some(index) = self.open.keys().next().copied() {
            self.close(index, out);
        }
        self.ended = true;
        let (usage, reason) = (self.usage, self.reason.unwrap_or_default());
        self.line(
            out,
            |o| o.string("content", ""),
            |o| {
                o.bool("done", true);
                o.string("done_reason", done_reason(reason));
                o.maybe_uint("prompt_eval_count", usage.input);
                o.maybe_uint("eval_count", usage.output);
            },
        );
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            _ if self.ended => {}
            Event::Start { model, created, .. } => {
                if let Some(model) = model {
                    self.model.clone_from(model);
                }
                if let Some(created) = created {
                    self.created = rfc3339(*created);
                }
            }
            Event::Open { index, choice: 0, block } => self.open(*index, block),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Whole { choice: 0, block, .. } => {
                if let Some(data) = picture(block) {
                    self.piece(out, |o| {
                        o.string("content", "");
                        o.strings("images", [data]);
                    });
                }
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Finish { choice: 0, finish } => self.reason = Some(finish.reason),
            Event::End => self.end(out),
            _ => {}
        }
    }
}
