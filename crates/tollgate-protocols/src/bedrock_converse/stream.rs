//! Streams of AWS Bedrock Converse: binary frames, which come here as `{"EVENT_TYPE": PAYLOAD}`.
//!
//! Recorded streams leave events out: text has no `contentBlockStart`, some blocks no `contentBlockStop`, and usage comes
//! after `messageStop` or not at all. So blocks open when their first piece comes, `messageStop` closes them, and the end
//! is held back until `metadata` or the end of the body.

use tollgate_core::Usage;
use tollgate_core::ir::{
    Block, Citation, Delta, Event, Extra, Finish, FinishReason, Media, MediaKind, OpenBlock, Origin, Signature, Source,
    Thinking, ToolKind,
};

use super::error::exception;
use super::response::{citation, malformed};
use super::types::{finish, image_mime, is_malformed};
use crate::codec::{DecodeError, DecodeStream, Plan, custom_input, new_id};
use crate::json::{self, Value};
use crate::usage;

/// More blocks open at once than any model writes.
const MAX_OPEN: usize = 256;

/// Reads a provider's stream.
#[derive(Debug)]
pub struct Decoder {
    plan: Plan,
    started: bool,
    ended: bool,
    next: u32,
    open: Vec<Open>,
    has_calls: bool,
    has_content: bool,
    finish: Option<Finish>,
    has_metadata: bool,
    /// Words that came where structured output is expected through a tool: they introduce it and are no part of it, unless
    /// nothing else comes.
    held: String,
}

