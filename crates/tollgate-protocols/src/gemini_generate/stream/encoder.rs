//! From events to a client's stream.

use std::collections::BTreeMap;

use tollgate_core::Usage;
use tollgate_core::ir::{Block, Citation, Delta, Event, Extra, Finish, OpenBlock, Text, Thinking, ToolCall};

use crate::codec::{Echo, EncodeStream};
use crate::gemini_generate::grounding::{write_citations, write_logprobs};
use crate::gemini_generate::parts::{sealed, write_text};
use crate::gemini_generate::render::{
    Head, block_feedback, finish_word, wants_thoughts, write_block, write_extras, write_usage,
};
use crate::json::{self, Array, Object};

/// Writes a client's stream: server-sent events, or the elements of one array where the client did not ask for events.
#[derive(Debug)]
pub struct Encoder {
    echo: Echo,
    head: Option<Head>,
    wants_thoughts: bool,
    array: bool,
    /// Whether an element of the array was written.
    wrote: bool,
    ended: bool,
    blocks: BTreeMap<u32, (u32, Block)>,
    choices: BTreeMap<u32, Ending>,
    usage: Option<Usage>,
    extras: Vec<Extra>,
}

/// What the last chunk says of a candidate.
#[derive(Debug, Default)]
struct Ending {
    finish: Option<Finish>,
    /// The text so far, to which citations refer.
    text: String,
    citations: Vec<Citation>,
    logprobs: Vec<String>,
    has_refused: bool,
    has_parts: bool,
}

/// More candidates than this are not told apart, so that no stream of events can make the writer grow.
const MAX_CHOICES: u32 = 127;

impl Encoder {
    /// A writer of one stream of server-sent events.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            wants_thoughts: wants_thoughts(&echo),
            echo,
            head: None,
            array: false,
            wrote: false,
            ended: false,
            blocks: BTreeMap::new(),
            choices: BTreeMap::new(),
            usage: None,
            extras: Vec::new(),
        }
    }

    /// Writes one JSON array instead, as the protocol does where the address does not say `alt=sse`.
    #[must_use]
    pub fn with_array(mut self) -> Self {
        self.array = true;
        self
    }

    fn ending(&mut self, choice: u32) -> &mut Ending {
        self.choices.entry(choice.min(MAX_CHOICES)).or_default()
    }

    fn chunk(&mut self, out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        let echo = &self.echo;
        let head = self.head.get_or_insert_with(|| Head::new(None, None, echo));
        let before: &[u8] = match (self.array, self.wrote) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\r\n",
        };
        out.extend_from_slice(before);
        let from = out.len();
        json::append_object(out, |o| {
            members(o);
            head.write(o);
        });
        json::one_line(out, from);
        if !self.array {
            out.extend_from_slice(b"\r\n\r\n");
        }
        self.wrote = true;
    }

    /// Writes a chunk with parts of one candidate.
    fn parts(&mut self, choice: u32, out: &mut Vec<u8>, parts: impl FnOnce(&mut Array<'_>)) {
        self.ending(choice).has_parts = true;
        self.chunk(out, |o| {
            o.array("candidates", |a| {
                a.object(|o| {
                    o.object("content", |o| {
                        o.array("parts", parts);
                        o.string("role", "model");
                    });
                    o.uint("index", u64::from(choice));
                });
            });
        });
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some((choice, block)) = self.blocks.get_mut(&index) else { return };
        let choice = *choice;
        match (block, delta) {
            (Block::Text(_), Delta::Text(more)) => {
                self.ending(choice).text.push_str(more);
                self.parts(choice, out, |a| a.object(|o| write_text(o, more, false, None)));
            }
            (Block::Text(_), Delta::Signature(signature)) => {
                let signature = sealed(signature, false);
                self.parts(choice, out, |a| a.object(|o| write_text(o, "", false, Some(&signature))));
            }
            (Block::Refusal(_), Delta::Text(more)) => {
                self.ending(choice).has_refused = true;
                self.parts(choice, out, |a| a.object(|o| write_text(o, more, false, None)));
            }
            (Block::Thinking(_), Delta::Text(more)) if self.wants_thoughts => {
                self.parts(choice, out, |a| a.object(|o| write_text(o, more, true, None)));
            }
            (Block::Thinking(thinking), Delta::Text(more)) => thinking.text.push_str(more),
            (Block::Thinking(thinking), Delta::Signature(signature)) => thinking.signature = Some(signature.clone()),
            (Block::ToolCall(call), Delta::Arguments(more)) => call.arguments.push_str(more),
            (Block::ToolCall(call), Delta::Signature(signature)) => call.signature = Some(signature.clone()),
            (_, Delta::Citation(citation)) => self.ending(choice).citations.push(citation.clone()),
            (_, Delta::Logprobs(logprobs)) => self.ending(choice).logprobs.push(logprobs.clone()),
            _ => {}
        }
    }

    /// Sends what was held back: calls, and signatures with the thoughts that were not sent.
    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some((choice, block)) = self.blocks.remove(&index) else { return };
        let is_held = match &block {
            Block::ToolCall(_) => true,
            Block::Thinking(thinking) => thinking.signature.is_some(),
            _ => false,
        };
        if is_held {
            let wants_thoughts = self.wants_thoughts;
            self.parts(choice, out, |a| write_block(&block, wants_thoughts, a));
        }
    }

    fn whole(&mut self, choice: u32, block: &Block, out: &mut Vec<u8>) {
        let parts = json::array_text(|a| write_block(block, self.wants_thoughts, a));
        if parts != "[]" {
            let part = parts.get(1..parts.len() - 1).unwrap_or_default();
            self.parts(choice, out, |a| a.raw(part));
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        for index in self.blocks.keys().copied().collect::<Vec<_>>() {
            self.close(index, out);
        }
        let choices = std::mem::take(&mut self.choices);
        let extras = std::mem::take(&mut self.extras);
        let usage = self.usage;
        let is_blocked = block_feedback(&extras).is_some() && !choices.values().any(|choice| choice.has_parts);
        self.chunk(out, |o| {
            if !is_blocked {
                o.array("candidates", |a| {
                    choices.iter().for_each(|(index, ending)| a.object(|o| ending.write(*index, &extras, o)));
                });
            }
            o.maybe_raw("promptFeedback", extras.iter().find(|e| e.name == "promptFeedback").map(|e| &*e.json));
            if let Some(usage) = &usage {
                write_usage(usage, &extras, o);
            }
        });
        if self.array {
            out.extend_from_slice(b"]");
        }
    }
}

