//! Streams of Cohere's v2 chat: server-sent events whose data have a `type`.

use bytes::Bytes;
use tollgate_core::ir::{Delta, Event, OpenBlock, ToolKind};

use super::error::failed;
use super::response::extra;
use super::types::{citation, counts, finish, is_failure};
use crate::codec::{DecodeError, DecodeStream, Plan, custom_input, new_id};
use crate::json::{self, Value};

/// Reads a provider's stream.
#[derive(Debug)]
pub struct Decoder {
    plan: Plan,
    started: bool,
    ended: bool,
    next: u32,
    open: Option<Open>,
    has_calls: bool,
}

/// The block that is being written. Text stays open beyond its own end, since citations of it may follow.
#[derive(Debug)]
struct Open {
    index: u32,
    /// Its number on the wire; content and calls are numbered apart.
    wire: u64,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Text,
    Thinking,
    ToolPlan,
    /// Whether any arguments came.
    Call(bool),
    /// A function that stands for a tool with free text, which is known only when its arguments are whole.
    Custom(String),
}

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), started: false, ended: false, next: 0, open: None, has_calls: false }
    }

    fn start(&mut self, id: Option<String>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id, model: None, created: None });
        }
    }

    /// The number of the block that words belong to, which begins here unless it is open.
    fn block(&mut self, wire: u64, kind: Kind, out: &mut Vec<Event>) -> u32 {
        if let Some(open) = &self.open
            && open.wire == wire
            && open.kind == kind
        {
            return open.index;
        }
        let block = match kind {
            Kind::Thinking | Kind::ToolPlan => OpenBlock::Thinking { summary: false, id: None },
            _ => OpenBlock::Text,
        };
        self.begin(wire, kind, block, out)
    }

    fn begin(&mut self, wire: u64, kind: Kind, block: OpenBlock, out: &mut Vec<Event>) -> u32 {
        self.close(out, true);
        let index = self.next;
        self.next += 1;
        out.push(Event::Open { index, choice: 0, block });
        self.open = Some(Open { index, wire, kind });
        index
    }

    fn content(&mut self, wire: u64, content: &Value<'_>, out: &mut Vec<Event>) {
        for (kind, text) in [(Kind::Thinking, content.str("thinking")), (Kind::Text, content.str("text"))] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                let index = self.block(wire, kind, out);
                out.push(Event::Delta { index, delta: Delta::Text(text.to_owned()) });
            }
        }
    }

    fn call(&mut self, wire: u64, call: &Value<'_>, out: &mut Vec<Event>) {
        let function = call.get("function");
        let name = function.and_then(|function| function.string("name")).unwrap_or_default();
        let id = call.string("id").filter(|id| !id.is_empty()).unwrap_or_else(|| new_id("call_"));
        let is_custom = self.plan.custom_tools.contains(&name);
        let (kind, tool) = if is_custom {
            (Kind::Custom(String::new()), ToolKind::Custom)
        } else {
            (Kind::Call(false), ToolKind::Function)
        };
        self.has_calls = true;
        self.begin(wire, kind, OpenBlock::ToolCall { id, name, kind: tool }, out);
        self.arguments(call, out);
    }

    fn arguments(&mut self, call: &Value<'_>, out: &mut Vec<Event>) {
        let text = call.get("function").and_then(|function| function.str("arguments")).unwrap_or_default();
        let Some(open) = self.open.as_mut().filter(|_| !text.is_empty()) else { return };
        match &mut open.kind {
            Kind::Call(any) => {
                *any = true;
                out.push(Event::Delta { index: open.index, delta: Delta::Arguments(text.to_owned()) });
            }
            Kind::Custom(arguments) => arguments.push_str(text),
            _ => {}
        }
    }

    /// A call that came to its own end without arguments has none; one that was cut off may have had some.
    fn close(&mut self, out: &mut Vec<Event>, is_complete: bool) {
        let Some(open) = self.open.take() else { return };
        let index = open.index;
        let arguments = match open.kind {
            Kind::Call(false) if is_complete => "{}".to_owned(),
            Kind::Custom(arguments) => custom_input(&arguments),
            _ => String::new(),
        };
        if !arguments.is_empty() {
            out.push(Event::Delta { index, delta: Delta::Arguments(arguments) });
        }
        out.push(Event::Close { index });
    }

    fn message_end(&mut self, delta: Option<&Value<'_>>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let word = delta.and_then(|delta| delta.str("finish_reason")).unwrap_or_default();
        if is_failure(word) {
            let message = delta.and_then(|delta| delta.str("error"));
            return Err(DecodeError::Upstream(failed(word, message)));
        }
        self.close(out, word != "MAX_TOKENS");
        if let Some(usage) = delta.and_then(|delta| delta.get("usage")) {
            out.extend(usage.get("billed_units").map(|billed| Event::Extra(extra("usage.billed_units", billed))));
            out.extend(counts(usage).map(Event::Usage));
        }
        out.push(Event::Finish { choice: 0, finish: finish(word, self.has_calls) });
        out.push(Event::End);
        self.ended = true;
        Ok(())
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended || data == b"[DONE]" {
            return Ok(());
        }
        let value = json::parse(data).map_err(|_| DecodeError::Invalid("an event is no JSON"))?;
        let Some(kind) = value.str("type") else {
            if value.str("message").is_some() {
                return Err(DecodeError::Upstream(Bytes::copy_from_slice(data)));
            }
            return Err(DecodeError::Invalid("an event without a type"));
        };
        self.start(value.string("id").filter(|_| kind == "message-start"), out);
        let wire = value.u64("index").unwrap_or(0);
        let delta = value.get("delta");
        let message = delta.and_then(|delta| delta.get("message"));
        let member = |name: &str| message.and_then(|message| message.get(name));
        match kind {
            "content-start" | "content-delta" => {
                if let Some(content) = member("content") {
                    self.content(wire, content, out);
                }
            }
            "content-end" if self.open.as_ref().is_some_and(|open| open.kind == Kind::Thinking) => {
                self.close(out, true);
            }
            "tool-plan-delta" => {
                if let Some(text) = member("tool_plan").and_then(Value::as_str).filter(|text| !text.is_empty()) {
                    let index = self.block(0, Kind::ToolPlan, out);
                    out.push(Event::Delta { index, delta: Delta::Text(text.to_owned()) });
                }
            }
            "tool-call-start" => {
                if let Some(call) = member("tool_calls") {
                    self.call(wire, call, out);
                }
            }
            "tool-call-delta" => {
                if let Some(call) = member("tool_calls") {
                    self.arguments(call, out);
                }
            }
            "tool-call-end" => self.close(out, true),
            "citation-start" => {
                if let (Some(cited), Some(open)) = (member("citations"), &self.open)
                    && open.kind == Kind::Text
                {
                    out.push(Event::Delta { index: open.index, delta: Delta::Citation(citation(cited)) });
                }
            }
            "message-end" => return self.message_end(delta, out),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended { Ok(()) } else { Err(DecodeError::Invalid("the stream ended before its message did")) }
    }
}
