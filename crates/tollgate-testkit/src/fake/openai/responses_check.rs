//! What OpenAI's Responses refuse.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::script::{Ask, MISSING_MODEL, THOUGHT, data_url, digest, list, text_of, unknown};
use super::chat_check::{chosen, schema, well_named};
use super::{invalid, known, range, reasons};
use crate::Reply;

const KNOWN: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
const PARAMS: &[&str] = &[
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "reasoning",
    "service_tier",
    "user",
    "metadata",
    "parallel_tool_calls",
    "tool_choice",
    "truncation",
];

/// The items before and in this request.
pub(super) fn history(body: &Value, stored: &HashMap<String, Vec<Value>>) -> Result<Vec<Value>, Reply> {
    let mut items = match body["previous_response_id"].as_str() {
        None => Vec::new(),
        Some(id) => stored.get(id).cloned().ok_or_else(|| {
            let message = format!("Previous response with id '{id}' not found.");
            invalid("previous_response_id", "previous_response_not_found", message)
        })?,
    };
    match &body["input"] {
        Value::String(text) => items.push(json!({ "type": "message", "role": "user", "content": text })),
        Value::Array(input) => items.extend(input.iter().cloned()),
        _ => return Err(invalid("input", "missing_required_parameter", "Missing required parameter: 'input'.")),
    }
    Ok(items)
}

/// What proves that a reasoning item was this server's.
pub(super) fn encrypted(id: &str) -> String {
    format!("gAAAA{}", digest(&format!("{id}{THOUGHT}")))
}

pub(super) fn request(body: &Value, history: &[Value]) -> Result<Ask, Reply> {
    known(body, KNOWN)?;
    let model = body["model"].as_str();
    let model =
        model.ok_or_else(|| invalid("model", "missing_required_parameter", "Missing required parameter: 'model'."))?;
    if model == MISSING_MODEL {
        // Chat Completions say 404 here; Responses do not.
        return Err(invalid("model", "model_not_found", format!("The requested model '{model}' does not exist.")));
    }
    range(body, "temperature", 0.0, 2.0)?;
    range(body, "top_p", 0.0, 1.0)?;
    for name in ["temperature", "top_p"] {
        if reasons(model) && !body[name].is_null() {
            let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
            return Err(invalid(name, "unsupported_parameter", message));
        }
    }
    if !reasons(model) && !body["reasoning"]["effort"].is_null() {
        return Err(invalid("reasoning.effort", "unsupported_parameter", "Unsupported parameter: 'reasoning.effort'."));
    }
    if body["max_output_tokens"].as_u64().is_some_and(|limit| limit < 16) {
        let message = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.";
        return Err(invalid("max_output_tokens", "integer_below_min_value", message));
    }
    let mut ask = Ask { thinking: reasons(model) && body["reasoning"]["effort"] != "none", ..Ask::default() };
    text_of(&body["instructions"]).clone_into(&mut ask.system);
    tools(body, &mut ask)?;
    let format = &body["text"]["format"];
    match format["type"].as_str() {
        Some("json_schema") => schema("text.format", format)?,
        None | Some("json_object" | "text") => {}
        _ => return Err(invalid("text.format.type", "invalid_value", "Invalid value for 'text.format.type'.")),
    }
    ask.json = matches!(format["type"].as_str(), Some("json_schema" | "json_object"));
    items(history, &mut ask)?;
    ask.note_params(body, PARAMS);
    Ok(ask)
}

fn tools(body: &Value, ask: &mut Ask) -> Result<(), Reply> {
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        let param = format!("tools[{at}]");
        if tool["type"] != "function" {
            continue;
        }
        let fields = ["type", "name", "description", "parameters", "strict", "defer_loading", "allowed_callers"];
        if let Some(name) = unknown(tool, &fields) {
            return Err(invalid(&param, "unknown_parameter", format!("Unknown parameter: '{param}.{name}'.")));
        }
        if !well_named(text_of(&tool["name"])) {
            let message = format!("Missing required parameter: '{param}.name'.");
            return Err(invalid(&format!("{param}.name"), "missing_required_parameter", message));
        }
        let parameters = &tool["parameters"];
        let strict = tool["strict"] != false;
        // What is not said to be loose is strict.
        if strict && parameters.is_object() && parameters["additionalProperties"] != false {
            let rule = "'additionalProperties' is required to be supplied and to be false.";
            let message = format!("Invalid schema for function '{}': {rule}", text_of(&tool["name"]));
            return Err(invalid(&format!("{param}.parameters"), "invalid_function_parameters", message));
        }
        ask.tools.push(text_of(&tool["name"]).to_owned());
    }
    ask.parallel = body["parallel_tool_calls"] != false;
    let choice = &body["tool_choice"];
    ask.choice = chosen(choice, &choice["name"], &choice["mode"])?;
    Ok(())
}