impl Ending {
    fn write(&self, index: u32, extras: &[Extra], o: &mut Object<'_>) {
        o.object("content", |o| {
            o.array("parts", |a| a.object(|o| o.string("text", "")));
            o.string("role", "model");
        });
        if let Some(finish) = &self.finish {
            o.string("finishReason", finish_word(finish, self.has_refused));
        }
        o.uint("index", u64::from(index));
        let path = format!("candidates[{index}].");
        write_extras(&path, extras, o);
        if !self.logprobs.is_empty() {
            write_logprobs(&self.logprobs, o);
        }
        let has_own = extras
            .iter()
            .any(|extra| matches!(extra.name.strip_prefix(&path), Some("groundingMetadata" | "citationMetadata")));
        if !has_own && !self.citations.is_empty() {
            o.object("groundingMetadata", |o| write_citations(&self.citations, &self.text, o));
        }
    }
}

fn opened(block: &OpenBlock) -> Block {
    match block {
        OpenBlock::Text => Block::Text(Text::default()),
        OpenBlock::Thinking { summary, .. } => Block::Thinking(Thinking { summary: *summary, ..Thinking::default() }),
        OpenBlock::Refusal => Block::Refusal(String::new()),
        OpenBlock::ToolCall { id, name, kind } => {
            Block::ToolCall(ToolCall { id: id.clone(), name: name.clone(), kind: *kind, ..ToolCall::default() })
        }
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, .. } if self.head.is_none() => {
                self.head = Some(Head::new(id.as_deref(), model.as_deref(), &self.echo));
            }
            Event::Open { index, choice, block } => {
                self.blocks.insert(*index, ((*choice).min(MAX_CHOICES), opened(block)));
            }
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Whole { choice, block, .. } => self.whole((*choice).min(MAX_CHOICES), block, out),
            Event::Usage(usage) => self.usage.get_or_insert_with(Usage::default).update(usage),
            Event::Finish { choice, finish } => self.ending(*choice).finish = Some(finish.clone()),
            Event::Extra(extra) => self.extras.push(extra.clone()),
            Event::End => {
                self.end(out);
                self.ended = true;
            }
            Event::Start { .. } | _ => {}
        }
    }
}
