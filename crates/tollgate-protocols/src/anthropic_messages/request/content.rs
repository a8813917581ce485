//! The content of a client's messages.

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, Extra, Media, MediaKind, Opaque, Origin, Protocol, Signature, Source, Text, Thinking, ToolCall, ToolKind,
    ToolResult,
};

use super::super::types::{read_cache, read_citations};
use super::decode::{flag, object, text, wrong};
use crate::codec::open_signature;
use crate::json::Value;

/// A string or a list of blocks. A cache point stands behind the block that carries it.
pub(super) fn read_blocks(content: &Value<'_>, path: &str, extras: &mut Vec<Extra>) -> Result<Vec<Block>, Error> {
    if let Some(words) = content.as_str() {
        return Ok(if words.is_empty() { Vec::new() } else { vec![Block::text(words)] });
    }
    if !content.is_array() {
        return Err(wrong(path, "a string or a list of blocks"));
    }
    let mut blocks = Vec::with_capacity(content.items().len());
    for value in content.items() {
        object(value, path)?;
        let block = read_block(value, path, extras)?;
        // What is kept as it came keeps its cache point too.
        let cache = read_cache(value).filter(|_| !matches!(block, Block::Opaque(_)));
        blocks.push(block);
        blocks.extend(cache.map(Block::CachePoint));
    }
    attach_signatures(&mut blocks);
    Ok(blocks)
}

fn read_block(value: &Value<'_>, path: &str, extras: &mut Vec<Extra>) -> Result<Block, Error> {
    let kind = value.str("type").ok_or_else(|| wrong(path, "a list of blocks that have a type"))?;
    let member = |name: &str| {
        let param = format!("{path}.{name}");
        value.get(name).ok_or_else(|| wrong(&param, "given")).and_then(|value| text(value, &param))
    };
    let known: &[&str] = match kind {
        "text" => &["text", "citations"],
        "thinking" => &["thinking", "signature"],
        "redacted_thinking" => &["data"],
        "tool_use" => &["id", "name", "input", "partial_json"],
        "tool_result" => &["tool_use_id", "content", "is_error"],
        "image" => &["source"],
        "document" => &["source", "title", "context", "citations"],
        _ => return Ok(opaque(value)),
    };
    let block = match kind {
        "text" => {
            let citations = read_citations(value);
            Block::Text(Text { text: member("text")?, citations, signature: None })
        }
        "thinking" => Block::Thinking(Thinking {
            text: member("thinking")?,
            signature: value.str("signature").filter(|text| !text.is_empty()).map(opened),
            ..Thinking::default()
        }),
        "redacted_thinking" => Block::Thinking(Thinking {
            signature: Some(opened(&member("data")?)),
            redacted: true,
            ..Thinking::default()
        }),
        "tool_use" => Block::ToolCall(read_call(value, member("id")?, member("name")?)),
        "tool_result" => Block::ToolResult(read_result(value, member("tool_use_id")?, path, extras)?),
        _ => match read_media(value, kind, path)? {
            Some(media) => Block::Media(media),
            None => return Ok(opaque(value)),
        },
    };
    unknown_of_block(value, known, extras);
    Ok(block)
}

fn opened(text: &str) -> Signature {
    open_signature(text, Origin::Anthropic)
}

/// Something that no other protocol has, as it came.
pub(super) fn opaque(value: &Value<'_>) -> Block {
    Block::Opaque(Opaque {
        protocol: Protocol::AnthropicMessages,
        what: value.str("type").unwrap_or("block").to_owned(),
        json: value.raw().to_owned(),
    })
}

fn read_call(value: &Value<'_>, id: String, name: String) -> ToolCall {
    // The gateway's own note of arguments that were cut off.
    let cut_off = value.string("partial_json");
    let arguments = cut_off.or_else(|| value.get("input").map(|input| input.raw().to_owned())).unwrap_or_default();
    ToolCall { id, name, arguments, ..ToolCall::default() }
}

