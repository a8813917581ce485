//! What whole and streamed answers to clients have in common.

use tollgate_core::Usage;
use tollgate_core::ir::{
    Answer, Block, Extra, Finish, FinishReason, Media, Origin, Source, Thinking, ToolCall, ToolKind,
};

use super::parts::{OWN, object_arguments, sealed, write_call, write_text};
use super::types::is_finish_word;
use crate::codec::{Echo, new_id};
use crate::json::{self, Array, Object};

/// What every chunk of an answer says about it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub id: String,
    pub model: String,
}

impl Head {
    pub(super) fn new(id: Option<&str>, model: Option<&str>, echo: &Echo) -> Self {
        let id = echo.id.as_deref().or(id.filter(|id| !id.is_empty())).map_or_else(|| new_id(""), str::to_owned);
        Self { id, model: model.unwrap_or(&echo.model).to_owned() }
    }

    pub(super) fn of(answer: &Answer, echo: &Echo) -> Self {
        Self::new(answer.id.as_deref(), answer.model.as_deref(), echo)
    }

    pub(super) fn write(&self, o: &mut Object<'_>) {
        o.string("modelVersion", &self.model);
        o.string("responseId", &self.id);
    }
}

/// Whether a client sees thoughts. Clients that did not ask read the first text as the answer.
pub(super) fn wants_thoughts(echo: &Echo) -> bool {
    echo.prompt.reasoning.include == Some(true)
}

/// Writes a block as a part; nothing, if the protocol has no place for it.
pub(super) fn write_block(block: &Block, wants_thoughts: bool, parts: &mut Array<'_>) {
    match block {
        Block::Text(text) if text.text.is_empty() && text.signature.is_none() => {}
        Block::Text(text) => {
            let signature = text.signature.as_ref().map(|signature| sealed(signature, false));
            parts.object(|o| write_text(o, &text.text, false, signature.as_deref()));
        }
        Block::Thinking(thinking) => write_thinking(thinking, wants_thoughts, parts),
        Block::ToolCall(call) => parts.object(|o| write_tool_call(call, o)),
        Block::Media(media) => write_media(media, parts),
        Block::Refusal(text) if !text.is_empty() => parts.object(|o| o.string("text", text)),
        Block::Opaque(opaque) if opaque.protocol == OWN => parts.raw(&opaque.json),
        _ => {}
    }
}

/// Thoughts go to those who asked, and signed ones to everybody: their maker wants them back.
fn write_thinking(thinking: &Thinking, wanted: bool, parts: &mut Array<'_>) {
    let signature = thinking.signature.as_ref();
    if signature.is_none() && (!wanted || thinking.text.is_empty()) {
        return;
    }
    // Google's own signatures hold without the thoughts, others' only with them.
    let hides = !wanted && signature.is_some_and(|signature| signature.origin == Origin::Google);
    let text = if hides { "" } else { &*thinking.text };
    let signature = signature.map(|signature| sealed(signature, thinking.redacted));
    parts.object(|o| write_text(o, text, true, signature.as_deref()));
}

pub(super) fn write_tool_call(call: &ToolCall, o: &mut Object<'_>) {
    let args = match call.kind {
        ToolKind::Custom => json::object_text(|o| o.string("input", &call.arguments)),
        // Cut off, usually: the reason to finish says so.
        ToolKind::Function => object_arguments(&call.arguments).unwrap_or("{}").to_owned(),
    };
    let signature = call.signature.as_ref().map(|signature| sealed(signature, false));
    write_call(o, &call.id, &call.name, &args, signature.as_deref());
}

fn write_media(media: &Media, parts: &mut Array<'_>) {
    let (member, name, data) = match &media.source {
        Source::Base64(data) => ("inlineData", "data", data),
        Source::Url(uri) | Source::FileId(uri) => ("fileData", "fileUri", uri),
        Source::Text(text) => {
            parts.object(|o| o.string("text", text));
            return;
        }
    };
    parts.object(|o| {
        o.object(member, |o| {
            o.maybe_string("mimeType", media.mime.as_deref());
            o.string(name, data);
            o.maybe_string("displayName", media.name.as_deref());
        });
    });
}

/// The protocol's word for the reason to finish.
pub(super) fn finish_word(finish: &Finish, has_refused: bool) -> &str {
    if let Some(native) = finish.native.as_deref().filter(|native| is_finish_word(native)) {
        return native;
    }
    match finish.reason {
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter => "SAFETY",
        _ if has_refused => "SAFETY",
        _ => "STOP",
    }
}

/// Writes the counts: the protocol leaves thoughts out of the candidates' and tools out of the prompt's.
pub(super) fn write_usage(usage: &Usage, extras: &[Extra], o: &mut Object<'_>) {
    let tools = extras.iter().find(|extra| extra.name == "usageMetadata.toolUsePromptTokenCount");
    let tools = tools.and_then(|extra| extra.json.parse::<u64>().ok()).unwrap_or(0);
    o.object("usageMetadata", |o| {
        o.maybe_uint("promptTokenCount", usage.input.map(|input| input.saturating_sub(tools)));
        let thoughts = usage.reasoning.unwrap_or(0);
        o.maybe_uint("candidatesTokenCount", usage.output.map(|output| output.saturating_sub(thoughts)));
        o.maybe_uint("thoughtsTokenCount", usage.reasoning);
        o.maybe_uint("cachedContentTokenCount", usage.cache_read);
        o.uint("totalTokenCount", usage.total());
        write_extras("usageMetadata.", extras, o);
    });
}

/// Writes the extra members whose names begin with a path.
pub(super) fn write_extras(path: &str, extras: &[Extra], o: &mut Object<'_>) {
    let mut written: Vec<&str> = Vec::new();
    for extra in extras.iter().rev() {
        let Some(name) = extra.name.strip_prefix(path).filter(|name| !name.contains('.')) else { continue };
        if !written.contains(&name) {
            written.push(name);
            o.raw(name, &extra.json);
        }
    }
}

/// The feedback on a prompt that was blocked.
pub(super) fn block_feedback(extras: &[Extra]) -> Option<&str> {
    let feedback = extras.iter().find(|extra| extra.name == "promptFeedback")?;
    feedback.json.contains("\"blockReason\"").then_some(&*feedback.json)
}
