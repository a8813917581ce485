//! Calls of tools that arrive in pieces.

use tollgate_core::ir::{Delta, Event, OpenBlock, ToolKind};

use super::decoder::Numbers;
use crate::codec::new_id;
use crate::json::{self, Value};
use crate::openai_chat::response::custom_input;
use crate::openai_chat::types::google_signature;

/// The calls of one choice. Which call a piece belongs to is told by an index, an id or nothing at all, by the server.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    /// The server's number for it.
    index: u64,
    /// The server's id, if it gave one.
    id: Option<String>,
    name: String,
    /// What arrived so far.
    arguments: String,
    kind: ToolKind,
    /// Whether a function stands for a tool with free text, whose text is known at the end.
    unwraps: bool,
    /// Whether each piece repeats what came before it; known from the second piece on.
    repeats: Option<bool>,
    /// The block's number, once it is open.
    block: Option<u32>,
    closed: bool,
}

/// A piece may belong to one of so many calls before it. More at once is nonsense, and looking further would take long.
const LOOKS_BACK: usize = 128;

impl Calls {
    /// Whether a tool was called.
    pub(super) fn any(&self) -> bool {
        self.calls.iter().any(|call| call.block.is_some())
    }

    /// Takes a piece: an item of `tool_calls`, the `position`-th of its chunk.
    pub(super) fn piece(&mut self, value: &Value<'_>, position: u64, choice: &mut Numbers<'_>, out: &mut Vec<Event>) {
        let is_custom = value.get("custom").is_some();
        let inner = value.get("custom").or_else(|| value.get("function")).unwrap_or(value);
        let name = inner.str("name").filter(|name| !name.is_empty());
        let arguments = inner.get(if is_custom { "input" } else { "arguments" });
        let arguments = arguments.map(|value| value.as_str().unwrap_or(value.raw())).unwrap_or_default();
        let piece = Piece { index: value.u64("index"), position, id: value.str("id"), name, arguments };
        let at = match self.find(&piece) {
            Some(at) => at,
            None => {
                self.close_complete(out);
                let kind = if is_custom { ToolKind::Custom } else { ToolKind::Function };
                self.calls.push(Call::new(&piece, kind));
                self.calls.len() - 1
            }
        };
        if let Some(call) = self.calls.get_mut(at) {
            call.take(&piece, choice, out);
            if let (Some(index), Some(signature)) = (call.block, google_signature(value))
                && !call.closed
            {
                out.push(Event::Delta { index, delta: Delta::Signature(signature) });
            }
        }
    }

    /// The call that a piece goes on with; `None` if it begins another.
    fn find(&self, piece: &Piece<'_>) -> Option<usize> {
        let index = piece.index.or_else(|| {
            // Without a number, a piece without a name belongs to the last call; one with a name to that of its place.
            let last = self.calls.last()?;
            Some(if piece.name.is_none() { last.index } else { piece.position })
        })?;
        let from = self.calls.len().saturating_sub(LOOKS_BACK);
        let at = from + self.calls.get(from..)?.iter().rposition(|call| call.index == index)?;
        let call = self.calls.get(at)?;
        let begins = match (piece.id, piece.name) {
            // Whatever comes with it, a piece without a name goes on with what there is.
            (_, None) => false,
            (Some(""), Some(_)) => call.is_complete(),
            (Some(id), Some(_)) => call.id.as_deref().is_some_and(|known| known != id),
            // The whole call once more, or another one.
            (None, Some(_)) => call.is_complete() && !piece.arguments.starts_with(&*call.arguments),
        };
        (!begins).then_some(at)
    }

    /// Closes the calls whose arguments are whole, now that another begins. Those of which too little came to tell stay
    /// open: some servers announce all calls first.
    fn close_complete(&mut self, out: &mut Vec<Event>) {
        let from = self.calls.len().saturating_sub(LOOKS_BACK);
        for call in self.calls.get_mut(from..).unwrap_or_default() {
            if !call.closed && call.is_complete() {
                call.close(out);
            }
        }
    }

    /// Closes all of them.
    pub(super) fn close(&mut self, choice: &mut Numbers<'_>, out: &mut Vec<Event>) {
        for call in &mut self.calls {
            if !call.closed {
                call.open(choice, out);
                call.close(out);
            }
        }
    }
}

struct Piece<'v> {
    index: Option<u64>,
    position: u64,
    id: Option<&'v str>,
    name: Option<&'v str>,
    arguments: &'v str,
}

impl Call {
    fn new(piece: &Piece<'_>, kind: ToolKind) -> Self {
        Self {
            index: piece.index.unwrap_or(piece.position),
            id: None,
            name: String::new(),
            arguments: String::new(),
            kind,
            unwraps: false,
            repeats: None,
            block: None,
            closed: false,
        }
    }

    fn is_complete(&self) -> bool {
        self.arguments.ends_with('}') && json::parse(self.arguments.as_bytes()).is_ok_and(|value| value.is_object())
    }

    fn take(&mut self, piece: &Piece<'_>, choice: &mut Numbers<'_>, out: &mut Vec<Event>) {
        if let (None, Some(id)) = (&self.id, piece.id.filter(|id| !id.is_empty())) {
            self.id = Some(id.to_owned());
        }
        if let Some(name) = piece.name
            && self.name.is_empty()
        {
            name.clone_into(&mut self.name);
        }
        let new = self.unrepeated(piece.arguments);
        if self.closed || (self.repeats == Some(true) && new.is_empty()) {
            return;
        }
        // What came before the name is told with it.
        let untold = if self.block.is_none() { self.arguments.len() } else { 0 };
        let start = self.arguments.len() - untold;
        self.arguments.push_str(new);
        if !self.name.is_empty() {
            self.open(choice, out);
            self.tell(start, out);
        }
    }

    /// The part of a piece that is new, where a server repeats all arguments so far in each piece.
    fn unrepeated<'v>(&mut self, piece: &'v str) -> &'v str {
        let is_repeated = self.kind == ToolKind::Function
            && self.arguments.starts_with('{')
            && self.repeats != Some(false)
            && piece.starts_with(&*self.arguments);
        if !self.arguments.is_empty() && !piece.is_empty() {
            self.repeats = Some(is_repeated);
        }
        if is_repeated { piece.get(self.arguments.len()..).unwrap_or_default() } else { piece }
    }

    fn open(&mut self, choice: &mut Numbers<'_>, out: &mut Vec<Event>) {
        // A call of nothing is none, even if it was announced.
        if self.block.is_some() || (self.name.is_empty() && self.arguments.is_empty()) {
            return;
        }
        if choice.custom_tools.contains(&self.name) {
            self.kind = ToolKind::Custom;
            self.unwraps = true;
        }
        let id = self.id.get_or_insert_with(|| new_id("call_")).clone();
        let block = OpenBlock::ToolCall { id, name: self.name.clone(), kind: self.kind };
        self.block = Some(choice.open(block, out));
        if self.name.is_empty() {
            self.tell(0, out);
        }
    }

    fn tell(&self, start: usize, out: &mut Vec<Event>) {
        let new = self.arguments.get(start..).unwrap_or_default();
        if let (Some(index), false) = (self.block, new.is_empty() || self.unwraps) {
            out.push(Event::Delta { index, delta: Delta::Arguments(new.to_owned()) });
        }
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        self.closed = true;
        let Some(index) = self.block else { return };
        if self.unwraps {
            let input = custom_input(std::mem::take(&mut self.arguments));
            if !input.is_empty() {
                out.push(Event::Delta { index, delta: Delta::Arguments(input) });
            }
        }
        out.push(Event::Close { index });
    }
}
