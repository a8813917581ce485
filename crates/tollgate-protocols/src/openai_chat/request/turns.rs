//! The conversation in a client's request.

use std::collections::{HashMap, VecDeque};

use tollgate_core::Error;
use tollgate_core::ir::{Block, Extra, Opaque, Protocol, Role, Text, Thinking, ToolCall, ToolKind, ToolResult, Turn};

use super::fields::{At, wrong};
use super::parts;
use super::tools::cache_point;
use crate::codec::new_id;
use crate::json::Value;
use crate::openai_chat::details;
use crate::openai_chat::types::google_signature;

pub(super) fn decode(value: &Value<'_>, extras: &mut Vec<Extra>) -> Result<Vec<Turn>, Error> {
    if !value.is_array() || value.items().is_empty() {
        return Err(wrong("messages", "a list of messages that is not empty"));
    }
    let mut reader = Reader { extras, kinds: HashMap::new(), waiting: HashMap::new() };
    value.items().iter().enumerate().map(|(index, message)| reader.message(message, index)).collect()
}

struct Reader<'a> {
    extras: &'a mut Vec<Extra>,
    /// The kinds of tools by the ids of their calls.
    kinds: HashMap<String, ToolKind>,
    /// Calls without an id of the client's, by name: their results come by name too.
    waiting: HashMap<String, VecDeque<String>>,
}

impl Reader<'_> {
    fn message(&mut self, message: &Value<'_>, index: usize) -> Result<Turn, Error> {
        let at = At { message: index, part: None };
        let role = message.str("role").ok_or_else(|| at.wrong("role", "a string"))?;
        let role = match role {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" | "function" => Role::Tool,
            _ => {
                let expected = "`system`, `developer`, `user`, `assistant` or `tool`";
                return Err(at.wrong("role", expected));
            }
        };
        let mut turn = Turn::new(role, Vec::new());
        if role == Role::Tool {
            turn.blocks.push(Block::ToolResult(self.result(message, at)?));
        } else {
            turn.name = message.string("name");
            if role == Role::Assistant {
                turn.blocks.extend(details::thoughts(message).into_iter().map(Block::Thinking));
            }
            self.content(message, at, role == Role::Assistant, &mut turn.blocks)?;
        }
        if role == Role::Assistant {
            self.assistant(message, at, &mut turn.blocks)?;
        }
        turn.blocks.extend(cache_point(message).map(Block::CachePoint));
        self.unknown(message, role);
        Ok(turn)
    }

    fn content(&mut self, message: &Value<'_>, at: At, optional: bool, blocks: &mut Vec<Block>) -> Result<(), Error> {
        match message.get("content") {
            Some(content) => parts::decode(content, at, blocks, self.extras),
            None if optional => Ok(()),
            None => Err(at.wrong("content", "a string or a list of parts")),
        }
    }

    /// What only a model's messages have, behind their content.
    fn assistant(&mut self, message: &Value<'_>, at: At, blocks: &mut Vec<Block>) -> Result<(), Error> {
        if let Some(refusal) = message.str("refusal").filter(|refusal| !refusal.is_empty()) {
            blocks.push(Block::Refusal(refusal.to_owned()));
        }
        if let Some(signature) = google_signature(message) {
            match blocks.iter_mut().rev().find_map(as_text) {
                Some(text) => text.signature = Some(signature),
                None => blocks.push(Block::Thinking(Thinking { signature: Some(signature), ..Thinking::default() })),
            }
        }
        if let Some(audio) = message.get("audio") {
            let json = audio.raw().to_owned();
            blocks.push(Block::Opaque(Opaque { protocol: Protocol::OpenAiChat, what: "audio".to_owned(), json }));
        }
        if message.get("tool_calls").is_some_and(|calls| !calls.is_array()) {
            return Err(at.wrong("tool_calls", "a list of calls"));
        }
        for call in message.array("tool_calls") {
            blocks.push(Block::ToolCall(self.call(call, at)?));
        }
        if let Some(call) = message.get("function_call") {
            blocks.push(Block::ToolCall(self.named_call(call, None, at, "function_call")?));
        }
        Ok(())
    }

    fn call(&mut self, call: &Value<'_>, at: At) -> Result<ToolCall, Error> {
        let id = call.str("id").filter(|id| !id.is_empty());
        let mut read = match call.get("custom") {
            Some(custom) => ToolCall {
                id: id.map_or_else(|| new_id("call_"), str::to_owned),
                name: custom.string("name").ok_or_else(|| at.wrong("tool_calls.custom.name", "a string"))?,
                arguments: custom.string("input").unwrap_or_default(),
                kind: ToolKind::Custom,
                ..ToolCall::default()
            },
            None => {
                let function = call.get("function").ok_or_else(|| at.wrong("tool_calls.function", "an object"))?;
                self.named_call(function, id, at, "tool_calls.function")?
            }
        };
        read.signature = google_signature(call);
        self.kinds.insert(read.id.clone(), read.kind);
        Ok(read)
    }

    fn named_call(&mut self, call: &Value<'_>, id: Option<&str>, at: At, field: &str) -> Result<ToolCall, Error> {
        let name = call.string("name").ok_or_else(|| at.wrong(&format!("{field}.name"), "a string"))?;
        let id = id.map(str::to_owned).unwrap_or_else(|| {
            let id = new_id("call_");
            self.waiting.entry(name.clone()).or_default().push_back(id.clone());
            id
        });
        let arguments = match call.get("arguments") {
            // Mistral accepts an object here, and so do many servers after it.
            Some(value) => value.to_text().unwrap_or_else(|| value.raw().to_owned()),
            None => String::new(),
        };
        Ok(ToolCall { id, name, arguments, ..ToolCall::default() })
    }

    fn result(&mut self, message: &Value<'_>, at: At) -> Result<ToolResult, Error> {
        let name = message.string("name");
        let id = message.str("tool_call_id").filter(|id| !id.is_empty()).map(str::to_owned);
        let id = id.or_else(|| self.waiting.get_mut(name.as_deref()?)?.pop_front());
        let id = id.ok_or_else(|| at.wrong("tool_call_id", "the id of the call that this is the result of"))?;
        let mut content = Vec::new();
        self.content(message, at, true, &mut content)?;
        let kind = self.kinds.get(&id).copied().unwrap_or_default();
        Ok(ToolResult { id, name, content, is_error: false, kind })
    }

    fn unknown(&mut self, message: &Value<'_>, role: Role) {
        const ANY: [&str; 6] = ["role", "content", "name", "cache_control", "prompt_cache_breakpoint", "id"];
        const ASSISTANT: [&str; 13] = [
            "refusal",
            "audio",
            "tool_calls",
            "function_call",
            "reasoning_content",
            "reasoning",
            "reasoning_text",
            "reasoning_details",
            "thinking_blocks",
            "extra_content",
            "annotations",
            "prefix",
            "images",
        ];
        for (name, value) in message.present() {
            let is_known = ANY.contains(&name)
                || (role == Role::Assistant && ASSISTANT.contains(&name))
                || (role == Role::Tool && name == "tool_call_id");
            // A member that says nothing, such as `tool_calls: []` of a user, is no loss.
            let says_nothing = value.is_array() && value.items().is_empty();
            if !is_known && !says_nothing {
                self.extras.push(Extra { name: format!("messages.{name}"), json: value.raw().to_owned() });
            }
        }
    }
}

fn as_text(block: &mut Block) -> Option<&mut Text> {
    match block {
        Block::Text(text) => Some(text),
        _ => None,
    }
}
