//! Media as every provider reads them.

use std::borrow::Cow;

use tollgate_core::ir::{Block, Media, Prompt, Source};

use crate::codec::standard_base64;

/// Takes white space out of Base64, and letters of the other alphabet.
pub(super) fn straighten(prompt: &mut Cow<'_, Prompt>) {
    let is_ragged = |block: &Block| match block {
        Block::Media(Media { source: Source::Base64(data), .. }) => {
            let data = data.as_bytes();
            memchr::memchr3(b'\n', b'\r', b' ', data).is_some() || memchr::memchr2(b'-', b'_', data).is_some()
        }
        _ => false,
    };
    let is_ragged_within = |block: &Block| match block {
        Block::ToolResult(result) => result.content.iter().any(is_ragged),
        block => is_ragged(block),
    };
    if !prompt.turns.iter().flat_map(|turn| &turn.blocks).any(is_ragged_within) {
        return;
    }
    let straighten = |block: &mut Block| {
        if let Block::Media(Media { source: Source::Base64(data), .. }) = block {
            data.retain(|c| !c.is_ascii_whitespace());
            if let Cow::Owned(standard) = standard_base64(data) {
                *data = standard;
            }
        }
    };
    for block in prompt.to_mut().turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        match block {
            Block::ToolResult(result) => result.content.iter_mut().for_each(straighten),
            block => straighten(block),
        }
    }
}
