//! Writes a client's stream.
//!
//! Anthropic's clients know one open block at a time, so a block that opens while another is open waits for its close.

use std::collections::VecDeque;

use tollgate_core::Usage;
use tollgate_core::ir::{Block, Delta, Event, Extra, Finish, OpenBlock, Origin, Protocol, Signature, ToolKind};

use super::super::response::{EXTRAS, USAGE_EXTRAS, describe, message_id, write_extras, write_redacted};
use super::super::types::{FREE_TEXT, is_object, stop_reason, write_citation, write_usage};
use crate::codec::{Echo, EncodeStream, says_nothing, seal_signature};
use crate::json::{self, Object};

/// Writes a client's stream.
#[derive(Debug)]
pub struct Encoder {
    echo: Echo,
    state: State,
    id: Option<String>,
    model: Option<String>,
    usage: Usage,
    extras: Vec<Extra>,
    /// The next block's number on the wire.
    next: u32,
    current: Option<Current>,
    waiting: VecDeque<Waiting>,
    finish: Finish,
    calls_tool: bool,
    refuses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is written; `message_start` waits for the first counts.
    Held,
    Started,
    Ended,
}

/// The block that is open.
#[derive(Debug)]
struct Current {
    index: u32,
    block: OpenBlock,
    /// Its start is written when it is known not to be empty.
    is_written: bool,
    /// Arguments that wait for a signature, which must stand before the call; free text, which waits for its end.
    arguments: String,
    signature: Option<Signature>,
}

/// A block that opened while another was open.
#[derive(Debug)]
struct Waiting {
    index: u32,
    events: Vec<Event>,
}

