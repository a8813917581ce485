//! From turns to `contents`.

use std::collections::HashMap;

use tollgate_core::Error;
use tollgate_core::ir::{Block, Losses, Media, Origin, Prompt, Signature, Thinking, ToolCall, ToolKind, ToolResult};

use super::encode::current_turn;
use super::media::{Resolution, write_media};
use super::turns::is_object;
use crate::codec::{MergedTurn, Speaker, Target, Thinks, tool_names};
use crate::gemini_generate::parts::{OWN, object_arguments, write_call, write_text};
use crate::gemini_generate::types::SKIP_SIGNATURE;
use crate::json::{self, Array, Object};

/// What writing a part needs to know.
struct Writer<'a, 'l> {
    prompt: &'a Prompt,
    names: HashMap<&'a str, &'a str>,
    /// Whether the model wants signatures back (Gemini 3), and takes media in results.
    third: bool,
    resolution: Resolution,
    losses: &'l mut Losses,
}

/// Writes `contents`.
pub(super) fn write(
    turns: &[MergedTurn<'_>],
    prompt: &Prompt,
    target: &Target<'_>,
    losses: &mut Losses,
    o: &mut Object<'_>,
) -> Result<(), Error> {
    let third = target.gates.thinks == Thinks::Level;
    let resolution = Resolution::of(prompt, third);
    let mut writer = Writer { prompt, names: tool_names(prompt), third, resolution, losses };
    let current = current_turn(turns);
    let mut result = Ok(());
    o.array("contents", |contents| {
        for (at, turn) in turns.iter().enumerate() {
            let mut parts = json::array_text(|parts| {
                if result.is_ok() {
                    result = writer.turn(turn, at > current, parts);
                }
            });
            if parts == "[]" {
                // Nothing of it can be sent, such as thoughts of another model; neighbours are merged by the provider.
                if turn.speaker == Speaker::User {
                    continue;
                }
                parts = r#"[{"text":""}]"#.to_owned();
            }
            contents.object(|o| {
                o.string("role", if turn.speaker == Speaker::User { "user" } else { "model" });
                o.raw("parts", &parts);
            });
        }
    });
    result
}

impl Writer<'_, '_> {
    fn turn(&mut self, turn: &MergedTurn<'_>, is_current: bool, parts: &mut Array<'_>) -> Result<(), Error> {
        let mut wants_skip = self.third && is_current;
        let mut late: Vec<&Media> = Vec::new();
        let last_result = turn.blocks.iter().rposition(|block| matches!(block, Block::ToolResult(_)));
        for (at, block) in turn.blocks.iter().enumerate() {
            match block {
                Block::Text(text) => {
                    self.losses.drop_if(!text.citations.is_empty(), "citations");
                    let signature = self.own(text.signature.as_ref());
                    if !text.text.is_empty() || signature.is_some() {
                        parts.object(|o| write_text(o, &text.text, false, signature));
                    }
                }
                Block::Thinking(thinking) => self.thinking(thinking, parts),
                Block::ToolCall(call) => self.call(call, std::mem::take(&mut wants_skip), parts),
                Block::ToolResult(result) => late.extend(self.result(result, parts)?),
                Block::Media(media) => write_media(media, self.prompt, &self.resolution, self.losses, parts)?,
                Block::Refusal(text) => {
                    self.losses.change("refusal");
                    parts.object(|o| o.string("text", text));
                }
                Block::Opaque(opaque) if opaque.protocol == OWN => parts.raw(&opaque.json),
                Block::Opaque(opaque) => self.losses.drop(opaque.what.clone()),
                _ => {}
            }
            if Some(at) == last_result {
                for media in late.drain(..) {
                    self.losses.change("tool_result.image");
                    write_media(media, self.prompt, &self.resolution, self.losses, parts)?;
                }
            }
        }
        Ok(())
    }

    /// A signature, if Google made it.
    fn own<'s>(&mut self, signature: Option<&'s Signature>) -> Option<&'s str> {
        let signature = signature?;
        if signature.origin != Origin::Google {
            self.losses.drop("signature");
            return None;
        }
        Some(&signature.value)
    }

    fn thinking(&mut self, thinking: &Thinking, parts: &mut Array<'_>) {
        match &thinking.signature {
            Some(signature) if signature.origin == Origin::Google => {
                parts.object(|o| write_text(o, &thinking.text, true, Some(&signature.value)));
            }
            None if self.prompt.protocol == OWN && !thinking.text.is_empty() => {
                parts.object(|o| write_text(o, &thinking.text, true, None));
            }
            _ => self.losses.drop("thinking"),
        }
    }

    fn call(&mut self, call: &ToolCall, wants_skip: bool, parts: &mut Array<'_>) {
        let signature = self.own(call.signature.as_ref()).or(wants_skip.then_some(SKIP_SIGNATURE));
        let args = match call.kind {
            ToolKind::Custom => json::object_text(|o| o.string("input", &call.arguments)),
            ToolKind::Function => match object_arguments(&call.arguments) {
                Some(args) => args.to_owned(),
                None => {
                    self.losses.change("tool_calls.arguments");
                    "{}".to_owned()
                }
            },
        };
        parts.object(|o| write_call(o, &call.id, &call.name, &args, signature));
    }

    /// Writes a result; gives back the media that have no place in it.
    fn result<'r>(&mut self, result: &'r ToolResult, parts: &mut Array<'_>) -> Result<Vec<&'r Media>, Error> {
        let known = result.name.as_deref().filter(|name| !name.is_empty());
        let name = known.or_else(|| self.names.get(&*result.id).copied()).ok_or_else(|| {
            let message =
                "A tool's result answers no call in the conversation, and this model's provider wants the name.";
            Error::invalid_request(message, Some("messages"))
        })?;
        let media: Vec<&Media> = result.content.iter().filter_map(as_media).collect();
        let text = result.text();
        let inner = if self.third && !media.is_empty() {
            let mut written = Ok(());
            let inner = json::array_text(|parts| {
                let mut each = media.iter();
                written =
                    each.try_for_each(|media| write_media(media, self.prompt, &self.resolution, self.losses, parts));
            });
            written?;
            Some(inner)
        } else {
            None
        };
        parts.object(|o| {
            o.object("functionResponse", |o| {
                o.string("id", &result.id);
                o.string("name", name);
                let member = if result.is_error { "error" } else { "output" };
                match is_object(&text) {
                    true if !result.is_error => o.raw("response", &text),
                    true => o.object("response", |o| o.raw(member, &text)),
                    false => o.object("response", |o| o.string(member, &text)),
                }
                o.maybe_raw("parts", inner.as_deref());
            });
        });
        Ok(if self.third { Vec::new() } else { media })
    }
}

fn as_media(block: &Block) -> Option<&Media> {
    match block {
        Block::Media(media) => Some(media),
        _ => None,
    }
}
