//! `system` and `messages`.

use std::collections::HashMap;

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, Format, Losses, Media, MediaKind, Origin, Prompt, Protocol, Source, Thinking, ToolResult, Turn,
};

use super::super::types::{cache_point, caches, document_name, format, is_claude, tool_id};
use crate::base64;
use crate::codec::{Speaker, Target, image_mime, merge_turns, mime_of_name, object_arguments};
use crate::json::{self, Array, Object};

/// The conversation, its blocks as JSON text.
#[derive(Debug)]
pub(super) struct Conversation {
    system: Vec<String>,
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    speaker: Speaker,
    blocks: Vec<String>,
}

pub(super) fn conversation(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Conversation, Error> {
    losses.drop_if(prompt.turns.iter().any(|turn| turn.name.is_some()), "messages.name");
    let mut has_midway = false;
    let (leading, merged) = merge_turns(&prompt.turns, |_| {
        has_midway = true;
        Some(Speaker::User)
    });
    if has_midway {
        losses.change("system.position");
    }
    let mut writer = Writer { target, losses, documents: HashMap::new() };
    let mut system = writer.system(&leading)?;
    if prompt.format == Some(Format::JsonObject) {
        writer.losses.change("response_format");
        let instruction = "Answer with one JSON object and nothing else: no words before or after it, no code fence.";
        system.push(json::object_text(|o| o.string("text", instruction)));
    }
    let mut messages: Vec<Message> = Vec::with_capacity(merged.len());
    for turn in merged {
        let blocks = writer.blocks(&turn.blocks)?;
        match messages.last_mut() {
            _ if blocks.is_empty() => {}
            Some(last) if last.speaker == turn.speaker => last.blocks.extend(blocks),
            _ => messages.push(Message { speaker: turn.speaker, blocks }),
        }
    }
    if messages.first().is_none_or(|message| message.speaker != Speaker::User) {
        let message = "This model's provider wants a conversation to begin with something that the user says.";
        return Err(Error::invalid_request(message, Some("messages")));
    }
    Ok(Conversation { system, messages })
}

impl Conversation {
    pub(super) fn capacity(&self) -> usize {
        let blocks = self.messages.iter().flat_map(|message| &message.blocks).chain(&self.system);
        blocks.map(|block| block.len() + 2).sum::<usize>() + self.messages.len() * 40 + 1024
    }

    pub(super) fn write(&self, o: &mut Object<'_>) {
        if !self.system.is_empty() {
            o.array("system", |a| self.system.iter().for_each(|block| a.raw(block)));
        }
        o.array("messages", |a| {
            for message in &self.messages {
                a.object(|o| {
                    let role = if message.speaker == Speaker::User { "user" } else { "assistant" };
                    o.string("role", role);
                    o.array("content", |a| message.blocks.iter().for_each(|block| a.raw(block)));
                });
            }
        });
    }
}

struct Writer<'a, 'b> {
    target: &'a Target<'b>,
    losses: &'a mut Losses,
    /// Names that documents have, which must differ, and the next number for each.
    documents: HashMap<String, u32>,
}

impl Writer<'_, '_> {
    fn system(&mut self, turns: &[&Turn]) -> Result<Vec<String>, Error> {
        let mut blocks = Vec::new();
        for block in turns.iter().flat_map(|turn| &turn.blocks) {
            match block {
                Block::Text(text) if text.text.trim().is_empty() => {}
                Block::Text(text) => blocks.push(json::object_text(|o| o.string("text", &text.text))),
                Block::CachePoint(_) => self.cache_point(block, &mut blocks),
                Block::Opaque(opaque) if opaque.protocol == Protocol::BedrockConverse => {
                    blocks.push(opaque.json.clone());
                }
                _ => {
                    let message = "System messages for this model can only hold text.";
                    return Err(Error::invalid_request(message, Some("messages")));
                }
            }
        }
        Ok(blocks)
    }

    /// The blocks of one message, without those that say nothing.
    fn blocks(&mut self, blocks: &[&Block]) -> Result<Vec<String>, Error> {
        let mut written = Vec::with_capacity(blocks.len());
        let mut lone_document = None;
        let mut has_text = false;
        for block in blocks {
            match block {
                Block::Text(text) => {
                    self.losses.drop_if(text.signature.is_some(), "signature");
                    self.losses.drop_if(!text.citations.is_empty(), "citations");
                    if !text.text.trim().is_empty() {
                        has_text = true;
                        written.push(json::object_text(|o| o.string("text", &text.text)));
                    }
                }
                Block::Refusal(text) if !text.trim().is_empty() => {
                    self.losses.change("refusal");
                    written.push(json::object_text(|o| o.string("text", text)));
                }
                Block::Refusal(_) => {}
                Block::Thinking(thinking) => written.extend(self.thinking(thinking)),
                Block::ToolCall(call) => {
                    self.losses.drop_if(call.signature.is_some(), "signature");
                    let input = object_arguments(call, self.losses);
                    written.push(json::object_text(|o| {
                        o.object("toolUse", |o| {
                            o.string("toolUseId", &tool_id(&call.id));
                            o.string("name", &call.name);
                            o.raw("input", &input);
                        });
                    }));
                }
                Block::ToolResult(result) => written.push(self.result(result)?),
                Block::Media(media) => {
                    let (json, name) = self.media(media)?;
                    lone_document = lone_document.or(name);
                    written.push(json);
                }
                Block::CachePoint(_) => self.cache_point(block, &mut written),
                Block::Opaque(opaque) if opaque.protocol == Protocol::BedrockConverse => {
                    written.push(opaque.json.clone());
                }
                Block::Opaque(opaque) => self.losses.drop(opaque.what.clone()),
                _ => {}
            }
        }
        if let Some(name) = lone_document.filter(|_| !has_text) {
            // A message with a document and no text is refused; its name adds the least.
            self.losses.change("document");
            written.push(json::object_text(|o| o.string("text", &name)));
        }
        Ok(written)
    }

    /// A point behind the block that it marks; where nothing stands before it there is nothing to cache.
    fn cache_point(&mut self, block: &Block, written: &mut Vec<String>) {
        let Block::CachePoint(point) = block else { return };
        if !caches(self.target.model) {
            self.losses.drop("cache_control");
        } else if written.last().is_some_and(|last| !last.starts_with(r#"{"cachePoint""#)) {
            written.push(json::object_text(|o| cache_point(o, point)));
        }
    }

    /// Thoughts go back to whoever can check them, and to nobody else.
    fn thinking(&mut self, thinking: &Thinking) -> Option<String> {
        let signature = thinking.signature.as_ref();
        let own = signature.filter(|known| known.origin == Origin::Anthropic && is_claude(self.target.model));
        let Some(signature) = own else {
            self.losses.drop("thinking");
            return None;
        };
        Some(json::object_text(|o| {
            o.object("reasoningContent", |o| {
                if thinking.redacted {
                    o.string("redactedContent", &signature.value);
                } else {
                    o.object("reasoningText", |o| {
                        o.string("text", &thinking.text);
                        o.string("signature", &signature.value);
                    });
                }
            });
        }))
    }

    fn result(&mut self, result: &ToolResult) -> Result<String, Error> {
        let mut content: Vec<String> = Vec::with_capacity(result.content.len());
        let mut points = Vec::new();
        for block in &result.content {
            match block {
                // An empty text is refused, an empty list is not.
                Block::Text(text) if text.text.is_empty() => {}
                Block::Text(text) => content.push(json::object_text(|o| o.string("text", &text.text))),
                Block::Media(media) if media.kind == MediaKind::Audio => {
                    let message = "Results of tools for this model cannot hold audio.";
                    return Err(Error::invalid_request(message, Some("messages")));
                }
                Block::Media(media) => content.push(self.media(media)?.0),
                Block::Opaque(opaque) if opaque.protocol == Protocol::BedrockConverse => {
                    content.push(opaque.json.clone());
                }
                Block::Opaque(opaque) => self.losses.drop(opaque.what.clone()),
                // Points stand between the blocks of a message, not within a result.
                Block::CachePoint(_) => points.push(block),
                _ => self.losses.drop("tool_result"),
            }
        }
        let json = json::object_text(|o| {
            o.object("toolResult", |o| {
                o.string("toolUseId", &tool_id(&result.id));
                o.array("content", |a: &mut Array<'_>| content.iter().for_each(|item| a.raw(item)));
                if result.is_error {
                    o.string("status", "error");
                }
            });
        });
        let mut written = vec![json];
        if let Some(point) = points.last() {
            self.cache_point(point, &mut written);
        }
        Ok(written.join(","))
    }

    /// Media, and the name of a document.
    fn media(&mut self, media: &Media) -> Result<(String, Option<String>), Error> {
        let source = self.source(media)?;
        let format = media_format(media)?;
        self.losses.drop_if(media.detail.as_deref().is_some_and(|detail| detail != "auto"), "image.detail");
        let name = (media.kind == MediaKind::Document).then(|| self.unique_name(media));
        let json = json::object_text(|o| {
            o.object(media.kind.as_str(), |o| {
                o.string("format", format);
                o.maybe_string("name", name.as_deref());
                o.raw("source", &source);
                if media.kind == MediaKind::Document {
                    o.maybe_string("context", media.context.as_deref());
                    if media.citations {
                        o.object("citations", |o| o.bool("enabled", true));
                    }
                }
            });
        });
        Ok((json, name))
    }

    fn source(&self, media: &Media) -> Result<String, Error> {
        match &media.source {
            Source::Base64(data) => Ok(json::object_text(|o| o.string("bytes", data))),
            Source::Text(text) => Ok(json::object_text(|o| o.string("bytes", &base64::encode(text.as_bytes())))),
            Source::Url(url) if url.starts_with("s3://") => {
                Ok(json::object_text(|o| o.object("s3Location", |o| o.string("uri", url))))
            }
            Source::Url(_) => {
                let message =
                    "This model's provider fetches nothing from the web. Send the data in Base64, or an s3: address.";
                Err(Error::invalid_request(message, Some(&format!("{}.url", media.kind.as_str()))))
            }
            Source::FileId(_) => {
                let message = "This model's provider has no files of another provider. Send the data in Base64.";
                Err(Error::invalid_request(message, Some(&format!("{}.file_id", media.kind.as_str()))))
            }
        }
    }

    fn unique_name(&mut self, media: &Media) -> String {
        let plain = document_name(media.name.as_deref().unwrap_or("document"));
        let mut name = plain.clone();
        while self.documents.contains_key(&name) {
            let number = self.documents.entry(plain.clone()).or_insert(1);
            *number += 1;
            name = format!("{plain} ({number})");
        }
        self.documents.insert(name.clone(), 1);
        name
    }
}

fn media_format(media: &Media) -> Result<&'static str, Error> {
    let address = match &media.source {
        Source::Url(url) => Some(&**url),
        _ => None,
    };
    let named = [media.name.as_deref(), address].into_iter().flatten().find_map(mime_of_name);
    let seen = match &media.source {
        Source::Base64(data) if media.kind == MediaKind::Image => image_mime(data),
        _ => None,
    };
    let mimes = [seen, media.mime.as_deref(), named];
    let known = mimes.into_iter().flatten().find_map(|mime| format(media.kind, mime));
    let is_text = matches!(media.source, Source::Text(_)) && media.kind == MediaKind::Document;
    known.or_else(|| is_text.then_some("txt")).ok_or_else(|| {
        let kind = media.kind.as_str();
        let message = format!("This model's provider does not take this format of {kind}.");
        Error::invalid_request(message, Some(kind))
    })
}
