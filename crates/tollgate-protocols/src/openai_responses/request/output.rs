//! Writing turns as the items of `input`.

use std::collections::HashSet;

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, Losses, Media, MediaKind, Opaque, Origin, Prompt, Protocol, Role, Source, Text, Thinking, ToolCall,
    ToolKind, ToolResult, Turn,
};

use super::encode::is_system;
use super::parts::{PART, write_annotations};
use crate::codec::{ReasoningReplay, Target};
use crate::json::{self, Array, Object};

/// The first turn's words, if they can be sent as `instructions`.
pub(in super::super) fn instructions(prompt: &Prompt) -> Option<&str> {
    let first = prompt.turns.first()?;
    match &first.blocks[..] {
        [Block::Text(text)] if first.role == Role::System && first.name.is_none() => Some(&text.text),
        _ => None,
    }
}

/// Writes items.
pub(super) struct Writer<'a, 'b> {
    prompt: &'a Prompt,
    target: &'b Target<'b>,
    losses: &'b mut Losses,
    out: &'b mut Vec<u8>,
    /// A reasoning item that waits for the item that it led to; alone it would be refused.
    reasoning: Option<String>,
    /// The ids of reasoning items; one that comes twice is refused.
    reasoning_ids: HashSet<&'a str>,
    /// The calls of tools with free text, by which their results are known.
    custom_calls: HashSet<&'a str>,
}

impl<'a, 'b> Writer<'a, 'b> {
    pub(super) fn new(
        prompt: &'a Prompt,
        target: &'b Target<'b>,
        losses: &'b mut Losses,
        out: &'b mut Vec<u8>,
    ) -> Self {
        Self {
            prompt,
            target,
            losses,
            out,
            reasoning: None,
            reasoning_ids: HashSet::new(),
            custom_calls: HashSet::new(),
        }
    }

    fn is_own(&self) -> bool {
        self.prompt.protocol == Protocol::OpenAiResponses
    }

    /// Writes all turns as an array.
    pub(super) fn turns(mut self, turns: &'a [Turn]) -> Result<(), Error> {
        self.out.push(b'[');
        for turn in turns {
            self.losses.drop_if(turn.name.is_some(), "messages.name");
            self.turn(turn)?;
        }
        self.end_of_reasoning();
        self.out.push(b']');
        Ok(())
    }

    fn turn(&mut self, turn: &'a Turn) -> Result<(), Error> {
        if turn.role != Role::Assistant {
            self.end_of_reasoning();
        }
        let mut parts: Vec<&'a Block> = Vec::new();
        let mut phase = None;
        let mut at = 0;
        while let Some(block) = turn.blocks.get(at) {
            at += 1;
            match block {
                Block::Text(_) | Block::Refusal(_) | Block::Media(_) | Block::CachePoint(_) => parts.push(block),
                Block::Opaque(opaque) if opaque.protocol != Protocol::OpenAiResponses => {
                    self.losses.drop(opaque.what.clone());
                }
                Block::Opaque(opaque) if opaque.what.starts_with(PART) => parts.push(block),
                _ => {
                    self.message(turn.role, &mut parts, phase.take())?;
                    match block {
                        Block::Thinking(first) => {
                            let more = turn.blocks.get(at..).unwrap_or_default();
                            at += self.thinking(first, more);
                        }
                        Block::ToolCall(call) => self.call(call),
                        Block::ToolResult(result) => self.result(result)?,
                        Block::Opaque(opaque) if opaque.what == "phase" => phase = Some(&*opaque.json),
                        Block::Opaque(opaque) => self.opaque(opaque),
                        _ => {}
                    }
                }
            }
        }
        self.message(turn.role, &mut parts, phase)
    }

    fn item(&mut self, members: impl FnOnce(&mut Object<'_>)) {
        self.comma();
        json::append_object(self.out, members);
    }

    fn comma(&mut self) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
    }

    fn raw(&mut self, json: &str) {
        self.comma();
        self.out.extend_from_slice(json.as_bytes());
    }

    /// What the thoughts led to follows now.
    fn flush_reasoning(&mut self) {
        if let Some(item) = self.reasoning.take() {
            self.raw(&item);
        }
    }

    /// Nothing follows the thoughts. A client of this protocol is believed to know what it does.
    fn end_of_reasoning(&mut self) {
        if self.is_own() {
            self.flush_reasoning();
        }
        self.reasoning = None;
    }

    fn opaque(&mut self, opaque: &Opaque) {
        self.flush_reasoning();
        self.raw(&opaque.json);
    }

