//! What Anthropic's API refuses in messages.

use serde_json::Value;

use super::super::script::{Ask, base64_length, list, text_of};
use super::{invalid, signature};
use crate::Reply;

/// Reads the messages into `ask`.
pub(super) fn read(body: &Value, ask: &mut Ask) -> Result<(), Reply> {
    let messages = list(&body["messages"]);
    let first = messages.first().ok_or_else(|| invalid("messages: at least one message is required"))?;
    if first["role"] != "user" {
        return Err(invalid("messages: first message must use the \"user\" role"));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut with_tools = false;
    for (at, message) in messages.iter().enumerate() {
        match message["role"].as_str() {
            Some("user") => user(at, message, &mut open, ask)?,
            Some("assistant") => {
                answered(at, &open)?;
                open = assistant(at, message, ask)?;
                with_tools |= !open.is_empty();
            }
            _ => {
                let rule = "Input should be 'user' or 'assistant'";
                return Err(invalid(format!("messages.{at}.role: {rule}")));
            }
        }
    }
    answered(messages.len(), &open)?;
    if with_tools && ask.tools.is_empty() {
        return Err(invalid("Requests which include `tool_use` or `tool_result` blocks must define tools"));
    }
    let last = messages.iter().rfind(|message| message["role"] == "assistant");
    if messages.last().is_some_and(|message| message["role"] == "assistant") {
        prefill(body, ask)?;
    } else if let Some(last) = last.filter(|_| body["thinking"]["type"] == "enabled" && !ask.results.is_empty()) {
        let kind = text_of(&last["content"][0]["type"]);
        if ask.says("think hard") && kind != "thinking" && kind != "redacted_thinking" {
            let found = format!("Expected `thinking` or `redacted_thinking`, but found `{kind}`.");
            let why = "When `thinking` is enabled, a final `assistant` message must start with a thinking block";
            return Err(invalid(format!("messages.{}.content.0.type: {found} {why}", messages.len() - 2)));
        }
    }
    Ok(())
}

fn prefill(body: &Value, ask: &Ask) -> Result<(), Reply> {
    let name = text_of(&body["model"]);
    let refused =
        ["-4-6", "-4-7", "-4-8", "opus-5", "sonnet-5", "fable", "mythos"].iter().any(|part| name.contains(part));
    if refused || ask.thinking {
        return Err(invalid(
            "This model does not support assistant message prefill. \
                            The conversation must end with a user message.",
        ));
    }
    Ok(())
}

fn answered(at: usize, open: &[&str]) -> Result<(), Reply> {
    let Some(id) = open.first() else { return Ok(()) };
    let at = at.saturating_sub(1);
    let rule = "`tool_use` ids were found without `tool_result` blocks immediately after";
    Err(invalid(format!("messages.{at}: {rule}: {id}.")))
}

fn user(at: usize, message: &Value, open: &mut Vec<&str>, ask: &mut Ask) -> Result<(), Reply> {
    let content = &message["content"];
    if let Some(text) = content.as_str() {
        filled(at, text)?;
        answered(at, open)?;
        text.clone_into(&mut ask.text);
        ask.results.clear();
        return Ok(());
    }
    let (mut texts, mut results) = (Vec::new(), Vec::new());
    for (place, block) in list(content).iter().enumerate() {
        match text_of(&block["type"]) {
            "text" => {
                filled(at, text_of(&block["text"]))?;
                texts.push(text_of(&block["text"]));
            }
            "tool_result" => {
                if !texts.is_empty() {
                    return Err(invalid(format!("messages.{at}: `tool_result` blocks must come before other content")));
                }
                let id = text_of(&block["tool_use_id"]);
                let known = open.iter().position(|open| *open == id).ok_or_else(|| {
                    let rule = "unexpected `tool_use_id` found in `tool_result` blocks";
                    invalid(format!("messages.{at}.content.{place}: {rule}: {id}."))
                })?;
                open.remove(known);
                results.push(result(at, &block["content"], ask)?);
            }
            "image" => ask.image = Some(image(at, place, block)?),
            "document" | "search_result" | "container_upload" => {}
            kind => {
                return Err(invalid(format!("messages.{at}.content.{place}: Input tag '{kind}' is not allowed here")));
            }
        }
    }
    if list(content).is_empty() {
        return Err(invalid(format!("messages.{at}: user messages must have non-empty content")));
    }
    answered(at, open)?;
    // Neighbours of one role are one turn.
    if !results.is_empty() || !texts.is_empty() {
        ask.results = results;
    }
    if !texts.is_empty() {
        ask.text = texts.join("\n");
    }
    Ok(())
}

fn filled(at: usize, text: &str) -> Result<(), Reply> {
    if text.is_empty() {
        return Err(invalid(format!("messages.{at}: text content blocks must be non-empty")));
    }
    if text.trim().is_empty() {
        return Err(invalid(format!("messages.{at}: text content blocks must contain non-whitespace text")));
    }
    Ok(())
}

fn result(at: usize, content: &Value, ask: &mut Ask) -> Result<String, Reply> {
    let mut text = text_of(content).to_owned();
    for (place, block) in list(content).iter().enumerate() {
        match text_of(&block["type"]) {
            "text" => text.push_str(text_of(&block["text"])),
            "image" => ask.image = Some(image(at, place, block)?),
            "document" | "search_result" | "tool_reference" => {}
            kind => return Err(invalid(format!("messages.{at}: tool_result: Input tag '{kind}' is not allowed"))),
        }
    }
    Ok(text)
}

fn image(at: usize, place: usize, block: &Value) -> Result<(usize, String), Reply> {
    let source = &block["source"];
    let fail = |what: &str| invalid(format!("messages.{at}.content.{place}.image.source{what}"));
    match text_of(&source["type"]) {
        "url" if text_of(&source["url"]).starts_with("http") => Ok((0, "url".to_owned())),
        "file" => Ok((0, "file".to_owned())),
        "base64" => {
            let mime = text_of(&source["media_type"]);
            if !["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&mime) {
                return Err(fail(
                    ".base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
                ));
            }
            let bytes =
                base64_length(text_of(&source["data"])).ok_or_else(|| fail(".base64.data: invalid base64 data"))?;
            Ok((bytes, mime.to_owned()))
        }
        _ => Err(fail(": Input tag does not match 'base64', 'url', 'file'")),
    }
}

/// Checks a turn of the model; its calls are to be answered next.
fn assistant<'a>(at: usize, message: &'a Value, ask: &mut Ask) -> Result<Vec<&'a str>, Reply> {
    if let Some(text) = message["content"].as_str() {
        filled(at, text)?;
        return Ok(Vec::new());
    }
    let mut open = Vec::new();
    for (place, block) in list(&message["content"]).iter().enumerate() {
        let fail = |what: String| invalid(format!("messages.{at}.content.{place}{what}"));
        match text_of(&block["type"]) {
            "text" => filled(at, text_of(&block["text"]))?,
            "thinking" => {
                let known = signature(text_of(&block["thinking"]));
                if block["signature"] != *known {
                    return Err(fail(": Invalid `signature` in `thinking` block".to_owned()));
                }
            }
            "redacted_thinking" => {
                if text_of(&block["data"]).is_empty() {
                    return Err(fail(": Invalid `data` in `redacted_thinking` block".to_owned()));
                }
            }
            "tool_use" => {
                let id = text_of(&block["id"]);
                let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                if id.is_empty() || !plain {
                    return Err(fail(".tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'".to_owned()));
                }
                if open.contains(&id) {
                    return Err(invalid("messages: `tool_use` ids must be unique"));
                }
                if !block["input"].is_object() {
                    return Err(fail(".tool_use.input: Input should be a valid dictionary".to_owned()));
                }
                open.push(id);
            }
            kind => return Err(fail(format!(": Input tag '{kind}' is not allowed here"))),
        }
    }
    ask.calls += open.len();
    Ok(open)
}
