//! Writing a whole answer for a client.

use bytes::Bytes;
use tollgate_core::ir::{Answer, Block, Choice, Protocol, Thinking, ToolKind};

use super::super::types::{Belongs, seal, seal_thinking};
use super::item::{Item, ItemIds, Part, is_cut, item_of_media};
use super::{Envelope, Status, response_id};
use crate::codec::Echo;
use crate::json;

/// Writes a whole answer for a client.
#[must_use]
pub fn encode(answer: &Answer, echo: &Echo) -> Bytes {
    let reason = answer.choices.first().map(|choice| choice.finish.reason).unwrap_or_default();
    let mut ids = ItemIds::of(echo.id.as_deref());
    let items = answer.choices.first().map(|choice| items(choice, &mut ids)).unwrap_or_default();
    let last = items.len().saturating_sub(1);
    let status = |at: usize| if at == last && is_cut(reason) { "incomplete" } else { "completed" };
    let output: Vec<String> = items.iter().enumerate().map(|(at, item)| item.text(status(at))).collect();
    let envelope = Envelope {
        echo,
        id: &response_id(echo, answer.id.as_deref()),
        model: answer.model.as_deref().unwrap_or(&echo.model),
        created: answer.created.unwrap_or(echo.now),
        status: Status::Ended(reason),
        usage: answer.usage.as_ref(),
        service_tier: answer.service_tier.as_deref(),
    };
    let length: usize = output.iter().map(String::len).sum();
    Bytes::from(json::object(length + 1024, |o| envelope.write(o, output.iter().map(String::as_str))))
}

/// The items that say what a choice says.
fn items(choice: &Choice, ids: &mut ItemIds) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(choice.blocks.len());
    let mut before = 0;
    let mut logprobs = choice.logprobs.iter().cloned();
    for block in &choice.blocks {
        match block {
            Block::Text(text) => {
                let part = Part {
                    text: text.text.clone(),
                    citations: text.citations.clone(),
                    logprobs: logprobs.by_ref().take(1).collect(),
                    before,
                    refusal: false,
                };
                before += text.text.chars().count() as u64;
                add_part(&mut items, part, ids);
                let sealed = text.signature.as_ref().map(|signature| seal(signature, &Belongs::Text));
                items.extend(sealed.map(|sealed| Item::bearer(sealed, ids)));
            }
            Block::Refusal(text) => {
                add_part(&mut items, Part { refusal: true, text: text.clone(), ..Part::default() }, ids);
            }
            Block::Thinking(thinking) => items.push(reasoning(thinking, ids)),
            Block::ToolCall(call) => {
                if let Some(signature) = &call.signature {
                    items.push(Item::bearer(seal(signature, &Belongs::Call(call.id.clone())), ids));
                }
                let mut item = Item::call(&call.id, &call.name, call.kind, call.item_id.as_deref(), ids);
                if let Item::Call { arguments, .. } = &mut item {
                    let is_text = call.kind == ToolKind::Custom;
                    arguments.push_str(if is_text { &call.arguments } else { call.arguments_or_empty() });
                }
                items.push(item);
            }
            Block::Media(media) => items.extend(item_of_media(media, ids)),
            Block::Opaque(opaque) if opaque.protocol == Protocol::OpenAiResponses => {
                items.push(Item::own(&opaque.json));
            }
            _ => {}
        }
    }
    items
}

/// Adds to the message at the end, or begins one.
fn add_part(items: &mut Vec<Item>, part: Part, ids: &mut ItemIds) {
    if let Some(Item::Message { parts, .. }) = items.last_mut() {
        parts.push(part);
        return;
    }
    let mut item = Item::message(ids);
    if let Item::Message { parts, .. } = &mut item {
        parts.push(part);
    }
    items.push(item);
}

fn reasoning(thinking: &Thinking, ids: &mut ItemIds) -> Item {
    let mut item = Item::reasoning(thinking.id.as_deref(), ids);
    if let Item::Reasoning { text, encrypted, .. } = &mut item {
        text.push_str(&thinking.text);
        *encrypted = seal_thinking(thinking);
    }
    item
}