    fn message(&mut self, role: Role, parts: &mut Vec<&'a Block>, phase: Option<&str>) -> Result<(), Error> {
        let parts = std::mem::take(parts);
        let has_content = parts.iter().any(|part| match part {
            Block::CachePoint(_) => false,
            // An empty text beside calls says nothing.
            Block::Text(text) => role != Role::Assistant || !text.text.is_empty(),
            _ => true,
        });
        if !has_content {
            return Ok(());
        }
        let role_word = match role {
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::Developer if self.target.dialect.developer_role => "developer",
            Role::Developer => "system",
            Role::User | Role::Tool => "user",
        };
        let content = if role == Role::Assistant { self.said(&parts) } else { self.asked(&parts, role)? };
        self.flush_reasoning();
        self.item(|o| {
            o.string("type", "message");
            o.string("role", role_word);
            o.raw("content", &content);
            o.maybe_raw("phase", phase);
        });
        Ok(())
    }

    /// The content of a message of the model.
    fn said(&mut self, parts: &[&Block]) -> String {
        json::array_text(|a| {
            for part in parts {
                match part {
                    Block::Text(text) => {
                        self.losses.drop_if(text.signature.is_some(), "signature");
                        if !text.text.is_empty() {
                            write_output_text(a, text);
                        }
                    }
                    Block::Refusal(refusal) => a.object(|o| {
                        o.string("type", "refusal");
                        o.string("refusal", refusal);
                    }),
                    Block::Media(media) => self.losses.drop(media.kind.as_str()),
                    Block::Opaque(opaque) => a.raw(&opaque.json),
                    _ => {}
                }
            }
        })
    }

    /// The content of anybody else's message.
    fn asked(&mut self, parts: &[&Block], role: Role) -> Result<String, Error> {
        if let [Block::Text(text)] = parts {
            return Ok(json::literal(&text.text));
        }
        let mut result = Ok(());
        let content = json::array_text(|a| {
            for part in parts {
                if let Err(error) = self.asked_part(a, part, role) {
                    result = Err(error);
                    return;
                }
            }
        });
        result.map(|()| content)
    }

    fn asked_part(&mut self, a: &mut Array<'_>, part: &Block, role: Role) -> Result<(), Error> {
        match part {
            Block::Text(Text { text, .. }) | Block::Refusal(text) => a.object(|o| {
                o.string("type", "input_text");
                o.string("text", text);
            }),
            Block::Media(media) => {
                if is_system(role) && media.kind != MediaKind::Image && media.kind != MediaKind::Document {
                    return Err(Error::invalid_request(
                        "A system message can hold text and images only.",
                        Some("messages"),
                    ));
                }
                self.media(a, media)?;
            }
            Block::Opaque(opaque) if opaque.protocol == Protocol::OpenAiResponses => a.raw(&opaque.json),
            Block::Opaque(opaque) => self.losses.drop(opaque.what.clone()),
            // Caching is automatic.
            _ => {}
        }
        Ok(())
    }

    fn media(&mut self, a: &mut Array<'_>, media: &Media) -> Result<(), Error> {
        let refused =
            |what: &str| Err(Error::invalid_request(format!("The provider takes no {what}."), Some("messages")));
        match (media.kind, &media.source) {
            (MediaKind::Image, Source::Text(_)) => return refused("image that is text"),
            (MediaKind::Image, source) => a.object(|o| {
                o.string("type", "input_image");
                match source {
                    Source::Base64(data) => o.string("image_url", &data_url(media, data, "image/png")),
                    Source::FileId(id) => o.string("file_id", id),
                    Source::Url(url) | Source::Text(url) => o.string("image_url", url),
                }
                o.string("detail", media.detail.as_deref().unwrap_or("auto"));
            }),
            (MediaKind::Document, source) => {
                self.losses.drop_if(media.context.is_some(), "document.context");
                self.losses.drop_if(media.citations, "citations");
                self.document(a, media, source);
            }
            (MediaKind::Audio, Source::Base64(data)) => a.object(|o| {
                o.string("type", "input_audio");
                o.object("input_audio", |o| {
                    o.string("data", data);
                    o.string("format", audio_format(media.mime.as_deref()));
                });
            }),
            (MediaKind::Audio, _) => return refused("audio by its address"),
            (MediaKind::Video, _) => return refused("video"),
        }
        Ok(())
    }

    fn document(&mut self, a: &mut Array<'_>, media: &Media, source: &Source) {
        if let Source::Text(text) = source {
            self.losses.change("document");
            a.object(|o| {
                o.string("type", "input_text");
                o.string("text", text);
            });
            return;
        }
        a.object(|o| {
            o.string("type", "input_file");
            match source {
                Source::Base64(data) => {
                    o.string("filename", media.name.as_deref().unwrap_or("document.pdf"));
                    o.string("file_data", &data_url(media, data, "application/pdf"));
                }
                Source::FileId(id) => o.string("file_id", id),
                Source::Url(url) | Source::Text(url) => o.string("file_url", url),
            }
            o.maybe_string("detail", media.detail.as_deref());
        });
    }

