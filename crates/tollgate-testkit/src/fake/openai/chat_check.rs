//! What OpenAI's Chat Completions refuse.

use serde_json::{Value, json};

use super::super::script::{Ask, Choice, MISSING_MODEL, data_url, list, text_of, unknown};
use super::{invalid, known, range, reasons, refuse};
use crate::Reply;

const KNOWN: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];
const PARAMS: &[&str] = &[
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "reasoning_effort",
    "service_tier",
    "user",
    "metadata",
    "parallel_tool_calls",
    "tool_choice",
    "verbosity",
];

pub(super) fn request(body: &Value) -> Result<Ask, Reply> {
    known(body, KNOWN)?;
    let model = body["model"].as_str();
    let model = model.ok_or_else(|| invalid("model", "", "you must provide a model parameter"))?;
    if model == MISSING_MODEL {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        return Err(refuse(404, &message, &Value::Null, "model_not_found"));
    }
    sampling(body, model)?;
    let effort = text_of(&body["reasoning_effort"]);
    let mut ask = Ask { thinking: reasons(model) && effort != "none", ..Ask::default() };
    tools(body, &mut ask)?;
    ask.json = format(&body["response_format"])?;
    messages(&body["messages"], &mut ask)?;
    ask.note_params(body, PARAMS);
    Ok(ask)
}

fn sampling(body: &Value, model: &str) -> Result<(), Reply> {
    if reasons(model) {
        if !body["max_tokens"].is_null() {
            let hint = "Use 'max_completion_tokens' instead.";
            let message = format!("Unsupported parameter: 'max_tokens' is not supported with this model. {hint}");
            return Err(invalid("max_tokens", "unsupported_parameter", message));
        }
        for name in ["temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "logit_bias"] {
            if !body[name].is_null() && body[name] != json!(1) {
                let message = format!("Unsupported value: '{name}' does not support {} with this model.", body[name]);
                return Err(invalid(name, "unsupported_value", message));
            }
        }
    } else if !body["reasoning_effort"].is_null() {
        return Err(invalid("reasoning_effort", "unsupported_parameter", "Unrecognized request argument supplied"));
    }
    range(body, "temperature", 0.0, 2.0)?;
    range(body, "top_p", 0.0, 1.0)?;
    range(body, "presence_penalty", -2.0, 2.0)?;
    range(body, "frequency_penalty", -2.0, 2.0)?;
    if list(&body["stop"]).len() > 4 {
        return Err(invalid("stop", "array_above_max_length", "Invalid 'stop': array too long."));
    }
    if !body["top_logprobs"].is_null() && body["logprobs"] != true {
        return Err(invalid("top_logprobs", "", "'top_logprobs' requires 'logprobs' to be true."));
    }
    if !body["stream_options"].is_null() && body["stream"] != true {
        return Err(invalid("stream_options", "", "'stream_options' is only allowed when 'stream' is enabled."));
    }
    Ok(())
}

fn tools(body: &Value, ask: &mut Ask) -> Result<(), Reply> {
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        let function = &tool["function"];
        let name = text_of(&function["name"]);
        if tool["type"] != "function" && tool["type"] != "custom" {
            return Err(invalid(&format!("tools[{at}].type"), "invalid_value", "Invalid value for a tool's type."));
        }
        let param = format!("tools[{at}].function");
        if let Some(field) = unknown(function, &["name", "description", "parameters", "strict"]) {
            return Err(invalid(&param, "unknown_parameter", format!("Unknown parameter: '{param}.{field}'.")));
        }
        if !well_named(name) && tool["type"] == "function" {
            return Err(invalid(&param, "invalid_value", format!("Invalid '{param}.name': '{name}'.")));
        }
        let schema = &function["parameters"];
        if !schema.is_null() && schema["type"] != "object" {
            let message = format!("Invalid schema for function '{name}': schema must be of type 'object'.");
            return Err(invalid(&param, "invalid_function_parameters", message));
        }
        ask.tools.push(name.to_owned());
    }
    let choice = &body["tool_choice"];
    if !choice.is_null() && ask.tools.is_empty() {
        return Err(invalid("tool_choice", "", "'tool_choice' is only allowed when 'tools' are specified."));
    }
    if !body["parallel_tool_calls"].is_null() && ask.tools.is_empty() {
        return Err(invalid(
            "parallel_tool_calls",
            "",
            "'parallel_tool_calls' is only allowed when 'tools' are specified.",
        ));
    }
    ask.parallel = body["parallel_tool_calls"] != false;
    ask.choice = chosen(choice, &choice["function"]["name"], &choice["allowed_tools"]["mode"])?;
    Ok(())
}

pub(super) fn well_named(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    plain && (1..=64).contains(&name.len())
}

pub(super) fn chosen(choice: &Value, name: &Value, mode: &Value) -> Result<Choice, Reply> {
    match (choice.as_str(), choice["type"].as_str()) {
        (Some("auto"), _) => Ok(Choice::Auto),
        (None, None) if choice.is_null() => Ok(Choice::Auto),
        (Some("none"), _) => Ok(Choice::None),
        (Some("required"), _) => Ok(Choice::Any),
        (None, Some("function")) if name.is_string() => Ok(Choice::Tool(text_of(name).to_owned())),
        (None, Some("allowed_tools")) => Ok(if *mode == "required" { Choice::Any } else { Choice::Auto }),
        _ => Err(invalid("tool_choice", "invalid_value", format!("Invalid value for 'tool_choice': {choice}."))),
    }
}