fn read_result(value: &Value<'_>, id: String, path: &str, extras: &mut Vec<Extra>) -> Result<ToolResult, Error> {
    let content = value.get("content").map(|content| read_blocks(content, path, extras)).transpose()?;
    let is_error = value.get("is_error").map(|value| flag(value, &format!("{path}.is_error"))).transpose()?;
    Ok(ToolResult {
        id,
        name: None,
        content: content.unwrap_or_default(),
        is_error: is_error.unwrap_or(false),
        kind: ToolKind::Function,
    })
}

/// An image or a document; `None` for a source that has no twin elsewhere.
fn read_media(value: &Value<'_>, kind: &str, path: &str) -> Result<Option<Media>, Error> {
    let param = format!("{path}.source");
    let source = value.get("source").ok_or_else(|| wrong(&param, "given"))?;
    object(source, &param)?;
    let member = |name: &str| source.string(name).ok_or_else(|| wrong(&format!("{param}.{name}"), "a string"));
    let from = match source.str("type") {
        Some("base64") => Source::Base64(member("data")?),
        Some("url") => Source::Url(member("url")?),
        Some("file") => Source::FileId(member("file_id")?),
        Some("text") => Source::Text(member("data")?),
        _ => return Ok(None),
    };
    let kind = if kind == "image" { MediaKind::Image } else { MediaKind::Document };
    let cites = value.get("citations").and_then(|citations| citations.get("enabled")).and_then(Value::as_bool);
    Ok(Some(Media {
        mime: source.string("media_type"),
        name: value.string("title"),
        context: value.string("context"),
        citations: cites.unwrap_or(false),
        ..Media::new(kind, from)
    }))
}

/// Gemini's signature of a call travels as a thinking block without text before the call, and that of a text behind it.
fn attach_signatures(blocks: &mut Vec<Block>) {
    if !blocks.iter().any(is_carrier) {
        return;
    }
    let mut waiting: Option<Signature> = None;
    let mut kept: Vec<Block> = Vec::with_capacity(blocks.len());
    for block in std::mem::take(blocks) {
        if is_carrier(&block) {
            let Block::Thinking(Thinking { signature, .. }) = block else { continue };
            attach_backward(&mut kept, std::mem::replace(&mut waiting, signature));
            continue;
        }
        match block {
            Block::ToolCall(mut call) => {
                call.signature = waiting.take();
                kept.push(Block::ToolCall(call));
            }
            block => {
                attach_backward(&mut kept, waiting.take());
                kept.push(block);
            }
        }
    }
    attach_backward(&mut kept, waiting);
    *blocks = kept;
}

fn is_carrier(block: &Block) -> bool {
    let Block::Thinking(Thinking { text, signature: Some(signature), redacted: false, .. }) = block else {
        return false;
    };
    text.is_empty() && signature.origin == Origin::Google
}

fn attach_backward(kept: &mut Vec<Block>, signature: Option<Signature>) {
    let Some(signature) = signature else { return };
    match kept.last_mut() {
        Some(Block::Text(text)) if text.signature.is_none() => text.signature = Some(signature),
        _ => kept.push(Block::Thinking(Thinking { signature: Some(signature), ..Thinking::default() })),
    }
}

/// Notes members that no field of the representation stands for, each name once.
pub(super) fn unknown(value: &Value<'_>, path: &str, known: &[&str], extras: &mut Vec<Extra>) {
    note(value, path, extras, |name, _| known.contains(&name));
}

fn unknown_of_block(value: &Value<'_>, known: &[&str], extras: &mut Vec<Extra>) {
    note(value, "messages.content", extras, |name, member| {
        // Calls that the model makes itself say so in `caller`, which is the default.
        let is_direct = name == "caller" && member.str("type") == Some("direct");
        known.contains(&name) || matches!(name, "type" | "cache_control") || is_direct
    });
}

fn note(value: &Value<'_>, path: &str, extras: &mut Vec<Extra>, is_known: impl Fn(&str, &Value<'_>) -> bool) {
    // Each name is compared with those before it, so there is a bound to them.
    const MAX: usize = 64;
    for (name, member) in value.present().filter(|(name, member)| !is_known(name, member)) {
        let name = format!("{path}.{name}");
        if extras.len() < MAX && !extras.iter().any(|extra| extra.name == name) {
            extras.push(Extra { name, json: member.raw().to_owned() });
        }
    }
}