impl Encoder {
    /// A writer of one stream.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            echo,
            state: State::Held,
            id: None,
            model: None,
            usage: Usage::default(),
            extras: Vec::new(),
            next: 0,
            current: None,
            waiting: VecDeque::new(),
            finish: Finish::default(),
            calls_tool: false,
            refuses: false,
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.state != State::Held {
            return;
        }
        self.state = State::Started;
        emit(out, "message_start", |o| {
            o.object("message", |o| {
                o.string("id", &message_id(self.id.as_deref(), &self.echo));
                o.string("type", "message");
                o.string("role", "assistant");
                o.string("model", self.model.as_deref().unwrap_or(&self.echo.model));
                o.array("content", |_| {});
                o.null("stop_reason");
                o.null("stop_sequence");
                o.object("usage", |o| write_usage(o, &self.usage));
            });
        });
        emit(out, "ping", |_| {});
    }

    /// Hands an event of a block to it, or lets it wait.
    fn route(&mut self, event: &Event, index: u32, out: &mut Vec<u8>) {
        if self.current.as_ref().is_some_and(|current| current.index == index) {
            self.apply(event, out);
            self.drain(out);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.index == index) {
            waiting.events.push(event.clone());
        } else if !matches!(event, Event::Open { .. } | Event::Whole { .. }) {
            // A piece of a block that is not open, or of another answer.
        } else if self.current.is_some() {
            self.waiting.push_back(Waiting { index, events: vec![event.clone()] });
        } else {
            self.apply(event, out);
        }
    }

    /// Opens what waits, as long as nothing is open.
    fn drain(&mut self, out: &mut Vec<u8>) {
        while self.current.is_none() {
            let Some(next) = self.waiting.pop_front() else { return };
            next.events.iter().for_each(|event| self.apply(event, out));
        }
    }

    fn apply(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Open { index, block, .. } => {
                self.calls_tool |= matches!(block, OpenBlock::ToolCall { .. });
                self.refuses |= matches!(block, OpenBlock::Refusal);
                self.current = Some(Current {
                    index: *index,
                    block: block.clone(),
                    is_written: false,
                    arguments: String::new(),
                    signature: None,
                });
            }
            Event::Whole { block, .. } => self.whole(block, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::Close { .. } => self.close(out),
            _ => {}
        }
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let Some(current) = &mut self.current else { return };
        match (&current.block, delta) {
            // Said already in the details of the end.
            (OpenBlock::Refusal, _) if self.extras.iter().any(|extra| extra.name == "stop_details") => {}
            (OpenBlock::Text | OpenBlock::Refusal, Delta::Text(text)) => {
                self.ensure_written(out);
                self.emit_delta(out, |o| {
                    o.string("type", "text_delta");
                    o.string("text", text);
                });
            }
            (OpenBlock::Text, Delta::Citation(citation)) => {
                let list = json::array_text(|a| write_citation(a, citation));
                let Some(json) = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')) else { return };
                if !json.is_empty() {
                    self.ensure_written(out);
                    self.emit_delta(out, |o| {
                        o.string("type", "citations_delta");
                        o.raw("citation", json);
                    });
                }
            }
            (OpenBlock::Thinking { .. }, Delta::Text(text)) => {
                self.ensure_written(out);
                self.emit_delta(out, |o| {
                    o.string("type", "thinking_delta");
                    o.string("thinking", text);
                });
            }
            (OpenBlock::ToolCall { kind: ToolKind::Function, .. }, Delta::Arguments(more))
                if !current.is_written && current.arguments.is_empty() && says_nothing(more) => {}
            (OpenBlock::ToolCall { kind, .. }, Delta::Arguments(more)) => {
                let waits = *kind == ToolKind::Custom
                    || (!current.is_written && current.arguments.is_empty() && is_object(more));
                current.arguments.push_str(more);
                if !waits {
                    self.flush_arguments(out);
                }
            }
            (_, Delta::Signature(signature)) => current.signature = Some(signature.clone()),
            _ => {}
        }
    }

    /// Writes the arguments that wait.
    fn flush_arguments(&mut self, out: &mut Vec<u8>) {
        self.ensure_written(out);
        let Some(current) = &mut self.current else { return };
        let arguments = std::mem::take(&mut current.arguments);
        if !arguments.is_empty() {
            self.emit_delta(out, |o| {
                o.string("type", "input_json_delta");
                o.string("partial_json", &arguments);
            });
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(current) = &mut self.current else { return };
        match &current.block {
            OpenBlock::ToolCall { kind, .. } => {
                if *kind == ToolKind::Custom {
                    current.arguments = json::object_text(|o| o.string(FREE_TEXT, &current.arguments));
                }
                self.flush_arguments(out);
                self.stop(out);
            }
            OpenBlock::Thinking { .. } => {
                if let Some(signature) = current.signature.take() {
                    self.ensure_written(out);
                    self.emit_signature(out, &signature);
                }
                self.stop(out);
            }
            OpenBlock::Text | OpenBlock::Refusal => {
                let signature = current.signature.take();
                self.stop(out);
                if let Some(signature) = signature {
                    self.carry(out, &signature);
                }
            }
        }
    }

    fn stop(&mut self, out: &mut Vec<u8>) {
        if self.current.take().is_some_and(|current| current.is_written) {
            let index = self.next;
            emit(out, "content_block_stop", |o| o.uint("index", u64::from(index)));
            self.next = self.next.saturating_add(1);
        }
    }

    /// Writes the start of the open block, once.
    fn ensure_written(&mut self, out: &mut Vec<u8>) {
        let Some(current) = &mut self.current else { return };
        if std::mem::replace(&mut current.is_written, true) {
            return;
        }
        if let (OpenBlock::ToolCall { .. }, Some(signature)) = (&current.block, current.signature.take()) {
            self.carry(out, &signature);
        }
        let index = self.next;
        let Some(current) = &self.current else { return };
        emit(out, "content_block_start", |o| {
            o.uint("index", u64::from(index));
            o.object("content_block", |o| write_start(o, &current.block));
        });
    }

    /// A signature of something that has no field for it, as a thinking block without text.
    fn carry(&mut self, out: &mut Vec<u8>, signature: &Signature) {
        let index = u64::from(self.next);
        emit(out, "content_block_start", |o| {
            o.uint("index", index);
            o.object("content_block", |o| write_start(o, &OpenBlock::Thinking { summary: false, id: None }));
        });
        self.emit_signature(out, signature);
        emit(out, "content_block_stop", |o| o.uint("index", index));
        self.next = self.next.saturating_add(1);
    }

    fn emit_signature(&self, out: &mut Vec<u8>, signature: &Signature) {
        self.emit_delta(out, |o| {
            o.string("type", "signature_delta");
            o.string("signature", &seal_signature(signature, Origin::Anthropic));
        });
    }

    fn emit_delta(&self, out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        emit(out, "content_block_delta", |o| {
            o.uint("index", u64::from(self.next));
            o.object("delta", members);
        });
    }

    fn whole(&mut self, block: &Block, out: &mut Vec<u8>) {
        let json = match block {
            Block::Thinking(thinking) if thinking.redacted => json::object_text(|o| write_redacted(o, thinking)),
            Block::Opaque(opaque) if opaque.protocol == Protocol::AnthropicMessages => opaque.json.clone(),
            Block::Media(media) => {
                self.current = Some(Current {
                    index: u32::MAX,
                    block: OpenBlock::Text,
                    is_written: false,
                    arguments: String::new(),
                    signature: None,
                });
                self.delta(&Delta::Text(describe(media).into_owned()), out);
                self.close(out);
                return;
            }
            _ => return,
        };
        let index = u64::from(self.next);
        emit(out, "content_block_start", |o| {
            o.uint("index", index);
            o.raw("content_block", &json);
        });
        emit(out, "content_block_stop", |o| o.uint("index", index));
        self.next = self.next.saturating_add(1);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        self.drain(out);
        while self.current.is_some() {
            self.close(out);
            self.drain(out);
        }
        let reason = stop_reason(&self.finish, self.calls_tool, self.refuses);
        emit(out, "message_delta", |o| {
            o.object("delta", |o| {
                o.string("stop_reason", reason);
                o.string_or_null("stop_sequence", self.finish.stop_sequence.as_deref());
                write_extras(o, &self.extras, &EXTRAS);
            });
            o.object("usage", |o| {
                write_usage(o, &self.usage);
                write_extras(o, &self.extras, &USAGE_EXTRAS);
            });
        });
        emit(out, "message_stop", |_| {});
        self.state = State::Ended;
    }
}

