//! A client's request.

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, CachePoint, Effort, Extra, Format, Prompt, Protocol, Role, Thought, Tool, ToolChoice, Turn,
};

use super::super::types::read_cache;
use super::content::{read_blocks, unknown};
use crate::json::{self, Value};

/// Reads a client's request. Also requests to count tokens, which have no `max_tokens`.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(body: &[u8]) -> Result<Prompt, Error> {
    let root = json::parse(body).map_err(|fault| {
        Error::invalid_request(format!("The request body is not valid JSON: {fault}."), None).with_source(fault)
    })?;
    if !root.is_object() {
        return Err(Error::invalid_request("The request body must be a JSON object.", None));
    }
    let mut prompt = Prompt::new(Protocol::AnthropicMessages);
    if let Some(system) = root.get("system") {
        let blocks = read_blocks(system, "system", &mut prompt.extras)?;
        if !blocks.is_empty() {
            prompt.turns.push(Turn::new(Role::System, blocks));
        }
    }
    let messages = root.get("messages").ok_or_else(|| wrong("messages", "given"))?;
    read_messages(messages, &mut prompt)?;
    for (name, value) in root.present() {
        read_member(&mut prompt, name, value)?;
    }
    if let Some(cache) = read_cache(&root) {
        mark_last(&mut prompt, cache);
    }
    Ok(prompt)
}

fn read_member(prompt: &mut Prompt, name: &str, value: &Value<'_>) -> Result<(), Error> {
    let sampling = &mut prompt.sampling;
    match name {
        // `anthropic_version` in the body is the platforms' way; the gateway writes its own.
        "system" | "messages" | "cache_control" | "anthropic_version" => {}
        "model" => prompt.model = text(value, name)?,
        "max_tokens" => sampling.max_tokens = Some(count(value, name)?),
        "temperature" => sampling.temperature = Some(number(value, name)?),
        "top_p" => sampling.top_p = Some(number(value, name)?),
        "top_k" => sampling.top_k = Some(count(value, name)?),
        "stop_sequences" => {
            let texts = value.items().iter().map(|item| text(item, name));
            array(value, name)?;
            sampling.stop = texts.collect::<Result<_, _>>()?;
        }
        "stream" => prompt.stream = flag(value, name)?,
        "tools" => {
            array(value, name)?;
            for tool in value.items() {
                let tool = read_tool(tool, &mut prompt.extras)?;
                prompt.tools.push(tool);
            }
        }
        "tool_choice" => read_tool_choice(value, prompt)?,
        "thinking" => read_thinking(value, prompt)?,
        "output_config" => read_output(value, prompt)?,
        // The name of `output_config.format` before it left its beta.
        "output_format" => prompt.format = Some(read_format(value, name)?),
        "metadata" => {
            object(value, name)?;
            prompt.user = value.get("user_id").map(|user| text(user, "metadata.user_id")).transpose()?;
            unknown(value, "metadata", &["user_id"], &mut prompt.extras);
        }
        "service_tier" => {
            let tier = text(value, name)?;
            prompt.service_tier = Some(if tier == "standard_only" { "default".to_owned() } else { tier });
        }
        _ => prompt.extras.push(Extra { name: name.to_owned(), json: value.raw().to_owned() }),
    }
    Ok(())
}

fn read_messages(messages: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    array(messages, "messages")?;
    if messages.items().is_empty() {
        return Err(wrong("messages", "a list of at least one message"));
    }
    for (at, message) in messages.items().iter().enumerate() {
        let role = match message.str("role") {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => return Err(wrong(&format!("messages.{at}.role"), "`user`, `assistant` or `system`")),
        };
        let path = format!("messages.{at}.content");
        let content = message.get("content").ok_or_else(|| wrong(&path, "given"))?;
        let blocks = read_blocks(content, &path, &mut prompt.extras)?;
        unknown(message, "messages", &["role", "content"], &mut prompt.extras);
        prompt.turns.push(Turn::new(role, blocks));
    }
    Ok(())
}

/// A cache point of the whole request marks its last block.
fn mark_last(prompt: &mut Prompt, cache: CachePoint) {
    if let Some(last) = prompt.turns.last_mut().filter(|turn| !matches!(turn.blocks.last(), Some(Block::CachePoint(_))))
    {
        last.blocks.push(Block::CachePoint(cache));
    }
}

