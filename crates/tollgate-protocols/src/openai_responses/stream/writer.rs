//! The events of a client's stream, numbered.

use tollgate_core::Usage;
use tollgate_core::ir::FinishReason;

use super::super::request::write_annotations;
use super::super::response::{Envelope, Item, Part, Status, response_id, write_logprobs};
use crate::codec::Echo;
use crate::json::{self, Object};

/// Writes events with their numbers.
#[derive(Debug)]
pub(super) struct Writer {
    echo: Echo,
    started: bool,
    id: String,
    model: Option<String>,
    created: u64,
    sequence: u64,
    /// The output's items that are complete, by their place.
    output: Vec<Option<String>>,
}

impl Writer {
    pub(super) fn new(echo: Echo) -> Self {
        let created = echo.now;
        Self { echo, started: false, id: String::new(), model: None, created, sequence: 0, output: Vec::new() }
    }

    fn event(&mut self, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let from = out.len();
        json::append_object(out, |o| {
            o.string("type", kind);
            o.uint("sequence_number", self.sequence);
            members(o);
        });
        json::one_line(out, from);
        out.extend_from_slice(b"\n\n");
        self.sequence += 1;
    }

    /// Begins the response if that was not done.
    pub(super) fn start(&mut self, id: Option<&str>, model: Option<&str>, created: Option<u64>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.id = response_id(&self.echo, id);
        self.model = model.map(str::to_owned);
        self.created = created.unwrap_or(self.echo.now);
        let background = self.echo.prompt.extra("background") == Some("true");
        let first = if background { Status::Queued } else { Status::InProgress };
        self.snapshot("response.created", first, None, out);
        if background {
            self.snapshot("response.queued", Status::Queued, None, out);
        }
        self.snapshot("response.in_progress", Status::InProgress, None, out);
    }

    /// Ends the response.
    pub(super) fn end(&mut self, status: Status, usage: Option<&Usage>, out: &mut Vec<u8>) {
        let kind = match status {
            Status::Ended(FinishReason::Length | FinishReason::ContentFilter) => "response.incomplete",
            _ => "response.completed",
        };
        self.snapshot(kind, status, usage, out);
    }

    fn snapshot(&mut self, kind: &str, status: Status, usage: Option<&Usage>, out: &mut Vec<u8>) {
        let echo = self.echo.clone();
        let (id, model, output) = (self.id.clone(), self.model.clone(), std::mem::take(&mut self.output));
        let envelope = Envelope {
            echo: &echo,
            id: &id,
            model: model.as_deref().unwrap_or(&echo.model),
            created: self.created,
            status,
            usage,
            service_tier: None,
        };
        self.event(kind, out, |o| {
            o.object("response", |o| envelope.write(o, output.iter().flatten().map(String::as_str)));
        });
        self.output = output;
    }

    pub(super) fn item_added(&mut self, at: usize, item: &Item, out: &mut Vec<u8>) {
        self.output.resize(at + 1, None);
        self.event("response.output_item.added", out, |o| {
            o.uint("output_index", at as u64);
            match item {
                Item::Raw(json) => o.object("item", |o| write_begun(o, json)),
                item => o.object("item", |o| item.write(o, "in_progress")),
            }
        });
    }

    /// The events that end an item, with its whole values.
    pub(super) fn item_done(&mut self, at: usize, item: &Item, status: &str, out: &mut Vec<u8>) {
        match item {
            Item::Message { id, parts } => {
                for (number, part) in parts.iter().enumerate() {
                    self.part_done(id, (at, number), part, out);
                }
            }
            Item::Call { id, name, arguments, kind, .. } => {
                if *kind == tollgate_core::ir::ToolKind::Custom {
                    self.item_event("response.custom_tool_call_input.done", id, at, out, |o| {
                        o.string("input", arguments);
                    });
                } else {
                    self.item_event("response.function_call_arguments.done", id, at, out, |o| {
                        o.string("name", name);
                        o.string("arguments", arguments);
                    });
                }
            }
            Item::Reasoning { id, text, summary, .. } if !text.is_empty() => {
                self.thoughts_done(id, at, *summary, text, out);
            }
            Item::Reasoning { .. } | Item::Raw(_) => {}
        }
        let json = item.text(status);
        self.event("response.output_item.done", out, |o| {
            o.uint("output_index", at as u64);
            o.raw("item", &json);
        });
        if let Some(place) = self.output.get_mut(at) {
            *place = Some(json);
        }
    }

