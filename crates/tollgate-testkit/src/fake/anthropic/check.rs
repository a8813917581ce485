//! What Anthropic's API refuses, apart from messages.

use serde_json::{Value, json};

use super::super::script::{Ask, Choice, list, text_of, unknown};
use super::{MISSING_MODEL, invalid, messages, refuse};
use crate::Reply;

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "metadata",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "service_tier",
    "container",
    "mcp_servers",
    "context_management",
    "cache_control",
    "inference_geo",
    "speed",
];
const PARAMS: &[&str] = &[
    "max_tokens",
    "temperature",
    "top_k",
    "top_p",
    "stop_sequences",
    "metadata",
    "service_tier",
    "tool_choice",
    "thinking",
    "output_config",
];

/// What generations of models differ in.
struct Model {
    /// Think as they see fit, and take no budget.
    adaptive_only: bool,
    adaptive: bool,
    structured: bool,
}

fn model(name: &str) -> Model {
    let is = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let adaptive_only = is(&["opus-4-7", "opus-4-8", "opus-5", "sonnet-5", "fable", "mythos"]);
    let adaptive = adaptive_only || is(&["opus-4-6", "sonnet-4-6"]);
    let structured = adaptive || is(&["-4-5", "opus-4-1", "fake"]);
    Model { adaptive_only, adaptive, structured }
}

/// Reads a request; `generates` is whether an answer is asked for or only its tokens counted.
pub(super) fn request(body: &Value, generates: bool) -> Result<Ask, Reply> {
    if !body.is_object() {
        return Err(invalid("The request body is not valid JSON"));
    }
    if let Some(name) = unknown(body, KNOWN) {
        return Err(invalid(format!("{name}: Extra inputs are not permitted")));
    }
    let name = body["model"].as_str().ok_or_else(|| invalid("model: Field required"))?;
    if name == MISSING_MODEL {
        return Err(refuse(404, "not_found_error", &format!("model: {name}")));
    }
    if generates && body["max_tokens"].as_u64().is_none_or(|tokens| tokens == 0) {
        return Err(invalid("max_tokens: Field required"));
    }
    sampling(body, &model(name))?;
    let mut ask = Ask { thinking: thinking(body, &model(name))?, ..Ask::default() };
    ask.system = system(&body["system"])?;
    ask.tools = tools(&body["tools"])?;
    tool_choice(body, &mut ask)?;
    format(body, &model(name), &mut ask)?;
    messages::read(body, &mut ask)?;
    ask.note_params(body, PARAMS);
    Ok(ask)
}

fn sampling(body: &Value, model: &Model) -> Result<(), Reply> {
    for name in ["temperature", "top_p", "top_k"] {
        if model.adaptive_only && !body[name].is_null() {
            return Err(invalid(format!("`{name}` is deprecated for this model.")));
        }
    }
    for name in ["temperature", "top_p"] {
        let value = &body[name];
        if !value.is_null() && !value.as_f64().is_some_and(|number| (0.0..=1.0).contains(&number)) {
            return Err(invalid(format!("{name}: range: 0..1")));
        }
    }
    if !body["top_k"].is_null() && body["top_k"].as_u64().is_none() {
        return Err(invalid("top_k: Input should be a valid integer"));
    }
    let stops = &body["stop_sequences"];
    if !stops.is_null() && !stops.is_array() {
        return Err(invalid("stop_sequences: Input should be a valid list"));
    }
    for (at, stop) in list(stops).iter().enumerate() {
        if text_of(stop).trim().is_empty() {
            return Err(invalid(format!("stop_sequences.{at}: each stop sequence must contain non-whitespace")));
        }
    }
    if let Some(name) = unknown(&body["metadata"], &["user_id"]) {
        return Err(invalid(format!("metadata.{name}: Extra inputs are not permitted")));
    }
    let tier = &body["service_tier"];
    if !tier.is_null() && *tier != "auto" && *tier != "standard_only" {
        return Err(invalid("service_tier: Input should be 'auto' or 'standard_only'"));
    }
    Ok(())
}

