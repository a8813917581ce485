//! Tools, in both directions.

use tollgate_core::Error;
use tollgate_core::ir::{Losses, Prompt, Tool, ToolChoice};

use super::decode::{expect, extra, wrong};
use crate::codec::Target;
use crate::gemini_generate::parts::OWN;
use crate::gemini_generate::schema;
use crate::gemini_generate::types::{camel, list};
use crate::json::{self, Object, Value};

const CONFIG: &str = "toolConfig";
const MODE: &str = "toolConfig.functionCallingConfig.mode";

/// The schema of a function that stands for a tool with free text.
const FREE_TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// Reads `tools`.
pub(super) fn decode(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    for (at, tool) in list(value).iter().enumerate() {
        expect(tool, Value::is_object, &format!("tools[{at}]"), "an object")?;
        for (name, value) in tool.present() {
            match &*camel(name) {
                "functionDeclarations" => {
                    for function in list(value) {
                        let function = declaration(function, prompt)?;
                        prompt.tools.push(function);
                    }
                }
                name => {
                    let json = json::object_text(|o| o.raw(name, value.raw()));
                    prompt.tools.push(match name {
                        "googleSearch" | "googleSearchRetrieval" => Tool::WebSearch { protocol: OWN, json },
                        _ => Tool::Native { protocol: OWN, what: name.to_owned(), json },
                    });
                }
            }
        }
    }
    Ok(())
}

fn declaration(value: &Value<'_>, prompt: &mut Prompt) -> Result<Tool, Error> {
    let param = "tools.functionDeclarations.name";
    let name = value.str("name").filter(|name| !name.is_empty()).ok_or_else(|| wrong(param, "a name"))?.to_owned();
    let (mut description, mut parameters) = (None, None);
    for (member, value) in value.present() {
        match &*camel(member) {
            "name" => {}
            "description" => description = value.to_text(),
            "parametersJsonSchema" => parameters = Some(value.raw().to_owned()),
            "parameters" => parameters = parameters.or_else(|| Some(schema::from_openapi(value))),
            member => prompt.extras.push(extra(format!("tools.{name}.{member}"), value)),
        }
    }
    Ok(Tool::Function { name, description, parameters, strict: None, cache: None })
}

/// Reads `toolConfig`.
pub(super) fn decode_config(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    expect(value, Value::is_object, CONFIG, "an object")?;
    for (name, value) in value.present() {
        match &*camel(name) {
            "functionCallingConfig" => calling(value, prompt)?,
            name => prompt.extras.push(extra(format!("{CONFIG}.{name}"), value)),
        }
    }
    Ok(())
}

fn calling(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    let (mut mode, mut names) = (None, Vec::new());
    for (name, value) in value.present() {
        match &*camel(name) {
            "mode" => mode = Some(value.as_str().ok_or_else(|| wrong(MODE, "a string"))?),
            "allowedFunctionNames" => names = value.items().iter().filter_map(Value::to_text).collect(),
            name => prompt.extras.push(extra(format!("{CONFIG}.functionCallingConfig.{name}"), value)),
        }
    }
    let mode = mode.unwrap_or("AUTO").to_ascii_uppercase();
    prompt.tool_choice = Some(match (&*mode, names.len()) {
        ("NONE", _) => ToolChoice::None,
        ("ANY", 0) => ToolChoice::Any,
        ("ANY", 1) => names.pop().map_or(ToolChoice::Any, ToolChoice::One),
        ("ANY", _) => ToolChoice::Subset { names, required: true },
        ("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED", 0) => ToolChoice::Auto,
        ("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED", _) => ToolChoice::Subset { names, required: false },
        _ => return Err(wrong(MODE, "`AUTO`, `ANY`, `NONE` or `VALIDATED`")),
    });
    if mode == "VALIDATED" && prompt.tool_choice == Some(ToolChoice::Auto) {
        prompt.extras.push(tollgate_core::ir::Extra { name: MODE.to_owned(), json: "\"VALIDATED\"".to_owned() });
    }
    Ok(())
}