/// A block that was begun, under its number on the wire.
#[derive(Debug)]
struct Open {
    wire: u64,
    index: u32,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Text,
    Thinking,
    /// Whether any arguments came.
    Call(bool),
    /// A function that stands for a tool with free text, which is known only when its arguments are whole.
    Custom(String),
    /// The tool that stands for structured output.
    Json,
    /// A picture's media type.
    Image(Option<&'static str>),
    /// A result of a tool of the provider's.
    Ignored,
}

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            started: false,
            ended: false,
            next: 0,
            open: Vec::new(),
            has_calls: false,
            has_content: false,
            finish: None,
            has_metadata: false,
            held: String::new(),
        }
    }

    fn start(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: None, model: None, created: None });
        }
    }

    fn block_start(&mut self, payload: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let wire = payload.u64("contentBlockIndex").unwrap_or(0);
        let Some(start) = payload.get("start") else { return Ok(()) };
        self.close(wire, out, true);
        if let Some(call) = start.get("toolUse") {
            return self.open_call(wire, call, out);
        }
        if let Some(image) = start.get("image") {
            let mime = image.str("format").and_then(image_mime);
            return self.push(wire, Kind::Image(mime)).map(|_| ());
        }
        if start.get("toolResult").is_some() {
            return self.push(wire, Kind::Ignored).map(|_| ());
        }
        Ok(())
    }

    fn open_call(&mut self, wire: u64, call: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let name = call.string("name").unwrap_or_default();
        if call.str("type") == Some("server_tool_use") {
            return self.push(wire, Kind::Ignored).map(|_| ());
        }
        if self.plan.json_tool.as_ref() == Some(&name) {
            self.held.clear();
            let index = self.push(wire, Kind::Json)?;
            out.push(Event::Open { index, choice: 0, block: OpenBlock::Text });
            return Ok(());
        }
        self.release(out);
        let is_custom = self.plan.custom_tools.contains(&name);
        let index = self.push(wire, if is_custom { Kind::Custom(String::new()) } else { Kind::Call(false) })?;
        self.has_calls = true;
        let id = call.string("toolUseId").filter(|id| !id.is_empty()).unwrap_or_else(|| new_id("tooluse_"));
        let kind = if is_custom { ToolKind::Custom } else { ToolKind::Function };
        out.push(Event::Open { index, choice: 0, block: OpenBlock::ToolCall { id, name, kind } });
        Ok(())
    }

    fn push(&mut self, wire: u64, kind: Kind) -> Result<u32, DecodeError> {
        if self.open.len() >= MAX_OPEN {
            return Err(DecodeError::Invalid("too many blocks are open"));
        }
        let index = self.next;
        // A block that the client does not see has no number.
        if !matches!(kind, Kind::Image(_) | Kind::Ignored) {
            self.next += 1;
            self.has_content = true;
        }
        self.open.push(Open { wire, index, kind });
        Ok(index)
    }

    fn delta(&mut self, payload: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let wire = payload.u64("contentBlockIndex").unwrap_or(0);
        let Some(delta) = payload.get("delta") else { return Ok(()) };
        if let Some(text) = delta.str("text") {
            if self.plan.json_tool.is_some() {
                self.held.push_str(text);
                return Ok(());
            }
            return if text.is_empty() {
                Ok(())
            } else {
                self.more(wire, Kind::Text, Delta::Text(text.to_owned()), out)
            };
        }
        if let Some(call) = delta.get("toolUse") {
            return self.arguments(wire, call.str("input").unwrap_or_default(), out);
        }
        if let Some(reasoning) = delta.get("reasoningContent") {
            return self.reasoning(wire, reasoning, out);
        }
        if let Some(cited) = delta.get("citation") {
            let citation = Citation { start: None, ..citation(cited) };
            return self.more(wire, Kind::Text, Delta::Citation(citation), out);
        }
        if let Some(data) = delta.get("image").and_then(|image| image.get("source")).and_then(|s| s.string("bytes")) {
            self.image(wire, data, out);
        }
        Ok(())
    }

    /// Adds to a block of words or thoughts, which begins here if it has not begun.
    fn more(&mut self, wire: u64, kind: Kind, delta: Delta, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if let Some(open) = self.open.iter().find(|open| open.wire == wire && open.kind == kind) {
            out.push(Event::Delta { index: open.index, delta });
            return Ok(());
        }
        self.close(wire, out, true);
        let block = match kind {
            Kind::Thinking => OpenBlock::Thinking { summary: false, id: None },
            _ => OpenBlock::Text,
        };
        let index = self.push(wire, kind)?;
        out.push(Event::Open { index, choice: 0, block });
        out.push(Event::Delta { index, delta });
        Ok(())
    }

    fn arguments(&mut self, wire: u64, input: &str, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(open) = self.open.iter_mut().find(|open| open.wire == wire) else {
            return Err(DecodeError::Invalid("arguments without the call that they belong to"));
        };
        let index = open.index;
        match &mut open.kind {
            _ if input.is_empty() => {}
            Kind::Call(any) => {
                *any = true;
                out.push(Event::Delta { index, delta: Delta::Arguments(input.to_owned()) });
            }
            Kind::Custom(arguments) => arguments.push_str(input),
            Kind::Json => out.push(Event::Delta { index, delta: Delta::Text(input.to_owned()) }),
            Kind::Ignored => {}
            _ => return Err(DecodeError::Invalid("arguments in a block that is no call")),
        }
        Ok(())
    }

    fn reasoning(&mut self, wire: u64, reasoning: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let sign = |value: &str| Signature { origin: Origin::Anthropic, value: value.to_owned() };
        if let Some(text) = reasoning.str("text").filter(|text| !text.is_empty()) {
            self.more(wire, Kind::Thinking, Delta::Text(text.to_owned()), out)?;
        }
        if let Some(signature) = reasoning.str("signature").filter(|signature| !signature.is_empty()) {
            self.more(wire, Kind::Thinking, Delta::Signature(sign(signature)), out)?;
        }
        if let Some(data) = reasoning.str("redactedContent") {
            let thinking = Thinking { redacted: true, signature: Some(sign(data)), ..Thinking::default() };
            self.whole(Block::Thinking(thinking), out);
        }
        Ok(())
    }

    fn image(&mut self, wire: u64, data: String, out: &mut Vec<Event>) {
        let mime = self.open.iter().find(|open| open.wire == wire).and_then(|open| match open.kind {
            Kind::Image(mime) => mime,
            _ => None,
        });
        let media = Media { mime: mime.map(str::to_owned), ..Media::new(MediaKind::Image, Source::Base64(data)) };
        self.whole(Block::Media(media), out);
    }

    fn whole(&mut self, block: Block, out: &mut Vec<Event>) {
        out.push(Event::Whole { index: self.next, choice: 0, block });
        self.next += 1;
        self.has_content = true;
    }

    /// Gives out the words that were held back.
    fn release(&mut self, out: &mut Vec<Event>) {
        let text = std::mem::take(&mut self.held);
        if !text.is_empty() {
            let index = self.next;
            self.next += 1;
            self.has_content = true;
            out.push(Event::Open { index, choice: 0, block: OpenBlock::Text });
            out.push(Event::Delta { index, delta: Delta::Text(text) });
            out.push(Event::Close { index });
        }
    }

    /// Closes a block if it is open. A call that came to its own end without arguments has none; one that was cut off may
    /// have had some.
    fn close(&mut self, wire: u64, out: &mut Vec<Event>, is_complete: bool) {
        if let Some(at) = self.open.iter().position(|open| open.wire == wire) {
            let open = self.open.remove(at);
            close_block(open, out, is_complete);
        }
    }

    fn message_stop(&mut self, payload: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.release(out);
        let word = payload.str("stopReason").unwrap_or_default();
        if is_malformed(word) && !self.has_content {
            return Err(malformed(word));
        }
        let mut ended = finish(word, self.has_calls);
        for open in std::mem::take(&mut self.open) {
            close_block(open, out, ended.reason != FinishReason::Length);
        }
        if self.plan.json_tool.is_some() && ended.reason == FinishReason::ToolCalls && !self.has_calls {
            ended.reason = FinishReason::Stop;
        }
        if let Some(fields) = payload.get("additionalModelResponseFields") {
            ended.stop_sequence = fields.string("stop_sequence");
            extra("additionalModelResponseFields", fields, out);
        }
        self.finish.get_or_insert(ended);
        if self.has_metadata {
            self.end(out);
        }
        Ok(())
    }

    fn metadata(&mut self, payload: &Value<'_>, out: &mut Vec<Event>) {
        self.has_metadata = true;
        let counts: Option<Usage> = payload.get("usage").and_then(|counts| usage::parse(counts.raw().as_bytes()));
        out.extend(counts.map(Event::Usage));
        for name in ["trace", "performanceConfig", "serviceTier"] {
            if let Some(value) = payload.get(name) {
                extra(name, value, out);
            }
        }
        if self.finish.is_some() {
            self.end(out);
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if let Some(finish) = self.finish.take() {
            out.push(Event::Finish { choice: 0, finish });
            out.push(Event::End);
            self.ended = true;
        }
    }
}