fn format(format: &Value) -> Result<bool, Reply> {
    match format["type"].as_str() {
        Some("json_schema") => {
            schema("response_format.json_schema", &format["json_schema"])?;
            Ok(true)
        }
        Some("json_object") => Ok(true),
        Some("text") => Ok(false),
        None if format.is_null() => Ok(false),
        _ => Err(invalid("response_format.type", "invalid_value", "Invalid value for 'response_format.type'.")),
    }
}

/// The rules of a structured output.
pub(super) fn schema(param: &str, format: &Value) -> Result<(), Reply> {
    if !well_named(text_of(&format["name"])) {
        return Err(invalid(
            &format!("{param}.name"),
            "missing_required_parameter",
            format!("Missing '{param}.name'."),
        ));
    }
    let schema = &format["schema"];
    if format["strict"] == true && schema["additionalProperties"] != false {
        let rule = "'additionalProperties' is required to be supplied and to be false.";
        return Err(invalid(param, "invalid_json_schema", format!("Invalid schema for response_format: {rule}")));
    }
    Ok(())
}

fn messages(messages: &Value, ask: &mut Ask) -> Result<(), Reply> {
    if list(messages).is_empty() {
        return Err(invalid("messages", "empty_array", "Invalid 'messages': empty array."));
    }
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in list(messages).iter().enumerate() {
        let param = format!("messages[{at}]");
        let role = text_of(&message["role"]);
        if role != "tool" {
            answered(&open, at)?;
        }
        match role {
            "system" | "developer" => {
                let text = text(message, &param, ask)?;
                ask.system = if ask.system.is_empty() { text } else { format!("{}\n{text}", ask.system) };
            }
            "user" => {
                ask.text = text(message, &param, ask)?;
                ask.results.clear();
            }
            "assistant" => {
                open = assistant(message, &param)?;
                ask.calls += open.len();
                ask.results.clear();
            }
            "tool" => {
                let id = text_of(&message["tool_call_id"]);
                let known = open.iter().position(|open| *open == id).ok_or_else(|| {
                    let rule =
                        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                    invalid(&format!("{param}.role"), "", format!("Invalid parameter: {rule}"))
                })?;
                open.remove(known);
                let text = text(message, &param, ask)?;
                ask.results.push(text);
            }
            _ => return Err(invalid(&param, "invalid_value", format!("Invalid value: '{role}' for '{param}.role'."))),
        }
    }
    answered(&open, list(messages).len())
}

fn answered(open: &[&str], at: usize) -> Result<(), Reply> {
    let Some(id) = open.first() else { return Ok(()) };
    let rule = "An assistant message with 'tool_calls' must be followed by tool messages responding to each";
    let message = format!("{rule} 'tool_call_id'. The following tool_call_ids did not have response messages: {id}");
    Err(invalid(&format!("messages.[{at}].role"), "", message))
}

fn assistant<'a>(message: &'a Value, param: &str) -> Result<Vec<&'a str>, Reply> {
    let fields = ["role", "content", "refusal", "name", "audio", "tool_calls", "function_call"];
    // OpenAI's own answers have annotations, which are sent back as they are.
    if let Some(name) = unknown(message, &[&fields[..], &["annotations"]].concat()) {
        return Err(invalid(param, "unknown_parameter", format!("Unknown parameter: '{param}.{name}'.")));
    }
    let calls = list(&message["tool_calls"]);
    if message["tool_calls"].is_array() && calls.is_empty() {
        return Err(invalid(param, "empty_array", format!("Invalid '{param}.tool_calls': empty array.")));
    }
    if calls.is_empty() && message["content"].is_null() && message["refusal"].is_null() && message["audio"].is_null() {
        return Err(invalid(
            &format!("{param}.content"),
            "",
            "Invalid value for 'content': expected a string, got null.",
        ));
    }
    for call in calls {
        let (id, function) = (text_of(&call["id"]), &call["function"]);
        let arguments = function["arguments"].as_str();
        if id.is_empty() || call["type"] != "function" || function["name"].as_str().is_none() || arguments.is_none() {
            return Err(invalid(param, "missing_required_parameter", format!("Invalid '{param}.tool_calls'.")));
        }
        if let Some(name) = unknown(call, &["id", "type", "function"]) {
            return Err(invalid(
                param,
                "unknown_parameter",
                format!("Unknown parameter: '{param}.tool_calls.{name}'."),
            ));
        }
    }
    Ok(calls.iter().map(|call| text_of(&call["id"])).collect())
}

fn text(message: &Value, param: &str, ask: &mut Ask) -> Result<String, Reply> {
    let content = &message["content"];
    if let Some(text) = content.as_str() {
        return Ok(text.to_owned());
    }
    if list(content).is_empty() {
        return Err(invalid(&format!("{param}.content"), "", format!("Invalid value for '{param}.content'.")));
    }
    let mut texts = Vec::new();
    for part in list(content) {
        match text_of(&part["type"]) {
            "text" => texts.push(text_of(&part["text"])),
            "image_url" if message["role"] == "user" => {
                let url = text_of(&part["image_url"]["url"]);
                let fetched = url.starts_with("http").then(|| (0, "url".to_owned()));
                let image = data_url(url).or(fetched);
                let message = "Invalid image data. Expected a base64-encoded data URL with an image MIME type.";
                ask.image = Some(image.ok_or_else(|| invalid(param, "invalid_image_url", message))?);
            }
            "input_audio" | "file" if message["role"] == "user" => {}
            kind => {
                return Err(invalid(param, "invalid_value", format!("Invalid value: '{kind}' for '{param}.content'.")));
            }
        }
    }
    Ok(texts.join("\n"))
}
