//! Writing a client's stream.

use std::collections::HashMap;

use tollgate_core::Usage;
use tollgate_core::ir::{
    Block, Citation, Delta, Event, Finish, FinishReason, OpenBlock, Protocol, Signature, Thinking, ToolKind,
};

use super::super::response::{Item, ItemIds, Part, Status, is_cut, item_of_media};
use super::super::types::{Belongs, seal, seal_thinking};
use super::writer::Writer;
use crate::codec::{Echo, EncodeStream, says_nothing};

/// Writes a client's stream.
///
/// An item is ended when the next one begins or the answer ends, and not when its last block closes: only then is it known
/// whether it was cut off, and whether more text belongs to the same message.
#[derive(Debug)]
pub struct Encoder {
    writer: Writer,
    /// Open blocks by their number.
    blocks: HashMap<u32, Place>,
    items: Vec<Slot>,
    ids: ItemIds,
    /// The message at the end of the output, which takes more parts.
    message: Option<usize>,
    usage: Option<Usage>,
    reason: Option<FinishReason>,
    /// How many characters of text there were.
    characters: u64,
    ended: bool,
}

/// Where a block went.
#[derive(Clone, Copy, Debug)]
struct Place {
    item: usize,
    part: usize,
}

/// An item with what is known of its end.
#[derive(Debug)]
struct Slot {
    item: Item,
    open_blocks: usize,
    done: bool,
    /// The sealed signature of a call or of words, which goes into an item of its own behind this one.
    owed: Option<String>,
}

