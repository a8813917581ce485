//! Tools, which of them may be called, and the form of the answer.

use tollgate_core::Error;
use tollgate_core::ir::{Format, Prompt, Protocol, Tool, ToolChoice};

use super::super::fields::{bool, wrong};
use super::decode::extra;
use crate::json::{self, Array, Object, Value};

/// Reads `tools`.
pub(super) fn read(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    if !value.is_array() {
        return Err(wrong("tools", "an array"));
    }
    for (at, tool) in value.items().iter().enumerate() {
        let tool = read_tool(tool, at, prompt)?;
        prompt.tools.push(tool);
    }
    Ok(())
}

fn read_tool(tool: &Value<'_>, at: usize, prompt: &mut Prompt) -> Result<Tool, Error> {
    let path = |member: &str| format!("tools[{at}].{member}");
    let Some(kind) = tool.str("type") else { return Err(wrong(&path("type"), "a string")) };
    let protocol = Protocol::OpenAiResponses;
    let json = || tool.raw().to_owned();
    match kind {
        "function" => read_function(tool, at, prompt),
        "custom" => Ok(Tool::Custom {
            name: tool.string("name").ok_or_else(|| wrong(&path("name"), "a string"))?,
            description: tool.string("description"),
            format: tool.get("format").map(|format| format.raw().to_owned()),
        }),
        kind if kind.starts_with("web_search") => Ok(Tool::WebSearch { protocol, json: json() }),
        kind => Ok(Tool::Native { protocol, what: kind.to_owned(), json: json() }),
    }
}

fn read_function(tool: &Value<'_>, at: usize, prompt: &mut Prompt) -> Result<Tool, Error> {
    let path = |member: &str| format!("tools[{at}].{member}");
    // Chat Completions has a function's members in an object of their own, and clients mix the two up.
    let function = tool.get("function").unwrap_or(tool);
    if function.get("parameters").is_some_and(|parameters| !parameters.is_object()) {
        return Err(wrong(&path("parameters"), "an object"));
    }
    for (name, value) in function.present() {
        if !["type", "name", "description", "parameters", "strict"].contains(&name) {
            extra(prompt, path(name), value);
        }
    }
    Ok(Tool::Function {
        name: function.string("name").ok_or_else(|| wrong(&path("name"), "a string"))?,
        description: function.string("description"),
        parameters: function.get("parameters").map(|parameters| parameters.raw().to_owned()),
        strict: function.get("strict").map(|strict| bool(strict, &path("strict"))).transpose()?.flatten(),
        cache: None,
    })
}

/// Reads `tool_choice`. One that names tools of the provider's own stays as it is.
pub(super) fn read_choice(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    let choice = match (value.as_str(), value.str("type")) {
        (Some("auto"), _) => Some(ToolChoice::Auto),
        (Some("none"), _) => Some(ToolChoice::None),
        (Some("required"), _) => Some(ToolChoice::Any),
        (Some(_), _) => return Err(wrong("tool_choice", "`auto`, `none`, `required` or an object")),
        (None, Some("function" | "custom")) => {
            let name = value.string("name").or_else(|| value.get("function")?.string("name"));
            Some(ToolChoice::One(name.ok_or_else(|| wrong("tool_choice.name", "a string"))?))
        }
        (None, Some("allowed_tools")) => {
            let names: Option<Vec<_>> = value.array("tools").iter().map(|tool| tool.string("name")).collect();
            names.map(|names| ToolChoice::Subset { names, required: value.str("mode") == Some("required") })
        }
        (None, Some(_)) => None,
        (None, None) => return Err(wrong("tool_choice", "`auto`, `none`, `required` or an object with a `type`")),
    };
    match choice {
        Some(choice) => prompt.tool_choice = Some(choice),
        None => extra(prompt, "tool_choice", value),
    }
    Ok(())
}

/// How tools are written: as a provider reads them, or as an answer repeats them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Manner {
    /// For a provider.
    Ask,
    /// In an answer, with every member that its schema demands.
    Echo,
}

