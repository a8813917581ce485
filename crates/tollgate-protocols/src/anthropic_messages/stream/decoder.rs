//! Reads a provider's stream.

use bytes::Bytes;
use tollgate_core::Usage;
use tollgate_core::ir::{Block, Delta, Event, Finish, OpenBlock, Thinking, ToolKind};

use super::super::response::{EXTRAS, extra, opened, refusal, usage_extras};
use super::super::types::{Called, Counters, free_text, read_citation, read_citations, read_finish};
use super::opaque::OpaqueBlock;
use crate::codec::{DecodeError, DecodeStream, Plan, new_id};
use crate::json::{self, Value};

/// Reads a provider's stream.
#[derive(Debug)]
pub struct Decoder {
    plan: Plan,
    has_started: bool,
    has_ended: bool,
    /// The next block's number.
    next: u32,
    /// Blocks that are open: one, from Anthropic.
    open: Vec<Slot>,
    called: Called,
    counters: Counters,
    usage: Usage,
    finish: Option<Finish>,
    /// Words that came where structured output is expected through a tool: they introduce it and are no part of it, unless
    /// it does not come.
    held: String,
}

#[derive(Debug)]
struct Slot {
    /// The number on the wire.
    wire: u64,
    /// Our own.
    index: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thinking,
    /// A call, with the input that its start had and whether there was a piece of input since.
    Call {
        preset: Option<String>,
        has_input: bool,
    },
    /// A call of a function that stands for a tool with free text, with its arguments so far.
    Custom(String),
    /// The tool that stands for structured output.
    Json {
        preset: Option<String>,
        has_input: bool,
    },
    Opaque(OpaqueBlock),
    /// Words that wait for what follows.
    Held(String),
    /// Emitted already.
    Done,
    /// Structured output once more.
    Ignored,
}

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            has_started: false,
            has_ended: false,
            next: 0,
            open: Vec::new(),
            called: Called::default(),
            counters: Counters::default(),
            usage: Usage::default(),
            finish: None,
            held: String::new(),
        }
    }

    fn start(&mut self, message: Option<&Value<'_>>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_started, true) {
            let member = |name: &str| message.and_then(|message| message.string(name));
            out.push(Event::Start { id: member("id"), model: member("model"), created: None });
        }
        self.usage(message.and_then(|message| message.get("usage")), out);
    }

    fn usage(&mut self, usage: Option<&Value<'_>>, out: &mut Vec<Event>) {
        let Some(usage) = usage else { return };
        self.counters.update(usage);
        let counted = self.counters.usage();
        if counted != self.usage {
            self.usage = counted;
            out.push(Event::Usage(counted));
        }
        out.extend(usage_extras(usage).map(Event::Extra));
    }

    fn block_start(&mut self, event: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        const MAX_OPEN: usize = 1024;
        let (Some(wire), Some(block)) = (event.u64("index"), event.get("content_block")) else {
            return Err(DecodeError::Invalid("a block without a number or content"));
        };
        self.start(None, out);
        self.close(wire, out);
        if self.open.len() >= MAX_OPEN {
            return Err(DecodeError::Invalid("too many open blocks"));
        }
        let is_json = self.plan.json_tool.is_some() && block.str("name") == self.plan.json_tool.as_deref();
        if block.str("type") == Some("tool_use") && !is_json {
            self.release(out);
        }
        let index = self.next;
        let kind = self.open_block(index, block, out);
        // A block that is shown when it is whole has its number then.
        if !matches!(kind, Kind::Opaque(_) | Kind::Held(_) | Kind::Ignored) {
            self.next = self.next.saturating_add(1);
        }
        self.open.push(Slot { wire, index, kind });
        Ok(())
    }

    fn open_block(&mut self, index: u32, block: &Value<'_>, out: &mut Vec<Event>) -> Kind {
        let open = |block: OpenBlock| Event::Open { index, choice: 0, block };
        let text = |name: &str| block.str(name).filter(|text| !text.is_empty());
        match (block.str("type"), block.str("name")) {
            (Some("text"), _) if self.plan.json_tool.is_some() => {
                Kind::Held(text("text").unwrap_or_default().to_owned())
            }
            (Some("text"), _) => {
                out.push(open(OpenBlock::Text));
                out.extend(text("text").map(|text| delta(index, Delta::Text(text.to_owned()))));
                out.extend(read_citations(block).into_iter().map(|citation| delta(index, Delta::Citation(citation))));
                Kind::Text
            }
            (Some("thinking"), _) => {
                out.push(open(OpenBlock::Thinking { summary: false, id: None }));
                out.extend(text("thinking").map(|text| delta(index, Delta::Text(text.to_owned()))));
                out.extend(text("signature").map(|text| delta(index, Delta::Signature(opened(text)))));
                Kind::Thinking
            }
            (Some("redacted_thinking"), _) => {
                let signature = block.str("data").map(opened);
                let block = Block::Thinking(Thinking { signature, redacted: true, ..Thinking::default() });
                out.push(Event::Whole { index, choice: 0, block });
                Kind::Done
            }
            (Some("tool_use"), Some(name)) => self.open_call(index, block, name, out),
            _ => Kind::Opaque(OpaqueBlock::new(block)),
        }
    }

    fn open_call(&mut self, index: u32, block: &Value<'_>, name: &str, out: &mut Vec<Event>) -> Kind {
        let preset = block.get("input").filter(|input| input.present().next().is_some());
        let preset = preset.map(|input| input.raw().to_owned());
        if self.plan.json_tool.as_deref() == Some(name) {
            if std::mem::replace(&mut self.called.json_tool, true) {
                return Kind::Ignored;
            }
            self.held.clear();
            out.push(Event::Open { index, choice: 0, block: OpenBlock::Text });
            return Kind::Json { preset, has_input: false };
        }
        self.called.tool = true;
        let is_custom = self.plan.custom_tools.iter().any(|custom| custom == name);
        let id = block.string("id").filter(|id| !id.is_empty()).unwrap_or_else(|| new_id("toolu_"));
        let kind = if is_custom { ToolKind::Custom } else { ToolKind::Function };
        let call = OpenBlock::ToolCall { id, name: name.to_owned(), kind };
        out.push(Event::Open { index, choice: 0, block: call });
        if is_custom { Kind::Custom(preset.unwrap_or_default()) } else { Kind::Call { preset, has_input: false } }
    }

    fn block_delta(&mut self, event: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        const MAX_KEPT: usize = 32 << 20;
        let (Some(wire), Some(piece)) = (event.u64("index"), event.get("delta")) else {
            return Err(DecodeError::Invalid("a piece without a number or content"));
        };
        let slot = self.open.iter_mut().find(|slot| slot.wire == wire);
        let slot = slot.ok_or(DecodeError::Invalid("a piece of a block that is not open"))?;
        let index = slot.index;
        let text = |name: &str| piece.str(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let more = match (&mut slot.kind, piece.str("type")) {
            (Kind::Opaque(block), _) => {
                block.delta(piece).ok_or(DecodeError::Invalid("a block is too large"))?;
                None
            }
            (Kind::Text, Some("text_delta")) => text("text").map(Delta::Text),
            (Kind::Text, Some("citations_delta")) => {
                piece.get("citation").map(|citation| Delta::Citation(read_citation(citation)))
            }
            (Kind::Thinking, Some("thinking_delta")) => text("thinking").map(Delta::Text),
            (Kind::Thinking, Some("signature_delta")) => text("signature").map(|text| Delta::Signature(opened(&text))),
            (Kind::Call { has_input, .. }, Some("input_json_delta")) => {
                let more = text("partial_json").map(Delta::Arguments);
                *has_input |= more.is_some();
                more
            }
            (Kind::Json { has_input, .. }, Some("input_json_delta")) => {
                let more = text("partial_json").map(Delta::Text);
                *has_input |= more.is_some();
                more
            }
            (Kind::Custom(arguments), Some("input_json_delta")) => {
                arguments.push_str(piece.str("partial_json").unwrap_or_default());
                if arguments.len() > MAX_KEPT {
                    return Err(DecodeError::Invalid("a block is too large"));
                }
                None
            }
            (Kind::Held(words), Some("text_delta")) => {
                words.push_str(piece.str("text").unwrap_or_default());
                if words.len() + self.held.len() > MAX_KEPT {
                    return Err(DecodeError::Invalid("a block is too large"));
                }
                None
            }
            _ => None,
        };
        out.extend(more.map(|more| delta(index, more)));
        Ok(())
    }

    fn close(&mut self, wire: u64, out: &mut Vec<Event>) {
        if let Some(at) = self.open.iter().position(|slot| slot.wire == wire) {
            let slot = self.open.remove(at);
            self.close_slot(slot, out);
        }
    }

    fn close_slot(&mut self, slot: Slot, out: &mut Vec<Event>) {
        match slot.kind {
            Kind::Held(words) if self.held.is_empty() => self.held = words,
            Kind::Held(words) => self.held.push_str(&words),
            _ => close(slot, &mut self.next, out),
        }
    }

    /// Lets words go that were held back, unless structured output has come, which they only introduce.
    fn release(&mut self, out: &mut Vec<Event>) {
        let words = std::mem::take(&mut self.held);
        if words.is_empty() || self.called.json_tool {
            return;
        }
        let index = self.next;
        self.next = self.next.saturating_add(1);
        out.push(Event::Open { index, choice: 0, block: OpenBlock::Text });
        out.push(delta(index, Delta::Text(words)));
        out.push(Event::Close { index });
    }

    fn message_delta(&mut self, event: &Value<'_>, out: &mut Vec<Event>) {
        self.start(None, out);
        self.usage(event.get("usage"), out);
        for name in EXTRAS {
            let member = event.get("delta").and_then(|delta| delta.get(name)).or_else(|| event.get(name));
            out.extend(member.map(|member| Event::Extra(extra(name, member))));
        }
        let Some(delta) = event.get("delta") else { return };
        let Some(word) = delta.str("stop_reason") else { return };
        let finish = read_finish(Some(word), delta.str("stop_sequence"), self.called);
        if let Some(words) = refusal(&finish, delta.get("stop_details")).filter(|_| self.finish.is_none()) {
            self.close_all(out);
            let index = self.next;
            self.next = self.next.saturating_add(1);
            out.push(Event::Open { index, choice: 0, block: OpenBlock::Refusal });
            out.push(Event::Delta { index, delta: Delta::Text(words) });
            out.push(Event::Close { index });
        }
        self.finish = Some(finish);
    }

    fn close_all(&mut self, out: &mut Vec<Event>) {
        for slot in std::mem::take(&mut self.open) {
            self.close_slot(slot, out);
        }
        self.release(out);
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        self.start(None, out);
        self.close_all(out);
        let finish = self.finish.take().unwrap_or_else(|| read_finish(None, None, self.called));
        out.push(Event::Finish { choice: 0, finish });
        out.push(Event::End);
    }
}

