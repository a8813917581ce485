//! Writes the blocks of messages.

use std::borrow::Cow;

use tollgate_core::ir::{Block, Losses, Text, Thinking, ToolCall, ToolResult};

use super::super::types::{input_of, write_cache, write_citations};
use super::arrange::{Item, Message};
use super::media;
use crate::json::{Array, Object};

/// Writes a message. The last message, if it is the assistant's, must not end in white space.
pub(super) fn write_message(a: &mut Array<'_>, message: &Message<'_>, is_prefill: bool, losses: &mut Losses) {
    let last = message.items.len().saturating_sub(1);
    a.object(|o| {
        o.string("role", message.role.as_str());
        o.array("content", |a| {
            for (at, item) in message.items.iter().enumerate() {
                write_item(a, item, is_prefill && at == last, losses);
            }
        });
    });
}

/// Writes a block with its cache point.
pub(super) fn write_item(a: &mut Array<'_>, item: &Item<'_>, trim_end: bool, losses: &mut Losses) {
    match item.block {
        Block::Text(text) => a.object(|o| write_text(o, text, trim_end, item)),
        Block::Refusal(text) => a.object(|o| {
            o.string("type", "text");
            o.string("text", text);
            write_cache(o, item.cache);
        }),
        Block::Thinking(thinking) => a.object(|o| write_thinking(o, thinking)),
        Block::ToolCall(call) => a.object(|o| {
            write_call(o, call, losses);
            write_cache(o, item.cache);
        }),
        Block::ToolResult(result) => a.object(|o| {
            write_result(o, result, losses);
            write_cache(o, item.cache);
        }),
        Block::Media(media) => a.object(|o| {
            media::write(o, media);
            write_cache(o, item.cache);
        }),
        Block::Opaque(opaque) => a.raw(&opaque.json),
        _ => {}
    }
}

fn write_text(o: &mut Object<'_>, text: &Text, trim_end: bool, item: &Item<'_>) {
    o.string("type", "text");
    o.string("text", if trim_end { text.text.trim_end() } else { &text.text });
    write_citations(o, &text.citations);
    write_cache(o, item.cache);
}

fn write_thinking(o: &mut Object<'_>, thinking: &Thinking) {
    let signature = thinking.signature.as_ref().map(|signature| &*signature.value).unwrap_or_default();
    if thinking.redacted {
        o.string("type", "redacted_thinking");
        o.string("data", signature);
    } else {
        o.string("type", "thinking");
        o.string("thinking", &thinking.text);
        o.string("signature", signature);
    }
}

fn write_call(o: &mut Object<'_>, call: &ToolCall, losses: &mut Losses) {
    o.string("type", "tool_use");
    o.string("id", &tool_id(&call.id));
    o.string("name", &call.name);
    let input = input_of(call);
    if input.is_none() {
        losses.change("tool_calls.arguments");
    }
    o.raw("input", input.as_deref().unwrap_or("{}"));
}

fn write_result(o: &mut Object<'_>, result: &ToolResult, losses: &mut Losses) {
    o.string("type", "tool_result");
    o.string("tool_use_id", &tool_id(&result.id));
    match &result.content[..] {
        [] => o.string("content", ""),
        [Block::Text(text)] if text.citations.is_empty() => {
            o.string("content", if text.text.trim().is_empty() { "" } else { &text.text });
        }
        content => o.array("content", |a| write_result_content(a, content, losses)),
    }
    if result.is_error {
        o.bool("is_error", true);
    }
}

fn write_result_content(a: &mut Array<'_>, content: &[Block], losses: &mut Losses) {
    for (at, block) in content.iter().enumerate() {
        let is_written = match block {
            Block::Text(text) => !text.text.trim().is_empty(),
            Block::Opaque(opaque) => opaque.protocol == tollgate_core::ir::Protocol::AnthropicMessages,
            Block::Media(_) => true,
            _ => false,
        };
        if is_written {
            let cache = match content.get(at + 1) {
                Some(Block::CachePoint(cache)) => Some(*cache),
                _ => None,
            };
            write_item(a, &Item { block, cache }, false, losses);
        }
    }
}

/// An id in the form that Anthropic takes: letters, digits, `_` and `-`. Other ids are changed the same way wherever they
/// stand, and different ones stay different.
pub(super) fn tool_id(id: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.chars().all(is_plain) {
        return Cow::Borrowed(id);
    }
    // FNV-1a, 64 bit.
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let plain: String = id.chars().map(|c| if is_plain(c) { c } else { '_' }).take(40).collect();
    Cow::Owned(format!("{plain}_{hash:016x}"))
}