impl Encoder {
    /// A writer of one stream.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            ids: ItemIds::of(echo.id.as_deref()),
            writer: Writer::new(echo),
            blocks: HashMap::new(),
            items: Vec::new(),
            message: None,
            usage: None,
            reason: None,
            characters: 0,
            ended: false,
        }
    }

    /// Ends items whose blocks are all closed, since something else begins.
    fn settle(&mut self, out: &mut Vec<u8>) {
        for at in 0..self.items.len() {
            if self.items.get(at).is_some_and(|slot| !slot.done && slot.open_blocks == 0) {
                self.done(at, "completed", out);
            }
        }
    }

    fn done(&mut self, at: usize, status: &str, out: &mut Vec<u8>) {
        if self.message == Some(at) {
            self.message = None;
        }
        let says_nothing = self.items.get(at).is_some_and(|slot| {
            let is_empty = matches!(&slot.item, Item::Call { arguments, kind, .. }
                if *kind == ToolKind::Function && arguments.is_empty());
            is_empty && !slot.done && status == "completed"
        });
        if says_nothing {
            // A call without arguments has an empty object, and nothing less.
            self.words(Place { item: at, part: 0 }, "{}", out);
        }
        let Some(slot) = self.items.get_mut(at) else { return };
        if !std::mem::replace(&mut slot.done, true) {
            self.writer.item_done(at, &slot.item, status, out);
            if let Some(sealed) = slot.owed.take() {
                let (at, item) = (self.items.len(), Item::bearer(sealed, &mut self.ids));
                self.writer.item_added(at, &item, out);
                self.writer.item_done(at, &item, "completed", out);
                self.items.push(Slot { item, open_blocks: 0, done: true, owed: None });
            }
        }
    }

    /// Adds an item behind the others.
    fn add(&mut self, item: Item, out: &mut Vec<u8>) -> usize {
        self.settle(out);
        self.message = None;
        let at = self.items.len();
        self.writer.item_added(at, &item, out);
        self.items.push(Slot { item, open_blocks: 0, done: false, owed: None });
        at
    }

    /// Adds an item that is complete as it is.
    fn add_whole(&mut self, item: Item, out: &mut Vec<u8>) {
        let at = self.add(item, out);
        self.done(at, "completed", out);
    }

    fn open(&mut self, index: u32, block: &OpenBlock, out: &mut Vec<u8>) {
        if self.blocks.contains_key(&index) {
            return;
        }
        let place = match block {
            OpenBlock::Text => self.open_part(false, out),
            OpenBlock::Refusal => self.open_part(true, out),
            OpenBlock::Thinking { id, .. } => {
                let item = Item::reasoning(id.as_deref(), &mut self.ids);
                Place { item: self.add(item, out), part: 0 }
            }
            OpenBlock::ToolCall { id, name, kind } => {
                let item = Item::call(id, name, *kind, None, &mut self.ids);
                Place { item: self.add(item, out), part: 0 }
            }
        };
        self.blocks.insert(index, place);
        if let Some(slot) = self.items.get_mut(place.item) {
            slot.open_blocks += 1;
        }
    }

    /// A part of the message at the end, or of a new one.
    fn open_part(&mut self, refusal: bool, out: &mut Vec<u8>) -> Place {
        let item = match self.message {
            Some(item) => item,
            None => {
                let message = Item::message(&mut self.ids);
                let item = self.add(message, out);
                self.message = Some(item);
                item
            }
        };
        let mut at = 0;
        if let Some(Slot { item: Item::Message { id, parts }, .. }) = self.items.get_mut(item) {
            at = parts.len();
            let part = Part { refusal, before: self.characters, ..Part::default() };
            self.writer.part_added(id, (item, at), &part, out);
            parts.push(part);
        }
        Place { item, part: at }
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(place) = self.blocks.get(&index).copied() else { return };
        match delta {
            Delta::Text(text) | Delta::Arguments(text) => self.words(place, text, out),
            Delta::Signature(signature) => self.signature(place, signature),
            Delta::Citation(citation) => self.citation(place, citation, out),
            Delta::Logprobs(logprobs) => {
                if let Some(part) = self.message_part(place) {
                    part.logprobs.push(logprobs.clone());
                }
            }
        }
    }

    fn message_part(&mut self, place: Place) -> Option<&mut Part> {
        match &mut self.items.get_mut(place.item)?.item {
            Item::Message { parts, .. } => parts.get_mut(place.part),
            _ => None,
        }
    }

    fn words(&mut self, place: Place, more: &str, out: &mut Vec<u8>) {
        let Some(slot) = self.items.get_mut(place.item) else { return };
        if more.is_empty() {
            return;
        }
        match &mut slot.item {
            Item::Message { id, parts } => {
                let Some(part) = parts.get_mut(place.part) else { return };
                part.text.push_str(more);
                self.characters += if part.refusal { 0 } else { more.chars().count() as u64 };
                self.writer.part_delta(id, (place.item, place.part), part.refusal, more, out);
            }
            Item::Call { arguments, kind: ToolKind::Function, .. } if arguments.is_empty() && says_nothing(more) => {}
            Item::Call { id, arguments, kind, .. } => {
                arguments.push_str(more);
                self.writer.arguments_delta(id, place.item, *kind == ToolKind::Custom, more, out);
            }
            Item::Reasoning { id, text, summary, .. } => {
                if text.is_empty() {
                    self.writer.thoughts_added(id, place.item, *summary, out);
                }
                text.push_str(more);
                self.writer.thoughts_delta(id, place.item, *summary, more, out);
            }
            Item::Raw(_) => {}
        }
    }

    fn signature(&mut self, place: Place, signature: &Signature) {
        let Some(slot) = self.items.get_mut(place.item) else { return };
        match &mut slot.item {
            Item::Reasoning { encrypted, .. } => *encrypted = Some(seal(signature, &Belongs::Thoughts)),
            Item::Call { call_id, .. } => slot.owed = Some(seal(signature, &Belongs::Call(call_id.clone()))),
            Item::Message { .. } => slot.owed = Some(seal(signature, &Belongs::Text)),
            Item::Raw(_) => {}
        }
    }

    fn citation(&mut self, place: Place, citation: &Citation, out: &mut Vec<u8>) {
        let Some(Slot { item: Item::Message { id, parts }, .. }) = self.items.get_mut(place.item) else { return };
        let Some(part) = parts.get_mut(place.part) else { return };
        part.citations.push(citation.clone());
        self.writer.annotation(id, (place.item, place.part), part, out);
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(place) = self.blocks.remove(&index) else { return };
        if let Some(slot) = self.items.get_mut(place.item) {
            slot.open_blocks = slot.open_blocks.saturating_sub(1);
        }
        // All but the newest item wait for nothing.
        let newest = self.items.len().saturating_sub(1);
        if place.item != newest && self.items.get(place.item).is_some_and(|slot| slot.open_blocks == 0) {
            self.done(place.item, "completed", out);
        }
    }

    fn whole(&mut self, block: &Block, out: &mut Vec<u8>) {
        match block {
            Block::Thinking(thinking) => self.whole_thinking(thinking, out),
            Block::Media(media) => {
                if let Some(item) = item_of_media(media, &mut self.ids) {
                    self.add_whole(item, out);
                }
            }
            Block::Opaque(opaque) if opaque.protocol == Protocol::OpenAiResponses => {
                self.add_whole(Item::own(&opaque.json), out);
            }
            Block::Text(text) => {
                let place = self.open_part(false, out);
                self.words(place, &text.text, out);
                text.citations.iter().for_each(|citation| self.citation(place, citation, out));
            }
            Block::Refusal(text) => {
                let place = self.open_part(true, out);
                self.words(place, text, out);
            }
            Block::ToolCall(call) => {
                if let Some(signature) = &call.signature {
                    let sealed = seal(signature, &Belongs::Call(call.id.clone()));
                    let bearer = Item::bearer(sealed, &mut self.ids);
                    self.add_whole(bearer, out);
                }
                let item = Item::call(&call.id, &call.name, call.kind, call.item_id.as_deref(), &mut self.ids);
                let item = self.add(item, out);
                self.words(Place { item, part: 0 }, &call.arguments, out);
            }
            _ => {}
        }
    }

    fn whole_thinking(&mut self, thinking: &Thinking, out: &mut Vec<u8>) {
        let item = Item::reasoning(thinking.id.as_deref(), &mut self.ids);
        let item = self.add(item, out);
        self.words(Place { item, part: 0 }, &thinking.text, out);
        if let Some(Slot { item: Item::Reasoning { encrypted, .. }, .. }) = self.items.get_mut(item) {
            *encrypted = seal_thinking(thinking);
        }
    }

    /// The answer is over: what is still open ends, the last item as cut off if the answer is.
    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let reason = self.reason.unwrap_or_default();
        let last = self.items.len().saturating_sub(1);
        for at in 0..self.items.len() {
            let cut = is_cut(reason) && (at == last || self.items.get(at).is_some_and(|slot| slot.open_blocks > 0));
            self.done(at, if cut { "incomplete" } else { "completed" }, out);
        }
        self.blocks.clear();
        self.writer.end(Status::Ended(reason), self.usage.as_ref(), out);
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, created } => self.writer.start(id.as_deref(), model.as_deref(), *created, out),
            _ => self.writer.start(None, None, None, out),
        }
        match event {
            Event::Open { index, choice: 0, block } => self.open(*index, block, out),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Whole { choice: 0, block, .. } => self.whole(block, out),
            Event::Usage(usage) => self.usage.get_or_insert_with(Usage::default).update(usage),
            Event::Finish { choice: 0, finish: Finish { reason, .. } } => self.reason = Some(*reason),
            Event::End => self.end(out),
            _ => {}
        }
    }
}