    /// Writes thoughts, with those that follow under the same id; gives the number of the latter.
    fn thinking(&mut self, first: &'a Thinking, following: &'a [Block]) -> usize {
        let mut item = vec![first];
        item.extend(following.iter().map_while(|block| match block {
            Block::Thinking(next) if next.id.is_some() && next.id == first.id => Some(next),
            _ => None,
        }));
        let taken = item.len() - 1;
        let own = item.iter().filter_map(|thinking| thinking.signature.as_ref());
        let encrypted = own.clone().find(|signature| signature.origin == Origin::OpenAi);
        let foreign = encrypted.is_none() && own.clone().next().is_some();
        let by_id = self.is_own() && first.id.is_some();
        let as_text = self.target.dialect.reasoning_replay != ReasoningReplay::None
            && item.iter().any(|thinking| !thinking.text.is_empty());
        if foreign || !(encrypted.is_some() || by_id || as_text) {
            self.losses.drop_if(
                item.iter().any(|thinking| !thinking.text.is_empty() || thinking.signature.is_some()),
                "thinking",
            );
            return taken;
        }
        if first.id.as_deref().is_some_and(|id| !self.reasoning_ids.insert(id)) {
            return taken;
        }
        self.flush_reasoning_if_own();
        self.reasoning = Some(json::object_text(|o| {
            o.string("type", "reasoning");
            o.maybe_string("id", first.id.as_deref());
            // OpenAI shows nothing but summaries, and refuses them as raw thoughts; other protocols do not say which they are.
            let all_summaries = encrypted.is_some() && !self.is_own();
            let texts = |summary: bool| {
                let item = &item;
                item.iter()
                    .filter(move |thinking| (thinking.summary || all_summaries) == summary && !thinking.text.is_empty())
            };
            o.array("summary", |a| texts(true).for_each(|thinking| write_typed(a, "summary_text", &thinking.text)));
            if texts(false).next().is_some() {
                o.array("content", |a| {
                    texts(false).for_each(|thinking| write_typed(a, "reasoning_text", &thinking.text));
                });
            }
            o.maybe_string("encrypted_content", encrypted.map(|signature| &*signature.value));
        }));
        taken
    }

    /// One reasoning item may follow another, which the first of them led to.
    fn flush_reasoning_if_own(&mut self) {
        if self.reasoning.is_some() {
            self.flush_reasoning();
        }
    }

    fn call(&mut self, call: &'a ToolCall) {
        self.losses.drop_if(call.signature.is_some(), "signature");
        self.flush_reasoning();
        let custom = call.kind == ToolKind::Custom;
        if custom {
            self.custom_calls.insert(&call.id);
        }
        let is_own = self.is_own();
        self.item(|o| {
            o.string("type", if custom { "custom_tool_call" } else { "function_call" });
            o.maybe_string("id", call.item_id.as_deref().filter(|_| is_own));
            o.string("call_id", &call.id);
            o.string("name", &call.name);
            if custom {
                o.string("input", &call.arguments);
            } else {
                o.string("arguments", if is_own { &call.arguments } else { call.arguments_or_empty() });
            }
        });
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<(), Error> {
        self.losses.drop_if(result.is_error, "tool_result.is_error");
        let custom = result.kind == ToolKind::Custom || self.custom_calls.contains(&*result.id);
        let parts: Vec<&Block> = result.content.iter().collect();
        let output = if parts.is_empty() { "\"\"".to_owned() } else { self.asked(&parts, Role::Tool)? };
        self.item(|o| {
            o.string("type", if custom { "custom_tool_call_output" } else { "function_call_output" });
            o.string("call_id", &result.id);
            o.raw("output", &output);
        });
        Ok(())
    }
}

fn write_typed(a: &mut Array<'_>, kind: &str, text: &str) {
    a.object(|o| {
        o.string("type", kind);
        o.string("text", text);
    });
}

fn write_output_text(a: &mut Array<'_>, text: &Text) {
    a.object(|o| {
        o.string("type", "output_text");
        o.string("text", &text.text);
        let length = if text.citations.is_empty() { 0 } else { text.text.chars().count() as u64 };
        o.array("annotations", |a| write_annotations(a, &text.citations, 0, length));
    });
}

fn data_url(media: &Media, data: &str, default: &str) -> String {
    ["data:", media.mime.as_deref().unwrap_or(default), ";base64,", data].concat()
}

fn audio_format(mime: Option<&str>) -> &str {
    match mime.and_then(|mime| mime.strip_prefix("audio/")) {
        Some("mpeg") => "mp3",
        Some("x-wav" | "wave") | None => "wav",
        Some(format) => format,
    }
}