fn extra(name: &str, value: &Value<'_>, out: &mut Vec<Event>) {
    out.push(Event::Extra(Extra { name: name.to_owned(), json: value.raw().to_owned() }));
}

fn close_block(open: Open, out: &mut Vec<Event>, is_complete: bool) {
    let index = open.index;
    match open.kind {
        Kind::Image(_) | Kind::Ignored => return,
        Kind::Call(false) if is_complete => {
            out.push(Event::Delta { index, delta: Delta::Arguments("{}".to_owned()) });
        }
        Kind::Custom(arguments) if !arguments.is_empty() => {
            let input = custom_input(&arguments);
            if !input.is_empty() {
                out.push(Event::Delta { index, delta: Delta::Arguments(input) });
            }
        }
        _ => {}
    }
    out.push(Event::Close { index });
}

impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended {
            return Ok(());
        }
        let value = json::parse(data).map_err(|_| DecodeError::Invalid("an event is no JSON"))?;
        let Some((name, payload)) = value.members().next() else {
            return Err(DecodeError::Invalid("an event without a type"));
        };
        if name.ends_with("Exception") || name.ends_with("Error") {
            return Err(DecodeError::Upstream(exception(name, payload.raw().as_bytes())));
        }
        self.start(out);
        match name {
            // Only counts may follow the message's end.
            _ if self.finish.is_some() && name != "metadata" => Ok(()),
            "contentBlockStart" => self.block_start(payload, out),
            "contentBlockDelta" => self.delta(payload, out),
            "contentBlockStop" => {
                self.close(payload.u64("contentBlockIndex").unwrap_or(0), out, true);
                Ok(())
            }
            "messageStop" => self.message_stop(payload, out),
            "metadata" => {
                self.metadata(payload, out);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.end(out);
        if self.ended { Ok(()) } else { Err(DecodeError::Invalid("the stream ended before its message did")) }
    }
}
