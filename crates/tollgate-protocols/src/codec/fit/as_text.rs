//! The words of blocks that only one protocol has.

use tollgate_core::ir::{Opaque, Protocol};

use crate::json::{self, Value};

/// The words of one of Anthropic's `search_result`s, or of a `document` that comes in pieces; `None` for everything else.
pub(super) fn of(opaque: &Opaque) -> Option<String> {
    if opaque.protocol != Protocol::AnthropicMessages {
        return None;
    }
    let value = json::parse(opaque.json.as_bytes()).ok()?;
    let content = match &*opaque.what {
        "search_result" => value.get("content")?,
        "document" => value.get("source").filter(|source| source.str("type") == Some("content"))?.get("content")?,
        _ => return None,
    };
    let head = [value.str("title"), value.str("source")];
    let mut text = head.into_iter().flatten().collect::<Vec<_>>().join("\n");
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(&words(content));
    Some(text)
}

/// A text, or a list of blocks of text.
fn words(content: &Value<'_>) -> String {
    match content.to_text() {
        Some(text) => text,
        None => content.items().iter().filter_map(|block| block.str("text")).collect::<Vec<_>>().join("\n"),
    }
}