/// Reads the items: pairs of calls and outputs, and reasoning with what follows it.
fn items(items: &[Value], ask: &mut Ask) -> Result<(), Reply> {
    let mut open: Vec<&str> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let param = format!("input[{at}]");
        if let Some(id) = item["id"].as_str().filter(|_| item["type"] != "item_reference") {
            if seen.contains(&id) {
                let message = format!("Duplicate item found with id {id}. Remove duplicate items from your input.");
                return Err(invalid("input", "", message));
            }
            seen.push(id);
        }
        match item["type"].as_str().unwrap_or("message") {
            "message" => message(item, &param, ask)?,
            "function_call" => {
                let id = text_of(&item["call_id"]);
                if id.is_empty() || !item["name"].is_string() || !item["arguments"].is_string() {
                    return Err(invalid(&param, "missing_required_parameter", format!("Missing '{param}.call_id'.")));
                }
                if item["id"].as_str().is_some_and(|id| !id.starts_with("fc")) {
                    let message = format!("Invalid '{param}.id'. Expected an ID that begins with 'fc'.");
                    return Err(invalid(&param, "invalid_value", message));
                }
                open.push(id);
                ask.calls += 1;
                ask.results.clear();
            }
            "function_call_output" => {
                let id = text_of(&item["call_id"]);
                let known = open.iter().position(|open| *open == id).ok_or_else(|| {
                    invalid("input", "", format!("No tool call found for function call output with call_id {id}."))
                })?;
                open.remove(known);
                let parts = list(&item["output"]).iter().map(|part| text_of(&part["text"]));
                ask.results.push(std::iter::once(text_of(&item["output"])).chain(parts).collect());
            }
            "reasoning" => reasoning(items, at)?,
            _ => {}
        }
    }
    match open.first() {
        Some(id) => Err(invalid("input", "", format!("No tool output found for function call {id}."))),
        None => Ok(()),
    }
}

fn reasoning(items: &[Value], at: usize) -> Result<(), Reply> {
    let id = text_of(&items[at]["id"]);
    let proof = &items[at]["encrypted_content"];
    if !proof.is_null() && *proof != *encrypted(id) {
        let message = format!("The encrypted content for item {id} could not be verified.");
        return Err(invalid("input", "invalid_encrypted_content", message));
    }
    let next = items.get(at + 1);
    let follows = next.is_some_and(|next| match text_of(&next["type"]) {
        "function_call" | "reasoning" => true,
        "message" | "" => next["role"] == "assistant",
        _ => false,
    });
    if !follows {
        let message = format!("Item '{id}' of type 'reasoning' was provided without its required following item.");
        return Err(invalid("input", "", message));
    }
    Ok(())
}

fn message(item: &Value, param: &str, ask: &mut Ask) -> Result<(), Reply> {
    let role = text_of(&item["role"]);
    let mut texts = vec![text_of(&item["content"])];
    for part in list(&item["content"]) {
        let kind = text_of(&part["type"]);
        match (role, kind) {
            ("assistant", "output_text") | ("user" | "system" | "developer", "input_text") => {
                texts.push(text_of(&part["text"]));
            }
            ("assistant", "refusal") | ("user", "input_file" | "input_audio") => {}
            ("user", "input_image") => {
                let url = text_of(&part["image_url"]);
                let fetched = (url.starts_with("http") || part["file_id"].is_string()).then(|| (0, "url".to_owned()));
                let message = "Invalid 'image_url'. Expected a valid URL or a base64-encoded data URL.";
                ask.image = Some(data_url(url).or(fetched).ok_or_else(|| invalid(param, "invalid_value", message))?);
            }
            _ => {
                let message = format!("Invalid value: '{kind}' in '{param}.content' of role '{role}'.");
                return Err(invalid(&format!("{param}.content"), "invalid_value", message));
            }
        }
    }
    texts.retain(|text| !text.is_empty());
    let text = texts.join("\n");
    match role {
        "user" => {
            ask.text = text;
            ask.results.clear();
        }
        "assistant" => ask.results.clear(),
        "system" | "developer" => {
            ask.system = if ask.system.is_empty() { text } else { format!("{}\n{text}", ask.system) };
        }
        _ => return Err(invalid(&format!("{param}.role"), "invalid_value", format!("Invalid value: '{role}'."))),
    }
    Ok(())
}