/// Writes the tools that this protocol knows.
pub(in super::super) fn write_tools(array: &mut Array<'_>, prompt: &Prompt, manner: Manner) {
    for tool in &prompt.tools {
        match tool {
            Tool::Function { .. } => array.object(|o| write_function(o, tool, prompt.protocol, manner)),
            Tool::Custom { name, description, format } => array.object(|o| {
                o.string("type", "custom");
                o.string("name", name);
                o.maybe_string("description", description.as_deref());
                o.maybe_raw("format", format.as_deref());
            }),
            Tool::WebSearch { protocol: Protocol::OpenAiResponses, json }
            | Tool::Native { protocol: Protocol::OpenAiResponses, json, .. } => array.raw(json),
            Tool::WebSearch { protocol, json } => array.object(|o| write_web_search(o, *protocol, json)),
            _ => {}
        }
    }
}

fn write_function(o: &mut Object<'_>, tool: &Tool, from: Protocol, manner: Manner) {
    let Tool::Function { name, description, parameters, strict, .. } = tool else { return };
    o.string("type", "function");
    o.string("name", name);
    if manner == Manner::Echo {
        o.string_or_null("description", description.as_deref());
        o.raw("parameters", parameters.as_deref().unwrap_or("null"));
        match strict {
            Some(strict) => o.bool("strict", *strict),
            None => o.null("strict"),
        }
        return;
    }
    o.maybe_string("description", description.as_deref());
    o.raw("parameters", parameters.as_deref().unwrap_or(r#"{"type":"object","properties":{}}"#));
    // Absent means true here and false everywhere else.
    let default = (from != Protocol::OpenAiResponses).then_some(false);
    o.maybe_bool("strict", strict.or(default));
}

/// The search of the web in other protocols' words.
fn write_web_search(o: &mut Object<'_>, from: Protocol, text: &str) {
    o.string("type", "web_search");
    let Ok(tool) = json::parse(text.as_bytes()) else { return };
    let location = tool.get("user_location");
    match from {
        Protocol::OpenAiChat => {
            o.maybe_string("search_context_size", tool.str("search_context_size"));
            if let Some(place) = location.and_then(|location| location.get("approximate")) {
                o.object("user_location", |o| {
                    o.string("type", "approximate");
                    place
                        .present()
                        .filter(|(name, _)| *name != "type")
                        .for_each(|(name, value)| o.raw(name, value.raw()));
                });
            }
        }
        Protocol::AnthropicMessages => {
            if let Some(domains) = tool.get("allowed_domains") {
                o.object("filters", |o| o.raw("allowed_domains", domains.raw()));
            }
            o.maybe_raw("user_location", location.map(Value::raw));
        }
        _ => {}
    }
}

/// Writes `tool_choice` if the request has one.
pub(in super::super) fn write_choice(o: &mut Object<'_>, prompt: &Prompt) {
    let Some(choice) = &prompt.tool_choice else { return };
    match choice {
        ToolChoice::Auto => o.string("tool_choice", "auto"),
        ToolChoice::None => o.string("tool_choice", "none"),
        ToolChoice::Any => o.string("tool_choice", "required"),
        ToolChoice::One(name) => o.object("tool_choice", |o| write_named(o, prompt, name)),
        ToolChoice::Subset { names, required } => o.object("tool_choice", |o| {
            o.string("type", "allowed_tools");
            o.string("mode", if *required { "required" } else { "auto" });
            o.array("tools", |a| names.iter().for_each(|name| a.object(|o| write_named(o, prompt, name))));
        }),
    }
}

fn write_named(o: &mut Object<'_>, prompt: &Prompt, name: &str) {
    let custom = prompt.tools.iter().any(|tool| matches!(tool, Tool::Custom { name: known, .. } if known == name));
    o.string("type", if custom { "custom" } else { "function" });
    o.string("name", name);
}

/// Writes the form of the answer.
pub(in super::super) fn write_format(o: &mut Object<'_>, format: &Format, manner: Manner) {
    match format {
        Format::Text => o.object("format", |o| o.string("type", "text")),
        Format::JsonObject => o.object("format", |o| o.string("type", "json_object")),
        Format::JsonSchema { name, description, schema, strict } => o.object("format", |o| {
            o.string("type", "json_schema");
            o.string("name", name.as_deref().unwrap_or("response"));
            match (description, manner) {
                (None, Manner::Echo) => o.null("description"),
                (description, _) => o.maybe_string("description", description.as_deref()),
            }
            o.raw("schema", schema);
            match manner {
                Manner::Echo => o.bool("strict", strict.unwrap_or(false)),
                Manner::Ask => o.maybe_bool("strict", *strict),
            }
        }),
    }
}