    /// An event about an item.
    fn item_event(
        &mut self,
        kind: &str,
        id: &str,
        at: usize,
        out: &mut Vec<u8>,
        members: impl FnOnce(&mut Object<'_>),
    ) {
        self.event(kind, out, |o| {
            o.string("item_id", id);
            o.uint("output_index", at as u64);
            members(o);
        });
    }

    pub(super) fn part_added(&mut self, id: &str, (at, number): (usize, usize), part: &Part, out: &mut Vec<u8>) {
        self.item_event("response.content_part.added", id, at, out, |o| {
            o.uint("content_index", number as u64);
            o.object("part", |o| part.write(o));
        });
    }

    pub(super) fn part_delta(
        &mut self,
        id: &str,
        (at, number): (usize, usize),
        refusal: bool,
        delta: &str,
        out: &mut Vec<u8>,
    ) {
        let kind = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        self.item_event(kind, id, at, out, |o| {
            o.uint("content_index", number as u64);
            o.string("delta", delta);
            if !refusal {
                o.array("logprobs", |_| {});
            }
        });
    }

    /// Says where words come from; the citation is the part's last.
    pub(super) fn annotation(&mut self, id: &str, (at, number): (usize, usize), part: &Part, out: &mut Vec<u8>) {
        let Some(last) = part.citations.len().checked_sub(1) else { return };
        let length = part.text.chars().count() as u64;
        let citations = part.citations.get(last..).unwrap_or_default();
        let annotation = json::array_text(|a| write_annotations(a, citations, part.before, length));
        let Some(annotation) = annotation.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else { return };
        self.item_event("response.output_text.annotation.added", id, at, out, |o| {
            o.uint("content_index", number as u64);
            o.uint("annotation_index", last as u64);
            o.raw("annotation", annotation);
        });
    }

    fn part_done(&mut self, id: &str, (at, number): (usize, usize), part: &Part, out: &mut Vec<u8>) {
        let kind = if part.refusal { "response.refusal.done" } else { "response.output_text.done" };
        self.item_event(kind, id, at, out, |o| {
            o.uint("content_index", number as u64);
            if part.refusal {
                o.string("refusal", &part.text);
            } else {
                o.string("text", &part.text);
                o.array("logprobs", |a| part.logprobs.iter().for_each(|logprobs| write_logprobs(a, logprobs)));
            }
        });
        self.item_event("response.content_part.done", id, at, out, |o| {
            o.uint("content_index", number as u64);
            o.object("part", |o| part.write(o));
        });
    }

    pub(super) fn arguments_delta(&mut self, id: &str, at: usize, custom: bool, delta: &str, out: &mut Vec<u8>) {
        let kind =
            if custom { "response.custom_tool_call_input.delta" } else { "response.function_call_arguments.delta" };
        self.item_event(kind, id, at, out, |o| o.string("delta", delta));
    }

    /// Begins the one part of a reasoning item.
    pub(super) fn thoughts_added(&mut self, id: &str, at: usize, summary: bool, out: &mut Vec<u8>) {
        let kind = if summary { "response.reasoning_summary_part.added" } else { "response.content_part.added" };
        self.item_event(kind, id, at, out, |o| write_thoughts(o, summary, Some("")));
    }

    pub(super) fn thoughts_delta(&mut self, id: &str, at: usize, summary: bool, delta: &str, out: &mut Vec<u8>) {
        let kind = if summary { "response.reasoning_summary_text.delta" } else { "response.reasoning_text.delta" };
        self.item_event(kind, id, at, out, |o| {
            write_thoughts(o, summary, None);
            o.string("delta", delta);
        });
    }

    fn thoughts_done(&mut self, id: &str, at: usize, summary: bool, text: &str, out: &mut Vec<u8>) {
        let (words, part) = if summary {
            ("response.reasoning_summary_text.done", "response.reasoning_summary_part.done")
        } else {
            ("response.reasoning_text.done", "response.content_part.done")
        };
        self.item_event(words, id, at, out, |o| {
            write_thoughts(o, summary, None);
            o.string("text", text);
        });
        self.item_event(part, id, at, out, |o| write_thoughts(o, summary, Some(text)));
    }
}

/// A complete item as it was when it began; programs are never in progress.
fn write_begun(o: &mut Object<'_>, text: &str) {
    let Ok(item) = json::parse(text.as_bytes()) else { return };
    let begins = item.str("type").is_some_and(|kind| !kind.starts_with("program"));
    for (name, value) in item.members() {
        match name {
            "status" if begins => o.string(name, "in_progress"),
            _ => o.raw(name, value.raw()),
        }
    }
}

/// The place of thoughts in their item, and the part itself if it is wanted.
fn write_thoughts(o: &mut Object<'_>, summary: bool, part: Option<&str>) {
    o.uint(if summary { "summary_index" } else { "content_index" }, 0);
    if let Some(text) = part {
        o.object("part", |o| {
            o.string("type", if summary { "summary_text" } else { "reasoning_text" });
            o.string("text", text);
        });
    }
}
