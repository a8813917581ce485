//! Reads a client's request.

use tollgate_core::Error;
use tollgate_core::ir::{Effort, Extra, Format, Prompt, Protocol, Reasoning, Thought, Tool};

use super::fields::{count, flag, object, parse_body, text, wrong};
use super::{tools, turns};
use crate::json::Value;
use crate::openai_chat::settings::setting;

/// Reads a client's request.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(body: &[u8]) -> Result<Prompt, Error> {
    let root = parse_body(body)?;
    let mut prompt = Prompt::new(Protocol::OpenAiChat);
    let messages = root.get("messages").ok_or_else(|| wrong("messages", "a list of messages"))?;
    prompt.turns = turns::decode(messages, &mut prompt.extras)?;
    for (name, value) in root.present() {
        if name != "messages" && !setting(&mut prompt, name, value)? && !conversation(&mut prompt, name, value)? {
            prompt.extras.push(Extra { name: name.to_owned(), json: value.raw().to_owned() });
        }
    }
    // OpenAI is about to replace `user` with `safety_identifier`; both say who the client's user is.
    if prompt.user.is_none()
        && let Some(at) = prompt.extras.iter().position(|extra| extra.name == "safety_identifier")
    {
        prompt.user = root.string("safety_identifier");
        if prompt.user.is_some() {
            prompt.extras.remove(at);
        }
    }
    Ok(prompt)
}

/// Reads what only chats have; `false` if it is nothing of the kind.
fn conversation(prompt: &mut Prompt, name: &str, value: &Value<'_>) -> Result<bool, Error> {
    match name {
        "tools" => tools::decode(value, &mut prompt.tools)?,
        "functions" => tools::decode_functions(value, &mut prompt.tools)?,
        "tool_choice" => prompt.tool_choice = Some(tools::decode_choice(value)?),
        "function_call" => prompt.tool_choice = Some(tools::decode_function_choice(value)?),
        "web_search_options" => prompt
            .tools
            .push(Tool::WebSearch { protocol: Protocol::OpenAiChat, json: object(value, name)?.unwrap_or_default() }),
        "parallel_tool_calls" => prompt.parallel_tool_calls = flag(value, name)?,
        "response_format" => prompt.format = Some(format(value)?),
        "reasoning_effort" => return Ok(effort(&mut prompt.reasoning, value)),
        "reasoning" => return Ok(reasoning(&mut prompt.reasoning, value)),
        "thinking" => return Ok(thinking(&mut prompt.reasoning, value)),
        "extra_body" => return Ok(googles(&mut prompt.reasoning, value)),
        "include_reasoning" => prompt.reasoning.include = flag(value, name)?,
        "max_completion_tokens" => prompt.sampling.max_tokens = count(value, name)?,
        // Together has a number here.
        "logprobs" if value.as_u64().is_some() => return Ok(false),
        "logprobs" => prompt.sampling.logprobs = flag(value, name)?,
        "top_logprobs" => prompt.sampling.top_logprobs = count(value, name)?,
        "verbosity" => prompt.verbosity = Some(text(value, name)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn format(value: &Value<'_>) -> Result<Format, Error> {
    let param = "response_format";
    let kind = value.str("type").ok_or_else(|| wrong("response_format.type", "a string"))?;
    match kind {
        "text" => Ok(Format::Text),
        // llama.cpp takes a schema here.
        "json_object" => Ok(match value.get("schema").filter(|schema| schema.is_object()) {
            Some(schema) => {
                Format::JsonSchema { name: None, description: None, schema: schema.raw().to_owned(), strict: None }
            }
            None => Format::JsonObject,
        }),
        "json_schema" => {
            let inner = value.get("json_schema").filter(|inner| inner.is_object());
            let inner = inner.ok_or_else(|| wrong("response_format.json_schema", "an object"))?;
            Ok(Format::JsonSchema {
                name: inner.string("name"),
                description: inner.string("description"),
                schema: inner.get("schema").map_or("{}", Value::raw).to_owned(),
                strict: inner.get("strict").and_then(Value::as_bool),
            })
        }
        _ => Err(wrong(param, "of type `text`, `json_object` or `json_schema`")),
    }
}

/// A word that nobody knows, or a number, is a provider's own and goes to it as it is.
fn effort(reasoning: &mut Reasoning, value: &Value<'_>) -> bool {
    let effort = value.as_str().and_then(Effort::parse);
    reasoning.effort = effort.or(reasoning.effort);
    effort.is_some()
}

/// OpenRouter's `reasoning`.
fn reasoning(reasoning: &mut Reasoning, value: &Value<'_>) -> bool {
    if !value.is_object() {
        return false;
    }
    reasoning.effort = value.str("effort").and_then(Effort::parse).or(reasoning.effort);
    let is_asked = reasoning.effort.is_some();
    let switch = value.get("enabled").and_then(Value::as_bool);
    reasoning.thought = match (value.u64("max_tokens"), switch) {
        (_, Some(false)) => Some(Thought::Disabled),
        (Some(budget), _) => Some(Thought::Budget(budget)),
        (None, Some(true)) if !is_asked => Some(Thought::Adaptive),
        _ => reasoning.thought,
    };
    reasoning.summary = value.string("summary");
    reasoning.include = value.get("exclude").and_then(Value::as_bool).map(|exclude| !exclude).or(reasoning.include);
    true
}

/// What clients of Google's own layer for this protocol say of thinking: `{"google": {"thinking_config": {…}}}`. Anything
/// else there is not known, and then all of it is kept as it is.
fn googles(reasoning: &mut Reasoning, value: &Value<'_>) -> bool {
    fn only<'v>(value: &'v Value<'v>, name: &str) -> Option<&'v Value<'v>> {
        value.present().all(|(member, _)| member == name).then(|| value.get(name)).flatten()
    }
    let config = only(value, "google").and_then(|google| only(google, "thinking_config"));
    let Some(config) = config.filter(|config| config.is_object()) else { return false };
    for (name, value) in config.present() {
        match (name, value.as_i64(), value.as_str(), value.as_bool()) {
            ("thinking_budget", Some(0), ..) => reasoning.thought = Some(Thought::Disabled),
            ("thinking_budget", Some(..0), ..) => reasoning.thought = Some(Thought::Adaptive),
            ("thinking_budget", Some(budget), ..) => reasoning.thought = Some(Thought::Budget(budget.unsigned_abs())),
            ("thinking_level", _, Some(level), _) => reasoning.effort = Effort::parse(level).or(reasoning.effort),
            ("include_thoughts", .., Some(include)) => reasoning.include = Some(include),
            _ => return false,
        }
    }
    true
}

/// The switch `thinking` of DeepSeek, Moonshot and Z.ai, and Anthropic's with a budget.
fn thinking(reasoning: &mut Reasoning, value: &Value<'_>) -> bool {
    let budget = value.u64("budget_tokens").map(Thought::Budget);
    reasoning.thought = match value.str("type") {
        Some("disabled") => Some(Thought::Disabled),
        Some("enabled") => Some(budget.unwrap_or(Thought::Adaptive)),
        Some("adaptive") => Some(Thought::Adaptive),
        _ => return false,
    };
    true
}