/// Writes `tools`; the names of free-text tools go to `custom`.
pub(super) fn encode(
    prompt: &Prompt,
    target: &Target<'_>,
    losses: &mut Losses,
    custom: &mut Vec<String>,
    o: &mut Object<'_>,
) {
    let mut native = Vec::new();
    for tool in &prompt.tools {
        match tool {
            Tool::WebSearch { protocol, json } if *protocol == OWN => native.push(&**json),
            Tool::WebSearch { json, .. } => {
                native.push(r#"{"googleSearch":{}}"#);
                // Limits and places of a search have no counterpart; a bare type says nothing that would be lost.
                let says_more = json::parse(json.as_bytes()).is_ok_and(|tool| {
                    tool.present().any(|(name, value)| {
                        let is_empty = value.is_object() && value.present().next().is_none();
                        !(matches!(name, "type" | "name") || is_empty)
                    })
                });
                if says_more {
                    losses.change("tools.web_search");
                }
            }
            Tool::Native { protocol, json, .. } if *protocol == OWN => native.push(&**json),
            Tool::Native { .. } => losses.drop("tools.native"),
            _ => {}
        }
    }
    let has_functions = has_functions(prompt);
    if !has_functions && native.is_empty() {
        return;
    }
    o.array("tools", |tools| {
        if has_functions {
            tools.object(|o| {
                o.array("functionDeclarations", |functions| {
                    for tool in &prompt.tools {
                        if tool.name().is_some() {
                            functions.object(|o| function(tool, prompt, target, losses, o));
                        }
                        if let Tool::Custom { name, .. } = tool {
                            custom.push(name.clone());
                        }
                    }
                });
            });
        }
        native.iter().for_each(|json| tools.raw(json));
    });
}

fn has_functions(prompt: &Prompt) -> bool {
    prompt.tools.iter().any(|tool| tool.name().is_some())
}

fn function(tool: &Tool, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    let (name, description, parameters) = match tool {
        Tool::Function { name, description, parameters, strict, .. } => {
            losses.drop_if(*strict == Some(true), "tools.strict");
            (name, description, parameters.as_deref())
        }
        Tool::Custom { name, description, .. } => {
            losses.change("tools.custom");
            (name, description, Some(FREE_TEXT))
        }
        _ => return,
    };
    o.string("name", name);
    o.maybe_string("description", description.as_deref());
    match parameters {
        Some(parameters) if target.gates.takes_json_schema => o.raw("parametersJsonSchema", parameters),
        // An object without properties is refused where the subset is wanted.
        Some(parameters) if has_properties(parameters) => o.raw("parameters", &schema::to_openapi(parameters, losses)),
        _ => {}
    }
    if prompt.protocol == OWN {
        let prefix = format!("tools.{name}.");
        for extra in &prompt.extras {
            if let Some(member) = extra.name.strip_prefix(&prefix) {
                o.raw(member, &extra.json);
            }
        }
    }
}

fn has_properties(schema: &str) -> bool {
    let Ok(schema) = json::parse(schema.as_bytes()) else { return false };
    let is_bare = schema.present().all(|(name, value)| match name {
        "properties" => value.present().next().is_none(),
        "required" => value.items().is_empty(),
        name => matches!(name, "type" | "additionalProperties" | "$schema" | "title"),
    });
    !is_bare
}

/// Writes `toolConfig`.
pub(super) fn encode_config(prompt: &Prompt, losses: &mut Losses, o: &mut Object<'_>) {
    let own = |extra: &&tollgate_core::ir::Extra| prompt.protocol == OWN && extra.name.starts_with("toolConfig.");
    let extras: Vec<_> = prompt.extras.iter().filter(own).collect();
    let choice = prompt.tool_choice.as_ref().filter(|_| has_functions(prompt));
    if choice.is_none() {
        // Without functions there is nothing to choose from, and Google's servers refuse the setting.
        losses.drop_if(matches!(prompt.tool_choice, Some(ToolChoice::Any | ToolChoice::One(_))), "tool_choice");
    }
    if choice.is_none() && extras.is_empty() {
        return;
    }
    o.object(CONFIG, |o| {
        const CALLING: &str = "toolConfig.functionCallingConfig.";
        let inner: Vec<_> = extras.iter().filter_map(|e| Some((e.name.strip_prefix(CALLING)?, &e.json))).collect();
        if choice.is_some() || !inner.is_empty() {
            o.object("functionCallingConfig", |o| {
                let validated = inner.iter().any(|(name, _)| *name == "mode");
                if let Some(choice) = choice.filter(|_| !validated) {
                    mode(choice, o);
                }
                inner.iter().for_each(|(name, json)| o.raw(name, json));
            });
        }
        for extra in extras.iter().filter(|extra| !extra.name.starts_with(CALLING)) {
            o.raw(extra.name.trim_start_matches("toolConfig."), &extra.json);
        }
    });
}

fn mode(choice: &ToolChoice, o: &mut Object<'_>) {
    let (mode, names) = match choice {
        ToolChoice::Auto => ("AUTO", &[][..]),
        ToolChoice::None => ("NONE", &[][..]),
        ToolChoice::Any => ("ANY", &[][..]),
        ToolChoice::One(name) => ("ANY", std::slice::from_ref(name)),
        ToolChoice::Subset { names, required: true } => ("ANY", &names[..]),
        // Names are taken with `ANY` and `VALIDATED` only.
        ToolChoice::Subset { names, required: false } => ("VALIDATED", &names[..]),
    };
    o.string("mode", mode);
    if !names.is_empty() {
        o.strings("allowedFunctionNames", names.iter().map(String::as_str));
    }
}
