//! From `contents` to turns.

use std::collections::VecDeque;

use tollgate_core::Error;
use tollgate_core::ir::{Block, Opaque, Prompt, Role, Text, Thinking, ToolCall, ToolResult, Turn};

use super::decode::{extra, wrong};
use crate::gemini_generate::parts::{OWN, Part, thinking};
use crate::gemini_generate::types::{camel, list, member};
use crate::json::{self, Value};

/// The texts of `systemInstruction`.
pub(super) fn system(value: &Value<'_>) -> Result<Vec<Block>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(vec![Block::text(text)]);
    }
    let parts = member(value, "parts").ok_or_else(|| wrong("systemInstruction.parts", "a list of parts"))?;
    let texts = list(parts).iter().map(|part| {
        let text = part.str("text");
        text.map(Block::text).ok_or_else(|| wrong("systemInstruction.parts", "a list of texts"))
    });
    texts.filter(|block| !matches!(block, Ok(Block::Text(text)) if text.text.is_empty())).collect()
}

/// Appends the turns of `contents`.
pub(super) fn decode(contents: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    // The Python SDK's users send a plain string to other endpoints, REST's never do.
    if !contents.is_array() && !contents.is_object() {
        return Err(wrong("contents", "a list"));
    }
    let mut links = Links::default();
    for (at, content) in list(contents).iter().enumerate() {
        let role = match content.str("role") {
            None | Some("user" | "function" | "tool" | "") => Role::User,
            Some("model") => Role::Assistant,
            Some(role) => {
                let param = format!("contents[{at}].role");
                let message = format!("`{role}` is no role here. Use `user` or `model`.");
                return Err(Error::invalid_request(message, Some(&param)));
            }
        };
        // A streamed answer comes back from SDKs as one content for each chunk of it.
        let continues = role == Role::Assistant && prompt.turns.last().is_some_and(|turn| turn.role == role);
        if !continues {
            prompt.turns.push(Turn::new(role, Vec::new()));
        }
        let parts = member(content, "parts").map(list).unwrap_or_default();
        for (number, part) in parts.iter().enumerate() {
            decode_part(part, [at, number], prompt, &mut links)?;
        }
        if prompt.turns.last().is_some_and(|turn| turn.blocks.is_empty()) {
            prompt.turns.pop();
        }
    }
    Ok(())
}

/// Calls that wait for their results, to link those that have no ids.
#[derive(Default)]
struct Links {
    waiting: VecDeque<(String, String)>,
    calls: usize,
}

impl Links {
    /// The id of a call; one made here depends on its place alone, so that the same history is the same prefix for a
    /// provider's prompt cache.
    fn call(&mut self, id: Option<&str>, name: &str) -> String {
        self.calls += 1;
        let id = match id {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => format!("call_{:08}", self.calls),
        };
        self.waiting.push_back((name.to_owned(), id.clone()));
        id
    }

    /// The id of the call that a result answers: the earliest unanswered one of its name where it has none.
    fn answer(&mut self, id: Option<&str>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty());
        let at = match id {
            Some(id) => self.waiting.iter().position(|(_, known)| known == id),
            None => self.waiting.iter().position(|(known, _)| known == name),
        };
        let linked = at.and_then(|at| self.waiting.remove(at)).map(|(_, id)| id);
        linked.or_else(|| id.map(str::to_owned)).unwrap_or_else(|| {
            self.calls += 1;
            format!("call_{:08}", self.calls)
        })
    }
}

