//! Reading the items of `input`.
//!
//! What the model said is several items in this protocol and one turn elsewhere, so neighbouring items of the model become
//! blocks of one turn, in their order.

use std::collections::HashMap;

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, Opaque, Prompt, Protocol, Role, Signature, Text, Thinking, ToolCall, ToolKind, ToolResult, Turn,
};

use super::super::fields::{Place, wrong};
use super::super::types::{BETWEEN_PARTS, Belongs, open};
use super::decode::extra;
use super::parts;
use crate::codec::new_id;
use crate::json::{self, Value};

/// Signatures of calls by the calls' ids. They come in items of their own, before the call or behind it.
type Signatures = HashMap<String, Signature>;

/// Reads `input`: a text, or a list of items.
pub(super) fn read(input: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    if let Some(text) = input.as_str() {
        prompt.turns.push(Turn::new(Role::User, vec![Block::text(text)]));
        return Ok(());
    }
    if !input.is_array() {
        return Err(wrong("input", "a string or an array of items"));
    }
    let mut signatures = Signatures::new();
    for (at, item) in input.items().iter().enumerate() {
        if !item.is_object() {
            return Err(Place::item(at).wrong("", "an object"));
        }
        read_item(item, Place::item(at), &mut signatures, prompt)?;
    }
    if !signatures.is_empty() {
        for block in prompt.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
            if let Block::ToolCall(call) = block {
                call.signature = signatures.remove(&call.id);
            }
        }
    }
    Ok(())
}

fn read_item(item: &Value<'_>, place: Place, signatures: &mut Signatures, prompt: &mut Prompt) -> Result<(), Error> {
    let kind = item.get("type").map(|kind| kind.as_str().ok_or_else(|| place.wrong("type", "a string"))).transpose()?;
    let known: &[&str] = match kind {
        None | Some("message") => {
            message(item, place, prompt)?;
            &["type", "role", "content", "id", "status", "phase"]
        }
        Some("function_call") => {
            call(item, place, ToolKind::Function, prompt)?;
            &["type", "id", "call_id", "name", "arguments", "status"]
        }
        Some("custom_tool_call") => {
            call(item, place, ToolKind::Custom, prompt)?;
            &["type", "id", "call_id", "name", "input", "status"]
        }
        Some("function_call_output") => {
            result(item, place, ToolKind::Function, prompt)?;
            &["type", "id", "call_id", "output", "status"]
        }
        Some("custom_tool_call_output") => {
            result(item, place, ToolKind::Custom, prompt)?;
            &["type", "id", "call_id", "output", "status"]
        }
        Some("reasoning") => {
            reasoning(item, signatures, prompt);
            &["type", "id", "summary", "content", "encrypted_content", "status"]
        }
        Some(kind) => {
            opaque(item, kind, prompt);
            return Ok(());
        }
    };
    for (name, value) in item.present().filter(|(name, _)| !known.contains(name)) {
        extra(prompt, place.path(name), value);
    }
    Ok(())
}

/// Adds to the turn of the model, which goes on as long as nobody else speaks.
fn push(prompt: &mut Prompt, role: Role, blocks: impl IntoIterator<Item = Block>) {
    match prompt.turns.last_mut() {
        Some(turn) if turn.role == role => turn.blocks.extend(blocks),
        _ => prompt.turns.push(Turn::new(role, blocks.into_iter().collect())),
    }
}

fn message(item: &Value<'_>, place: Place, prompt: &mut Prompt) -> Result<(), Error> {
    let role = match item.str("role") {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        _ => return Err(place.wrong("role", "`user`, `assistant`, `system` or `developer`")),
    };
    let mut blocks = Vec::new();
    match item.get("content") {
        Some(content) if content.is_string() => blocks.extend(content.as_str().map(Block::text)),
        Some(content) if content.is_array() => parts::read(content, "content", place, &mut blocks, prompt)?,
        _ => return Err(place.wrong("content", "a string or an array of parts")),
    }
    if role != Role::Assistant {
        prompt.turns.push(Turn::new(role, blocks));
        return Ok(());
    }
    if let Some(phase) = item.str("phase") {
        push(prompt, role, [marker("phase", phase)]);
    }
    push(prompt, role, blocks);
    Ok(())
}

/// Something that stands before the blocks of a message, and says more of it.
fn marker(what: &str, word: &str) -> Block {
    let json = json::literal(word);
    Block::Opaque(Opaque { protocol: Protocol::OpenAiResponses, what: what.to_owned(), json })
}

