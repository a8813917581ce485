//! Tools and the choice among them in a client's request.

use tollgate_core::Error;
use tollgate_core::ir::{CachePoint, CacheTtl, Protocol, Tool, ToolChoice};

use super::fields::wrong;
use crate::json::Value;

pub(super) fn decode(value: &Value<'_>, tools: &mut Vec<Tool>) -> Result<(), Error> {
    if !value.is_array() {
        return Err(wrong("tools", "a list of tools"));
    }
    for (index, tool) in value.items().iter().enumerate() {
        tools.push(decode_tool(tool, index)?);
    }
    Ok(())
}

fn decode_tool(tool: &Value<'_>, index: usize) -> Result<Tool, Error> {
    let kind = tool.str("type").unwrap_or("function");
    match kind {
        "function" => {
            let inner = tool.get("function").filter(|inner| inner.is_object());
            let inner = inner.ok_or_else(|| wrong(&format!("tools[{index}].function"), "an object"))?;
            let mut function = function(inner, || format!("tools[{index}].function.name"))?;
            if let Tool::Function { cache, .. } = &mut function {
                *cache = cache_point(tool).or_else(|| cache_point(inner));
            }
            Ok(function)
        }
        "custom" => {
            let inner = tool.get("custom").unwrap_or(tool);
            let name = inner.string("name").filter(|name| !name.is_empty());
            Ok(Tool::Custom {
                name: name.ok_or_else(|| wrong(&format!("tools[{index}].custom.name"), "a string"))?,
                description: inner.string("description"),
                format: inner.get("format").map(|format| format.raw().to_owned()),
            })
        }
        // OpenRouter and others take the search of the Responses API here.
        _ if kind.starts_with("web_search") => {
            Ok(Tool::WebSearch { protocol: Protocol::OpenAiChat, json: tool.raw().to_owned() })
        }
        _ => Ok(Tool::Native { protocol: Protocol::OpenAiChat, what: kind.to_owned(), json: tool.raw().to_owned() }),
    }
}

fn function(inner: &Value<'_>, param: impl FnOnce() -> String) -> Result<Tool, Error> {
    let name = inner.string("name").filter(|name| !name.is_empty());
    Ok(Tool::Function {
        name: name.ok_or_else(|| wrong(&param(), "a string that is not empty"))?,
        description: inner.string("description"),
        parameters: inner.get("parameters").filter(|schema| schema.is_object()).map(|schema| schema.raw().to_owned()),
        strict: inner.get("strict").and_then(Value::as_bool),
        cache: None,
    })
}

/// The `functions` of the time before tools.
pub(super) fn decode_functions(value: &Value<'_>, tools: &mut Vec<Tool>) -> Result<(), Error> {
    if !value.is_array() {
        return Err(wrong("functions", "a list of functions"));
    }
    for (index, inner) in value.items().iter().enumerate() {
        tools.push(function(inner, || format!("functions[{index}].name"))?);
    }
    Ok(())
}

/// The mark of a prefix that is worth being cached: Anthropic's `cache_control` or OpenAI's `prompt_cache_breakpoint`.
pub(super) fn cache_point(value: &Value<'_>) -> Option<CachePoint> {
    let mark = value.get("cache_control").or_else(|| value.get("prompt_cache_breakpoint"))?;
    let ttl = match mark.str("ttl") {
        Some("5m") => Some(CacheTtl::FiveMinutes),
        Some("1h") => Some(CacheTtl::OneHour),
        _ => None,
    };
    mark.is_object().then_some(CachePoint { ttl })
}

pub(super) fn decode_choice(value: &Value<'_>) -> Result<ToolChoice, Error> {
    let expected = || wrong("tool_choice", "`auto`, `none`, `required`, or the choice of a tool");
    match value.as_str().or_else(|| value.str("type")) {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("none") => Ok(ToolChoice::None),
        Some("required" | "any") => Ok(ToolChoice::Any),
        Some(kind @ ("function" | "custom")) => {
            let name = value.get(kind).unwrap_or(value).string("name");
            name.map(ToolChoice::One).ok_or_else(|| wrong(&format!("tool_choice.{kind}.name"), "a string"))
        }
        Some("allowed_tools") => {
            let inner = value.get("allowed_tools").unwrap_or(value);
            let name = |tool: &Value<'_>| {
                let kind = tool.str("type").unwrap_or("function");
                tool.get(kind).unwrap_or(tool).string("name")
            };
            let names: Option<Vec<String>> = inner.array("tools").iter().map(name).collect();
            let names = names.filter(|names| !names.is_empty());
            Ok(ToolChoice::Subset {
                names: names.ok_or_else(|| wrong("tool_choice.allowed_tools.tools", "a list of tools with names"))?,
                required: inner.str("mode") == Some("required"),
            })
        }
        _ => Err(expected()),
    }
}

/// The `function_call` of the time before tools.
pub(super) fn decode_function_choice(value: &Value<'_>) -> Result<ToolChoice, Error> {
    match (value.as_str(), value.string("name")) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (None, Some(name)) => Ok(ToolChoice::One(name)),
        _ => Err(wrong("function_call", "`auto`, `none`, or an object with a name")),
    }
}
