//! Blocks that no other protocol has, put together from their pieces.

use tollgate_core::ir::Block;

use super::super::response::opaque;
use super::super::types::is_object;
use crate::json::{self, Value};

/// A block of an unknown kind that is open.
#[derive(Debug, Default)]
pub(super) struct OpaqueBlock {
    /// The block as it began.
    start: String,
    /// The pieces of its input.
    input: String,
    /// Members that came in pieces: texts are added to, other values replaced.
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    value: Piece,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Json(String),
}

impl OpaqueBlock {
    /// So many bytes are gathered at most.
    const MAX: usize = 32 << 20;

    pub(super) fn new(block: &Value<'_>) -> Self {
        Self { start: block.raw().to_owned(), ..Self::default() }
    }

    /// Takes a piece; `None` if the block becomes too large.
    pub(super) fn delta(&mut self, delta: &Value<'_>) -> Option<()> {
        const MAX_MEMBERS: usize = 32;
        if delta.str("type") == Some("input_json_delta") {
            self.input.push_str(delta.str("partial_json").unwrap_or_default());
            return (self.input.len() <= Self::MAX).then_some(());
        }
        for (name, value) in delta.present().filter(|(name, _)| *name != "type") {
            let Some(known) = self.members.iter_mut().find(|member| member.name == name) else {
                if self.members.len() >= MAX_MEMBERS {
                    return None;
                }
                self.members.push(Member { name: name.to_owned(), value: Piece::new(value) });
                continue;
            };
            match (&mut known.value, value.as_str()) {
                (Piece::Text(known), Some(more)) if known.len() + more.len() <= Self::MAX => known.push_str(more),
                (Piece::Text(_), Some(_)) => return None,
                (known, _) => *known = Piece::new(value),
            }
        }
        Some(())
    }

    /// The whole block.
    pub(super) fn finish(self) -> Option<Block> {
        let start = json::parse(self.start.as_bytes()).ok()?;
        let has_input = is_object(&self.input);
        if !has_input && self.members.is_empty() {
            let what = start.str("type").map(str::to_owned);
            return Some(opaque(what.as_deref(), self.start));
        }
        let text = json::object_text(|o| {
            let is_replaced =
                |name: &str| (has_input && name == "input") || self.members.iter().any(|member| member.name == name);
            start.members().filter(|(name, _)| !is_replaced(name)).for_each(|(name, value)| o.raw(name, value.raw()));
            if has_input {
                o.raw("input", &self.input);
            }
            for member in &self.members {
                match &member.value {
                    Piece::Text(text) => o.string(&member.name, text),
                    Piece::Json(json) => o.raw(&member.name, json),
                }
            }
        });
        Some(opaque(start.str("type"), text))
    }
}

impl Piece {
    fn new(value: &Value<'_>) -> Self {
        match value.as_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Json(value.raw().to_owned()),
        }
    }
}