fn call(item: &Value<'_>, place: Place, kind: ToolKind, prompt: &mut Prompt) -> Result<(), Error> {
    let arguments = if kind == ToolKind::Custom { "input" } else { "arguments" };
    let id = item.string("call_id").or_else(|| item.string("id")).filter(|id| !id.is_empty());
    let call = ToolCall {
        id: id.unwrap_or_else(|| new_id("call_")),
        name: place.required(item, "name")?,
        arguments: match item.get(arguments) {
            // Some clients send back what they parsed.
            Some(value) if value.is_object() => value.raw().to_owned(),
            Some(_) => place.required(item, arguments)?,
            None => String::new(),
        },
        kind,
        signature: None,
        item_id: item.string("id"),
    };
    push(prompt, Role::Assistant, [Block::ToolCall(call)]);
    Ok(())
}

fn result(item: &Value<'_>, place: Place, kind: ToolKind, prompt: &mut Prompt) -> Result<(), Error> {
    let mut content = Vec::new();
    match item.get("output") {
        Some(output) if output.is_array() => parts::read(output, "output", place, &mut content, prompt)?,
        Some(output) if output.is_string() => content.extend(output.as_str().map(Block::text)),
        Some(output) => content.push(Block::text(output.raw())),
        None => return Err(place.wrong("output", "a string or an array of parts")),
    }
    let result = ToolResult { id: place.required(item, "call_id")?, content, kind, ..ToolResult::default() };
    push(prompt, Role::Tool, [Block::ToolResult(result)]);
    Ok(())
}

fn reasoning(item: &Value<'_>, signatures: &mut Signatures, prompt: &mut Prompt) {
    let (mut thoughts, belongs) = thoughts(item);
    match belongs {
        Belongs::Thoughts | Belongs::Redacted => {}
        Belongs::Call(id) => {
            signatures.extend(thoughts.pop().and_then(|last| last.signature).map(|signature| (id, signature)));
        }
        Belongs::Text => {
            let signature = thoughts.pop().and_then(|last| last.signature);
            sign_text(signature, prompt);
        }
    }
    if !thoughts.is_empty() {
        push(prompt, Role::Assistant, thoughts.into_iter().map(Block::Thinking));
    }
}

/// Gives a signature to the last words of the model, or to empty ones if it said none.
fn sign_text(signature: Option<Signature>, prompt: &mut Prompt) {
    if let Some(Turn { role: Role::Assistant, blocks, .. }) = prompt.turns.last_mut()
        && let Some(Block::Text(text)) = blocks.last_mut()
    {
        text.signature = signature;
        return;
    }
    push(prompt, Role::Assistant, [Block::Text(Text { signature, ..Text::default() })]);
}

/// The thoughts of a reasoning item: its summary and its content, the signature with the last of them; never none. And
/// to what the signature belongs.
pub(in super::super) fn thoughts(item: &Value<'_>) -> (Vec<Thinking>, Belongs) {
    let id = item.string("id").filter(|id| !id.is_empty());
    let thinking = |text: String, summary| Thinking { text, summary, id: id.clone(), ..Thinking::default() };
    let mut thoughts = Vec::with_capacity(1);
    for (member, summary) in [("summary", true), ("content", false)] {
        let text = joined(item.array(member));
        if !text.is_empty() {
            thoughts.push(thinking(text, summary));
        }
    }
    if thoughts.is_empty() {
        thoughts.push(thinking(String::new(), true));
    }
    let encrypted = item.str("encrypted_content").filter(|text| !text.is_empty());
    let mut belongs = Belongs::Thoughts;
    if let (Some(last), Some(encrypted)) = (thoughts.last_mut(), encrypted) {
        let (signature, its) = open(encrypted);
        belongs = its;
        last.redacted = belongs == Belongs::Redacted;
        last.signature = Some(signature);
    }
    (thoughts, belongs)
}

fn joined(parts: &[Value<'_>]) -> String {
    let mut text = String::new();
    for part in parts.iter().filter_map(|part| part.str("text")) {
        if !text.is_empty() {
            text.push_str(BETWEEN_PARTS);
        }
        text.push_str(part);
    }
    text
}

/// An item that only this protocol has. What hosted tools did is the model's; answers to it are not.
fn opaque(item: &Value<'_>, kind: &str, prompt: &mut Prompt) {
    let answers = kind.ends_with("_output") || kind.ends_with("_response");
    let role = if answers { Role::Tool } else { Role::Assistant };
    let json = item.raw().to_owned();
    push(prompt, role, [Block::Opaque(Opaque { protocol: Protocol::OpenAiResponses, what: kind.to_owned(), json })]);
}