fn delta(index: u32, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

fn close(slot: Slot, next: &mut u32, out: &mut Vec<Event>) {
    let index = slot.index;
    match slot.kind {
        Kind::Done | Kind::Ignored | Kind::Held(_) => return,
        Kind::Opaque(block) => {
            if let Some(block) = block.finish() {
                out.push(Event::Whole { index: *next, choice: 0, block });
                *next = next.saturating_add(1);
            }
            return;
        }
        // A call without arguments comes with no piece of input, or an empty one.
        Kind::Call { preset, has_input: false } => {
            out.push(delta(index, Delta::Arguments(preset.unwrap_or_else(|| "{}".to_owned()))));
        }
        Kind::Json { preset, has_input: false } => {
            out.push(delta(index, Delta::Text(preset.unwrap_or_else(|| "{}".to_owned()))));
        }
        Kind::Custom(arguments) => {
            let text = free_text(&arguments);
            out.extend((!text.is_empty()).then(|| delta(index, Delta::Arguments(text))));
        }
        Kind::Text | Kind::Thinking | Kind::Call { .. } | Kind::Json { .. } => {}
    }
    out.push(Event::Close { index });
}

impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.has_ended || data == b"[DONE]" {
            return Ok(());
        }
        let event = json::parse(data).map_err(|_| DecodeError::Invalid("an event is not JSON"))?;
        match event.str("type") {
            Some("content_block_delta") => self.block_delta(&event, out)?,
            Some("content_block_start") => self.block_start(&event, out)?,
            Some("content_block_stop") => {
                let wire = event.u64("index").ok_or(DecodeError::Invalid("a block without a number"))?;
                self.close(wire, out);
            }
            Some("message_start") => self.start(event.get("message"), out),
            Some("message_delta") => self.message_delta(&event, out),
            Some("message_stop") => self.end(out),
            Some("error") => return Err(DecodeError::Upstream(Bytes::copy_from_slice(data))),
            _ if event.get("error").is_some() => return Err(DecodeError::Upstream(Bytes::copy_from_slice(data))),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if !self.has_ended && self.finish.is_none() {
            return Err(DecodeError::Invalid("the stream ended before the message did"));
        }
        self.end(out);
        Ok(())
    }
}
