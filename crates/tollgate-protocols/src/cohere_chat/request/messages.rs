//! `messages` and `documents`.

use std::borrow::Cow;

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, Losses, Media, MediaKind, Origin, Prompt, Protocol, Role, Source, ToolCall, ToolKind, ToolResult, Turn,
};

use crate::codec::object_arguments;
use crate::json::{self, Array, Object};

/// The conversation as JSON text.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    messages: Vec<String>,
    documents: Vec<String>,
    /// Pictures that tools answered; they follow the results in a message of the user's.
    pictures: Vec<String>,
}

pub(super) fn conversation(prompt: &Prompt, losses: &mut Losses) -> Result<Conversation, Error> {
    let mut conversation = Conversation::default();
    for turn in &prompt.turns {
        conversation.turn(turn, losses)?;
    }
    conversation.release_pictures();
    Ok(conversation)
}

impl Conversation {
    pub(super) fn capacity(&self) -> usize {
        self.messages.iter().chain(&self.documents).map(|json| json.len() + 1).sum()
    }

    pub(super) fn write(&self, o: &mut Object<'_>) {
        o.array("messages", |a| self.messages.iter().for_each(|message| a.raw(message)));
        if !self.documents.is_empty() {
            o.array("documents", |a| self.documents.iter().for_each(|document| a.raw(document)));
        }
    }

    fn turn(&mut self, turn: &Turn, losses: &mut Losses) -> Result<(), Error> {
        let mut parts = Vec::with_capacity(turn.blocks.len());
        let mut calls = Vec::new();
        let mut thoughts = String::new();
        let mut has_results = false;
        for block in &turn.blocks {
            match block {
                Block::ToolResult(result) => {
                    has_results = true;
                    self.result(result, losses)?;
                }
                Block::ToolCall(call) => calls.push(tool_call(call, losses)),
                Block::Thinking(thinking) => {
                    let is_foreign = thinking.signature.as_ref().is_some_and(|known| known.origin != Origin::Other);
                    losses.drop_if(is_foreign || thinking.redacted, "thinking");
                    if !is_foreign && !thinking.redacted {
                        thoughts.push_str(&thinking.text);
                    }
                }
                block => parts.extend(self.part(block, losses)?),
            }
        }
        if has_results && parts.is_empty() {
            return Ok(());
        }
        self.release_pictures();
        let role = match turn.role {
            Role::System | Role::Developer => "system",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        if !thoughts.is_empty() && calls.is_empty() && role == "assistant" {
            let thinking = json::object_text(|o| {
                o.string("type", "thinking");
                o.string("thinking", &thoughts);
            });
            parts.insert(0, Part::Json(thinking));
        }
        self.messages.push(json::object_text(|o| {
            o.string("role", role);
            // What was thought before tools were called is their plan.
            if !thoughts.is_empty() && !calls.is_empty() {
                o.string("tool_plan", &thoughts);
            }
            if !(parts.is_empty() && role == "assistant" && !calls.is_empty()) {
                write_content(o, &parts);
            }
            if !calls.is_empty() {
                o.array("tool_calls", |a: &mut Array<'_>| calls.iter().for_each(|call| a.raw(call)));
            }
        }));
        Ok(())
    }

    fn part<'b>(&mut self, block: &'b Block, losses: &mut Losses) -> Result<Option<Part<'b>>, Error> {
        Ok(match block {
            Block::Text(text) => {
                losses.drop_if(text.signature.is_some(), "signature");
                losses.drop_if(!text.citations.is_empty(), "citations");
                (!text.text.is_empty()).then_some(Part::Text(&text.text))
            }
            Block::Refusal(text) => {
                losses.change("refusal");
                Some(Part::Text(text))
            }
            Block::Media(media) => self.media(media, losses)?.map(Part::Json),
            Block::Opaque(opaque) if opaque.protocol == Protocol::CohereChat => Some(Part::Json(opaque.json.clone())),
            Block::Opaque(opaque) => {
                losses.drop(opaque.what.clone());
                None
            }
            // The provider caches by itself.
            _ => None,
        })
    }

