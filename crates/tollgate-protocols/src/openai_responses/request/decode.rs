//! Reading a client's request.

use tollgate_core::Error;
use tollgate_core::ir::{Block, Effort, Extra, Format, Prompt, Protocol, Role, Turn};

use super::super::fields::{bool, float, text, uint, wrong};
use super::super::types::LOGPROBS;
use super::{input, tools};
use crate::json::{self, Value};

/// Reads a client's request.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(body: &[u8]) -> Result<Prompt, Error> {
    let root = json::parse(body).map_err(|fault| {
        Error::invalid_request(format!("The request body is not valid JSON: {}.", fault.message), None)
    })?;
    if !root.is_object() {
        return Err(Error::invalid_request("The request body must be a JSON object.", None));
    }
    let mut prompt = Prompt::new(Protocol::OpenAiResponses);
    if let Some(instructions) = root.get("instructions") {
        instructions_turn(instructions, &mut prompt)?;
    }
    if let Some(input) = root.get("input") {
        input::read(input, &mut prompt)?;
    }
    for (name, value) in root.present() {
        if !(sampling(name, value, &mut prompt)? || setting(name, value, &mut prompt)?) {
            extra(&mut prompt, name, value);
        }
    }
    if prompt.user.is_none() {
        prompt.user = root.string("safety_identifier");
    }
    // Here alternatives can be asked for alone; elsewhere they are refused without the chosen tokens' own.
    match prompt.sampling.top_logprobs {
        Some(0) if prompt.sampling.logprobs.is_none() => prompt.sampling.top_logprobs = None,
        Some(1..) => prompt.sampling.logprobs = Some(true),
        _ => {}
    }
    Ok(prompt)
}

pub(super) fn extra(prompt: &mut Prompt, name: impl Into<String>, value: &Value<'_>) {
    prompt.extras.push(Extra { name: name.into(), json: value.raw().to_owned() });
}

/// Instructions are a text, or, in stored prompts, a list of items.
fn instructions_turn(instructions: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    if let Some(text) = instructions.as_str() {
        prompt.turns.push(Turn::new(Role::System, vec![Block::text(text)]));
        prompt.instructions = true;
        return Ok(());
    }
    if instructions.is_array() {
        return input::read(instructions, prompt);
    }
    Err(wrong("instructions", "a string"))
}

fn sampling(name: &str, value: &Value<'_>, prompt: &mut Prompt) -> Result<bool, Error> {
    let sampling = &mut prompt.sampling;
    match name {
        "max_output_tokens" => sampling.max_tokens = uint(value, name)?,
        "temperature" => sampling.temperature = float(value, name)?,
        "top_p" => sampling.top_p = float(value, name)?,
        "top_k" => sampling.top_k = uint(value, name)?,
        "min_p" => sampling.min_p = float(value, name)?,
        "presence_penalty" => sampling.presence_penalty = float(value, name)?,
        "frequency_penalty" => sampling.frequency_penalty = float(value, name)?,
        "repetition_penalty" => sampling.repetition_penalty = float(value, name)?,
        "top_logprobs" => sampling.top_logprobs = uint(value, name)?,
        "seed" => sampling.seed = Some(value.as_i64().ok_or_else(|| wrong(name, "a whole number"))?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn setting(name: &str, value: &Value<'_>, prompt: &mut Prompt) -> Result<bool, Error> {
    match name {
        "input" | "instructions" => {}
        "model" => prompt.model = text(value, name)?.unwrap_or_default(),
        "tools" => tools::read(value, prompt)?,
        "tool_choice" => tools::read_choice(value, prompt)?,
        "parallel_tool_calls" => prompt.parallel_tool_calls = bool(value, name)?,
        "text" => text_settings(value, prompt)?,
        "reasoning" => reasoning(value, prompt)?,
        "include" => include(value, prompt)?,
        "stream" => prompt.stream = bool(value, name)?.unwrap_or(false),
        "store" => prompt.store = bool(value, name)?,
        "user" => prompt.user = text(value, name)?,
        "service_tier" => prompt.service_tier = text(value, name)?,
        "prompt_cache_key" => prompt.prompt_cache_key = text(value, name)?,
        "metadata" if value.is_object() => prompt.metadata = Some(value.raw().to_owned()),
        "metadata" => return Err(wrong(name, "an object")),
        "background" => {
            bool(value, name)?;
            return Ok(false);
        }
        "previous_response_id" | "truncation" | "safety_identifier" => {
            text(value, name)?;
            return Ok(false);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn include(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    if !value.is_array() || value.items().iter().any(|entry| !entry.is_string()) {
        return Err(wrong("include", "an array of strings"));
    }
    if value.items().iter().any(|entry| entry.as_str() == Some(LOGPROBS)) {
        prompt.sampling.logprobs = Some(true);
    }
    extra(prompt, "include", value);
    Ok(())
}

fn text_settings(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    if !value.is_object() {
        return Err(wrong("text", "an object"));
    }
    for (name, value) in value.present() {
        match name {
            "format" => prompt.format = Some(format(value)?),
            "verbosity" => prompt.verbosity = text(value, "text.verbosity")?,
            _ => extra(prompt, ["text.", name].concat(), value),
        }
    }
    Ok(())
}

fn format(value: &Value<'_>) -> Result<Format, Error> {
    match value.str("type") {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => {
            let schema = value.get("schema").filter(|schema| schema.is_object());
            Ok(Format::JsonSchema {
                name: value.string("name"),
                description: value.string("description"),
                schema: schema.ok_or_else(|| wrong("text.format.schema", "an object"))?.raw().to_owned(),
                strict: value.get("strict").map(|v| bool(v, "text.format.strict")).transpose()?.flatten(),
            })
        }
        _ => Err(wrong("text.format.type", "`text`, `json_object` or `json_schema`")),
    }
}

fn reasoning(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    if !value.is_object() {
        return Err(wrong("reasoning", "an object"));
    }
    for (name, value) in value.present() {
        match name {
            "effort" => {
                let effort = value.as_str().and_then(Effort::parse);
                let words = "`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`";
                prompt.reasoning.effort = Some(effort.ok_or_else(|| wrong("reasoning.effort", words))?);
            }
            // `generate_summary` is the older name.
            "summary" | "generate_summary" => {
                prompt.reasoning.summary = text(value, "reasoning.summary")?;
                prompt.reasoning.include = Some(true);
            }
            _ => extra(prompt, ["reasoning.", name].concat(), value),
        }
    }
    Ok(())
}