/// Appends one event.
fn emit(out: &mut Vec<u8>, name: &str, members: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let from = out.len();
    json::append_object(out, |o| {
        o.string("type", name);
        members(o);
    });
    json::one_line(out, from);
    out.extend_from_slice(b"\n\n");
}

fn write_start(o: &mut Object<'_>, block: &OpenBlock) {
    match block {
        OpenBlock::Text | OpenBlock::Refusal => {
            o.string("type", "text");
            o.string("text", "");
        }
        OpenBlock::Thinking { .. } => {
            o.string("type", "thinking");
            o.string("thinking", "");
            o.string("signature", "");
        }
        OpenBlock::ToolCall { id, name, .. } => {
            o.string("type", "tool_use");
            o.string("id", id);
            o.string("name", name);
            o.raw("input", "{}");
        }
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.state == State::Ended {
            return;
        }
        match event {
            Event::Start { id, model, .. } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            Event::Usage(usage) => {
                self.usage.update(usage);
                self.start(out);
            }
            Event::Extra(extra) => {
                self.extras.retain(|known| known.name != extra.name);
                self.extras.push(extra.clone());
            }
            Event::Open { index, choice: 0, .. }
            | Event::Whole { index, choice: 0, .. }
            | Event::Delta { index, .. }
            | Event::Close { index } => {
                self.start(out);
                self.route(event, *index, out);
            }
            Event::Finish { choice: 0, finish } => {
                self.start(out);
                self.finish = finish.clone();
            }
            Event::End => {
                self.start(out);
                self.end(out);
            }
            _ => {}
        }
    }
}