    /// A picture as a part; a document goes beside the messages, where answers can cite it.
    fn media(&mut self, media: &Media, losses: &mut Losses) -> Result<Option<String>, Error> {
        match (media.kind, &media.source) {
            (MediaKind::Image, Source::Base64(_) | Source::Url(_)) => Ok(Some(image(media, losses))),
            (MediaKind::Document, Source::Text(text)) => {
                losses.change("document");
                self.documents.push(json::object_text(|o| {
                    o.object("data", |o| {
                        o.maybe_string("title", media.name.as_deref());
                        o.maybe_string("context", media.context.as_deref());
                        o.string("text", text);
                    });
                }));
                Ok(None)
            }
            _ => {
                let message = "This model's provider takes text, images and documents of plain text only.";
                Err(Error::invalid_request(message, Some(media.kind.as_str())))
            }
        }
    }

    fn result(&mut self, result: &ToolResult, losses: &mut Losses) -> Result<(), Error> {
        losses.drop_if(result.is_error, "tool_result.is_error");
        let mut parts = Vec::with_capacity(result.content.len());
        for block in &result.content {
            match block {
                Block::Text(text) if is_object(&text.text) => {
                    parts.push(Part::Json(json::object_text(|o| {
                        o.string("type", "document");
                        o.object("document", |o| o.object("data", |o| copy_members(o, &text.text)));
                    })));
                }
                Block::Media(media) if media.kind == MediaKind::Image => {
                    losses.change("tool_result.image");
                    let picture = self.media(media, losses)?;
                    self.pictures.extend(picture);
                }
                block => parts.extend(self.part(block, losses)?),
            }
        }
        self.messages.push(json::object_text(|o| {
            o.string("role", "tool");
            o.string("tool_call_id", &result.id);
            write_content(o, &parts);
        }));
        Ok(())
    }

    fn release_pictures(&mut self) {
        if !self.pictures.is_empty() {
            let pictures = std::mem::take(&mut self.pictures);
            self.messages.push(json::object_text(|o| {
                o.string("role", "user");
                o.array("content", |a| pictures.iter().for_each(|picture| a.raw(picture)));
            }));
        }
    }
}

/// A part of a message's content.
enum Part<'a> {
    Text(&'a str),
    Json(String),
}

/// A string where that is enough, else a list.
fn write_content(o: &mut Object<'_>, parts: &[Part<'_>]) {
    match parts {
        [] => o.string("content", ""),
        [Part::Text(text)] => o.string("content", text),
        parts => o.array("content", |a| {
            for part in parts {
                match part {
                    Part::Json(json) => a.raw(json),
                    Part::Text(text) => a.object(|o| {
                        o.string("type", "text");
                        o.string("text", text);
                    }),
                }
            }
        }),
    }
}

fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && json::parse(text.as_bytes()).is_ok_and(|value| value.is_object())
}

fn copy_members(o: &mut Object<'_>, text: &str) {
    if let Ok(value) = json::parse(text.as_bytes()) {
        value.members().for_each(|(name, member)| o.raw(name, member.raw()));
    }
}

fn image(media: &Media, losses: &mut Losses) -> String {
    let url = match &media.source {
        Source::Url(url) => Cow::Borrowed(&**url),
        Source::Base64(data) => {
            let mime = media.mime.as_deref().unwrap_or("image/png");
            Cow::Owned(format!("data:{mime};base64,{data}"))
        }
        _ => Cow::Borrowed(""),
    };
    let detail = media.detail.as_deref().filter(|detail| matches!(*detail, "auto" | "low" | "high"));
    losses.drop_if(media.detail.is_some() && detail.is_none(), "image.detail");
    json::object_text(|o| {
        o.string("type", "image_url");
        o.object("image_url", |o| {
            o.string("url", &url);
            o.maybe_string("detail", detail);
        });
    })
}

fn tool_call(call: &ToolCall, losses: &mut Losses) -> String {
    losses.drop_if(call.signature.is_some(), "signature");
    let arguments = match call.kind {
        ToolKind::Custom => object_arguments(call, losses),
        ToolKind::Function => Cow::Borrowed(call.arguments_or_empty()),
    };
    json::object_text(|o| {
        o.string("id", &call.id);
        o.string("type", "function");
        o.object("function", |o| {
            o.string("name", &call.name);
            o.string("arguments", &arguments);
        });
    })
}