fn decode_part(value: &Value<'_>, place: [usize; 2], prompt: &mut Prompt, links: &mut Links) -> Result<(), Error> {
    let path = |name: &str| format!("contents[{}].parts[{}].{name}", place[0], place[1]);
    let part = Part::read(value).map_err(|name| wrong(&path(name), "of its documented type"))?;
    let media = part.media().transpose().map_err(|name| wrong(&path(name), "a string"))?;
    let has_unknown = !part.unknown.is_empty();
    let block = if let Some(media) = media {
        Block::Media(media)
    } else if let Some(call) = part.call {
        let name = call.str("name").filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong(&path("functionCall.name"), "a name"))?;
        Block::ToolCall(ToolCall {
            id: links.call(call.str("id"), name),
            name: name.to_owned(),
            arguments: call.get("args").map(|args| args.raw().to_owned()).unwrap_or_default(),
            signature: part.signature(),
            ..ToolCall::default()
        })
    } else if let Some(result) = part.result {
        let name = result.str("name").unwrap_or_default();
        Block::ToolResult(ToolResult { id: links.answer(result.str("id"), name), ..tool_result(result, &path)? })
    } else if let Some(text) = part.text {
        words(&mut prompt.turns, text, &part);
        note_unknown(&part, &path, prompt);
        return Ok(());
    } else if has_unknown {
        let what = part.unknown.first().map(|(name, _)| camel(name).into_owned()).unwrap_or_default();
        push(&mut prompt.turns, Block::Opaque(Opaque { protocol: OWN, what, json: value.raw().to_owned() }));
        return Ok(());
    } else if let Some(signature) = part.signature() {
        signed(&mut prompt.turns, Text { signature: Some(signature), ..Text::default() });
        return Ok(());
    } else {
        return Ok(());
    };
    push(&mut prompt.turns, block);
    note_unknown(&part, &path, prompt);
    Ok(())
}

fn note_unknown(part: &Part<'_>, path: &impl Fn(&str) -> String, prompt: &mut Prompt) {
    prompt.extras.extend(part.unknown.iter().map(|(name, value)| extra(path(&camel(name)), value)));
}

fn push(turns: &mut [Turn], block: Block) {
    if let Some(turn) = turns.last_mut() {
        turn.blocks.push(block);
    }
}

/// Takes words. The model's go on where its last words stopped, unless those were signed: they are chunks of one text.
fn words(turns: &mut [Turn], text: &str, part: &Part<'_>) {
    let signature = part.signature();
    let is_model = turns.last().is_some_and(|turn| turn.role == Role::Assistant);
    let last = turns.last_mut().and_then(|turn| turn.blocks.last_mut()).filter(|_| is_model);
    if part.thought {
        let new = thinking(text, signature);
        match last {
            Some(Block::Thinking(known)) if known.signature.is_none() && !new.redacted => {
                known.text.push_str(text);
                known.summary = new.summary;
                known.signature = new.signature;
            }
            _ if new == (Thinking { summary: true, ..Thinking::default() }) => {}
            _ => push(turns, Block::Thinking(new)),
        }
        return;
    }
    match last {
        Some(Block::Text(known)) if known.signature.is_none() => {
            known.text.push_str(text);
            known.signature = signature;
        }
        _ => signed(turns, Text { text: text.to_owned(), signature, ..Text::default() }),
    }
}

fn signed(turns: &mut [Turn], text: Text) {
    if !text.text.is_empty() || text.signature.is_some() {
        push(turns, Block::Text(text));
    }
}

/// What a tool said: `{"output": text}` is the text and `{"error": …}` a failure, as Google documents these names;
/// anything else is kept as JSON.
fn tool_result(value: &Value<'_>, path: &impl Fn(&str) -> String) -> Result<ToolResult, Error> {
    let mut result = ToolResult { name: value.string("name"), ..ToolResult::default() };
    if let Some(response) = value.get("response") {
        if !response.is_object() {
            return Err(wrong(&path("functionResponse.response"), "an object"));
        }
        let mut members = response.members();
        let text = match (members.next(), members.next()) {
            (Some(("output", output)), None) if output.is_string() => output.to_text(),
            (Some(("error", error)), None) if !error.is_null() => {
                result.is_error = true;
                Some(error.to_text().unwrap_or_else(|| error.raw().to_owned()))
            }
            _ => Some(response.raw().to_owned()),
        };
        result.content.extend(text.map(Block::text));
    }
    for part in member(value, "parts").map(list).unwrap_or_default() {
        let part = Part::read(part).map_err(|name| wrong(&path(name), "of its documented type"))?;
        if let Some(media) = part.media() {
            let media = media.map_err(|name| wrong(&path(&format!("functionResponse.parts.{name}")), "a string"))?;
            result.content.push(Block::Media(media));
        } else if let Some(text) = part.text {
            result.content.push(Block::text(text));
        }
    }
    Ok(result)
}

/// Whether a text is a JSON object, which goes into a result as it is.
pub(super) fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && json::parse(text.as_bytes()).is_ok_and(|value| value.is_object())
}