fn read_tool(tool: &Value<'_>, extras: &mut Vec<Extra>) -> Result<Tool, Error> {
    const KNOWN: &[&str] = &["type", "name", "description", "input_schema", "strict", "cache_control"];
    object(tool, "tools")?;
    let protocol = Protocol::AnthropicMessages;
    match tool.str("type") {
        None | Some("custom") => {
            let name = tool.get("name").ok_or_else(|| wrong("tools.name", "given"))?;
            let schema = tool.get("input_schema");
            if let Some(schema) = schema {
                object(schema, "tools.input_schema")?;
            }
            unknown(tool, "tools", KNOWN, extras);
            Ok(Tool::Function {
                name: text(name, "tools.name")?,
                description: tool.get("description").map(|value| text(value, "tools.description")).transpose()?,
                parameters: schema.map(|schema| schema.raw().to_owned()),
                strict: tool.get("strict").map(|value| flag(value, "tools.strict")).transpose()?,
                cache: read_cache(tool),
            })
        }
        Some(what) if what.starts_with("web_search_") => Ok(Tool::WebSearch { protocol, json: tool.raw().to_owned() }),
        Some(what) => Ok(Tool::Native { protocol, what: what.to_owned(), json: tool.raw().to_owned() }),
    }
}

fn read_tool_choice(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    object(value, "tool_choice")?;
    prompt.tool_choice = Some(match value.str("type") {
        Some("auto") => ToolChoice::Auto,
        Some("any") => ToolChoice::Any,
        Some("none") => ToolChoice::None,
        Some("tool") => {
            let name = value.get("name").ok_or_else(|| wrong("tool_choice.name", "given"))?;
            ToolChoice::One(text(name, "tool_choice.name")?)
        }
        _ => return Err(wrong("tool_choice.type", "`auto`, `any`, `tool` or `none`")),
    });
    if let Some(disable) = value.get("disable_parallel_tool_use") {
        prompt.parallel_tool_calls = Some(!flag(disable, "tool_choice.disable_parallel_tool_use")?);
    }
    unknown(value, "tool_choice", &["type", "name", "disable_parallel_tool_use"], &mut prompt.extras);
    Ok(())
}

fn read_thinking(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    object(value, "thinking")?;
    prompt.reasoning.thought = Some(match value.str("type") {
        Some("enabled") => {
            let budget = value.get("budget_tokens").ok_or_else(|| wrong("thinking.budget_tokens", "given"))?;
            Thought::Budget(count(budget, "thinking.budget_tokens")?)
        }
        Some("adaptive") => Thought::Adaptive,
        Some("disabled") => Thought::Disabled,
        _ => return Err(wrong("thinking.type", "`enabled`, `adaptive` or `disabled`")),
    });
    prompt.reasoning.include = match value.str("display") {
        Some("omitted") => Some(false),
        Some("summarized") => Some(true),
        _ => None,
    };
    unknown(value, "thinking", &["type", "budget_tokens", "display"], &mut prompt.extras);
    Ok(())
}

fn read_output(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    object(value, "output_config")?;
    if let Some(effort) = value.get("effort") {
        let known = effort.as_str().and_then(Effort::parse);
        let words = "`low`, `medium`, `high`, `xhigh` or `max`";
        prompt.reasoning.effort = Some(known.ok_or_else(|| wrong("output_config.effort", words))?);
    }
    if let Some(format) = value.get("format") {
        prompt.format = Some(read_format(format, "output_config.format")?);
    }
    unknown(value, "output_config", &["effort", "format"], &mut prompt.extras);
    Ok(())
}

fn read_format(value: &Value<'_>, param: &str) -> Result<Format, Error> {
    match (value.str("type"), value.get("schema")) {
        (Some("json_schema"), Some(schema)) if schema.is_object() => {
            let schema = schema.raw().to_owned();
            Ok(Format::JsonSchema { name: None, description: None, schema, strict: None })
        }
        _ => Err(wrong(param, "an object of type `json_schema` with a schema")),
    }
}

// === what is expected ===

/// An error that says what a parameter must be.
pub(super) fn wrong(param: &str, expected: &str) -> Error {
    Error::invalid_request(format!("`{param}` must be {expected}."), Some(param))
}

pub(super) fn text(value: &Value<'_>, param: &str) -> Result<String, Error> {
    value.to_text().ok_or_else(|| wrong(param, "a string"))
}

pub(super) fn flag(value: &Value<'_>, param: &str) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| wrong(param, "true or false"))
}

fn number(value: &Value<'_>, param: &str) -> Result<f64, Error> {
    value.as_f64().ok_or_else(|| wrong(param, "a number"))
}

fn count(value: &Value<'_>, param: &str) -> Result<u64, Error> {
    value.as_u64().ok_or_else(|| wrong(param, "a whole number that is not negative"))
}

pub(super) fn array(value: &Value<'_>, param: &str) -> Result<(), Error> {
    if value.is_array() { Ok(()) } else { Err(wrong(param, "a list")) }
}

pub(super) fn object(value: &Value<'_>, param: &str) -> Result<(), Error> {
    if value.is_object() { Ok(()) } else { Err(wrong(param, "an object")) }
}