fn thinking(body: &Value, model: &Model) -> Result<bool, Reply> {
    let thinking = &body["thinking"];
    match thinking["type"].as_str() {
        None if thinking.is_null() => return Ok(false),
        Some("disabled") => return Ok(false),
        Some("adaptive") if model.adaptive => return Ok(true),
        Some("adaptive") => return Err(invalid("adaptive thinking is not supported on this model")),
        Some("enabled") if model.adaptive_only => {
            return Err(invalid(
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\"",
            ));
        }
        Some("enabled") => {}
        _ => return Err(invalid("thinking.type: Input should be 'enabled', 'disabled' or 'adaptive'")),
    }
    let budget = thinking["budget_tokens"].as_u64();
    let budget = budget.ok_or_else(|| invalid("thinking.enabled.budget_tokens: Field required"))?;
    if budget < 1024 {
        return Err(invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"));
    }
    if body["max_tokens"].as_u64().is_some_and(|limit| budget >= limit) {
        return Err(invalid("`max_tokens` must be greater than `thinking.budget_tokens`"));
    }
    if body["temperature"].as_f64().is_some_and(|temperature| temperature < 1.0) {
        return Err(invalid("`temperature` may only be set to 1 when thinking is enabled"));
    }
    if !body["top_k"].is_null() {
        return Err(invalid("`top_k` must be unset when thinking is enabled"));
    }
    if matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")) {
        return Err(invalid("Thinking may not be enabled when tool_choice forces tool use."));
    }
    Ok(true)
}

fn system(system: &Value) -> Result<String, Reply> {
    let mut texts = vec![text_of(system)];
    for (at, block) in list(system).iter().enumerate() {
        if block["type"] != "text" || text_of(&block["text"]).is_empty() {
            return Err(invalid(format!("system.{at}: text content blocks must be non-empty")));
        }
        texts.push(text_of(&block["text"]));
    }
    if !system.is_null() && !system.is_string() && !system.is_array() {
        return Err(invalid("system: Input should be a valid string or list"));
    }
    Ok(texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"))
}

fn tools(tools: &Value) -> Result<Vec<String>, Reply> {
    let mut names = Vec::new();
    for (at, tool) in list(tools).iter().enumerate() {
        let name = text_of(&tool["name"]);
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if name.is_empty() || name.len() > 128 || !plain {
            let rule = "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'";
            return Err(invalid(format!("tools.{at}.custom.name: {rule}")));
        }
        if names.iter().any(|other| other == name) {
            return Err(invalid("tools: Tool names must be unique."));
        }
        names.push(name.to_owned());
        if !matches!(tool["type"].as_str(), None | Some("custom")) {
            continue;
        }
        let known = ["type", "name", "description", "input_schema", "cache_control", "strict", "eager_input_streaming"];
        if let Some(field) = unknown(tool, &known) {
            return Err(invalid(format!("tools.{at}.custom.{field}: Extra inputs are not permitted")));
        }
        if !tool["input_schema"].is_object() {
            return Err(invalid(format!("tools.{at}.custom.input_schema: Field required")));
        }
        if tool["input_schema"]["type"] != "object" {
            return Err(invalid(format!("tools.{at}.custom.input_schema.type: Input should be 'object'")));
        }
    }
    Ok(names)
}

fn tool_choice(body: &Value, ask: &mut Ask) -> Result<(), Reply> {
    let choice = &body["tool_choice"];
    if choice.is_null() {
        return Ok(());
    }
    if ask.tools.is_empty() {
        return Err(invalid("tool_choice: may only be specified while providing `tools`"));
    }
    ask.choice = match choice["type"].as_str() {
        Some("auto") => Choice::Auto,
        Some("none") => Choice::None,
        Some("any") => Choice::Any,
        Some("tool") if ask.tools.iter().any(|name| choice["name"] == **name) => {
            Choice::Tool(text_of(&choice["name"]).to_owned())
        }
        Some("tool") => return Err(invalid("Tool specified in tool_choice not found in provided tools")),
        _ => return Err(invalid("tool_choice: Input tag does not match 'auto', 'any', 'tool', 'none'")),
    };
    ask.parallel = choice["disable_parallel_tool_use"] != json!(true);
    Ok(())
}

fn format(body: &Value, model: &Model, ask: &mut Ask) -> Result<(), Reply> {
    let config = &body["output_config"];
    if let Some(field) = unknown(config, &["format", "effort", "task_budget"]) {
        return Err(invalid(format!("output_config.{field}: Extra inputs are not permitted")));
    }
    if !matches!(config["effort"].as_str(), None | Some("low" | "medium" | "high" | "xhigh" | "max")) {
        return Err(invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"));
    }
    let format = &config["format"];
    if format.is_null() {
        return Ok(());
    }
    if !model.structured {
        return Err(invalid("output_config.format: not supported by this model"));
    }
    if format["type"] != "json_schema" || !format["schema"].is_object() {
        return Err(invalid("output_config.format.schema: Field required"));
    }
    if format["schema"]["type"] == "object" && format["schema"]["additionalProperties"] != false {
        return Err(invalid(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        ));
    }
    ask.json = true;
    Ok(())
}
