//! Gives tools the names that the client knows.

use tollgate_core::ir::{Answer, Block, Event, OpenBlock};

use super::names::Renamed;
use crate::codec::{DecodeError, DecodeStream};

/// Names the called tools of a whole answer as the client does.
pub(in super::super) fn restore(answer: &mut Answer, renamed: &[Renamed]) {
    for block in answer.choices.iter_mut().flat_map(|choice| &mut choice.blocks) {
        if let Block::ToolCall(call) = block {
            restore_name(&mut call.name, renamed);
        }
    }
}

fn restore_name(name: &mut String, renamed: &[Renamed]) {
    if let Some(tool) = renamed.iter().find(|tool| tool.sent == *name) {
        tool.given.clone_into(name);
    }
}

/// A reader whose calls have the names that the client knows.
pub(in super::super) struct Restoring {
    pub(in super::super) inner: Box<dyn DecodeStream>,
    pub(in super::super) renamed: Vec<Renamed>,
}

impl Restoring {
    fn restore(&self, events: &mut [Event]) {
        for event in events {
            if let Event::Open { block: OpenBlock::ToolCall { name, .. }, .. }
            | Event::Whole { block: Block::ToolCall(tollgate_core::ir::ToolCall { name, .. }), .. } = event
            {
                restore_name(name, &self.renamed);
            }
        }
    }
}

impl DecodeStream for Restoring {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let start = out.len();
        let decoded = self.inner.event(data, out);
        self.restore(out.get_mut(start..).unwrap_or_default());
        decoded
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let start = out.len();
        let decoded = self.inner.finish(out);
        self.restore(out.get_mut(start..).unwrap_or_default());
        decoded
    }
}
