//! `toolConfig`.

use std::collections::HashSet;

use tollgate_core::Error;
use tollgate_core::ir::{Block, CachePoint, Format, Losses, Prompt, Protocol, Tool, ToolChoice};

use super::super::types::{cache_point, caches, is_claude};
use crate::codec::{CUSTOM_PARAMETERS, ForcedTool, Target};
use crate::json::{self, Object};

const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// The name of the tool that stands for structured output, unless one of the client's has it.
const JSON_TOOL: &str = "structured_answer";

/// What goes into `toolConfig`, and beside it.
#[derive(Debug, Default)]
pub(super) struct Tools<'a> {
    specs: Vec<Spec<'a>>,
    choice: Option<Choice<'a>>,
    /// Anthropic's own `tool_choice`, where it says what `toolChoice` cannot.
    pub(super) native_choice: Option<String>,
    /// The tool that stands for structured output.
    pub(super) json_tool: Option<String>,
    /// Functions that stand for tools with free text.
    pub(super) custom: Vec<String>,
}

#[derive(Debug)]
enum Spec<'a> {
    Function { name: &'a str, description: Option<&'a str>, schema: String, strict: bool, cache: Option<CachePoint> },
    Json { name: String, description: &'a str, schema: String },
    Raw(&'a str),
}

#[derive(Clone, Debug, PartialEq)]
enum Choice<'a> {
    Auto,
    Any,
    Tool(&'a str),
    Json,
}

pub(super) fn plan<'a>(
    prompt: &'a Prompt,
    target: &Target<'_>,
    has_budget: bool,
    losses: &mut Losses,
) -> Result<Tools<'a>, Error> {
    let mut tools = Tools::default();
    let called = called_tools(prompt);
    let is_none = prompt.tool_choice == Some(ToolChoice::None);
    if !is_none || !called.is_empty() {
        for tool in &prompt.tools {
            tools.add(tool, prompt, target, losses)?;
        }
    }
    tools.choice = tools.choose(prompt, target, losses);
    let synthesised = tools.specs.is_empty() && !called.is_empty();
    if synthesised {
        // Converse refuses a conversation in which tools were called but none is declared.
        tools.specs.extend(called.into_iter().map(|name| Spec::Function {
            name,
            description: Some("A tool that was used earlier in this conversation."),
            schema: NO_PARAMETERS.to_owned(),
            strict: false,
            cache: None,
        }));
    }
    if !tools.specs.is_empty() && (is_none || synthesised) {
        tools.forbid(target, is_none && !synthesised, losses);
    }
    tools.add_json_tool(prompt, target, has_budget, losses)?;
    tools.keep_from_parallel(prompt, target, losses);
    Ok(tools)
}

/// The names of all tools that the conversation speaks of, in order, each once.
fn called_tools(prompt: &Prompt) -> Vec<&str> {
    let mut seen = HashSet::new();
    let mut is_needed = false;
    let mut names = Vec::new();
    for block in prompt.turns.iter().flat_map(|turn| &turn.blocks) {
        let name = match block {
            Block::ToolCall(call) => Some(&*call.name),
            Block::ToolResult(result) => {
                is_needed = true;
                result.name.as_deref()
            }
            _ => None,
        };
        names.extend(name.filter(|name| !name.is_empty() && seen.insert(*name)));
    }
    if names.is_empty() && is_needed {
        names.push("tool");
    }
    names
}

impl<'a> Tools<'a> {
    fn add(&mut self, tool: &'a Tool, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<(), Error> {
        if let (Some(ToolChoice::Subset { names, .. }), Some(name)) = (&prompt.tool_choice, tool.name())
            && !names.iter().any(|known| known == name)
        {
            return Ok(());
        }
        match tool {
            Tool::Function { name, description, parameters, strict, cache } => {
                let can_be_strict = is_claude(target.model) && target.gates.json_schema;
                losses.drop_if(*strict == Some(true) && !can_be_strict, "tools.strict");
                losses.drop_if(cache.is_some() && !caches(target.model), "cache_control");
                self.specs.push(Spec::Function {
                    name,
                    description: description.as_deref(),
                    schema: object_schema(parameters.as_deref(), "tools")?,
                    strict: *strict == Some(true) && can_be_strict,
                    cache: cache.filter(|_| caches(target.model)),
                });
            }
            Tool::Custom { name, description, format } => {
                if format.is_some() {
                    losses.change("tools.custom");
                }
                self.custom.push(name.clone());
                self.specs.push(Spec::Function {
                    name,
                    description: description.as_deref(),
                    schema: CUSTOM_PARAMETERS.to_owned(),
                    strict: false,
                    cache: None,
                });
            }
            Tool::WebSearch { protocol: Protocol::BedrockConverse, json }
            | Tool::Native { protocol: Protocol::BedrockConverse, json, .. } => self.specs.push(Spec::Raw(json)),
            Tool::WebSearch { .. } => losses.drop("tools.web_search"),
            _ => losses.drop("tools.native"),
        }
        Ok(())
    }

    fn choose(&self, prompt: &'a Prompt, target: &Target<'_>, losses: &mut Losses) -> Option<Choice<'a>> {
        if self.specs.is_empty() {
            return None;
        }
        let choice = match prompt.tool_choice.as_ref()? {
            ToolChoice::Auto | ToolChoice::Subset { required: false, .. } => Choice::Auto,
            ToolChoice::Any | ToolChoice::Subset { .. } => Choice::Any,
            ToolChoice::One(name) => Choice::Tool(name),
            ToolChoice::None => return None,
        };
        if choice != Choice::Auto && target.gates.forced_tool == ForcedTool::Refused {
            losses.change("tool_choice");
            return Some(Choice::Auto);
        }
        Some(choice)
    }

    /// Declared tools that must not be called: Converse has no word for that, Anthropic has.
    fn forbid(&mut self, target: &Target<'_>, was_asked_for: bool, losses: &mut Losses) {
        if is_claude(target.model) {
            self.native_choice = Some(r#"{"type":"none"}"#.to_owned());
        } else if was_asked_for {
            losses.drop("tool_choice");
        }
    }

    /// A tool whose arguments are the answer, for models that do not follow a schema by themselves.
    fn add_json_tool(
        &mut self,
        prompt: &'a Prompt,
        target: &Target<'_>,
        has_budget: bool,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let Some(Format::JsonSchema { description, schema, .. }) = &prompt.format else { return Ok(()) };
        if target.gates.json_schema {
            return Ok(());
        }
        let mut name = JSON_TOOL.to_owned();
        while prompt.tools.iter().any(|tool| tool.name() == Some(&*name)) {
            name.push('_');
        }
        let has_others = !self.specs.is_empty() && self.native_choice.take().is_none();
        self.choice = Some(if has_budget && target.gates.forced_tool != ForcedTool::Allowed {
            losses.change("response_format");
            Choice::Auto
        } else if has_others {
            Choice::Any
        } else {
            Choice::Json
        });
        self.json_tool = Some(name.clone());
        self.specs.push(Spec::Json {
            name,
            description: description.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or(
                "Gives the final answer. Call this tool exactly once, with the whole answer, when no other tool is needed.",
            ),
            schema: object_schema(Some(schema), "response_format")?,
        });
        Ok(())
    }

    /// One call at a time, which only Anthropic's own choice of tools can say.
    fn keep_from_parallel(&mut self, prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) {
        if prompt.parallel_tool_calls != Some(false) || self.specs.is_empty() || self.native_choice.is_some() {
            return;
        }
        if !is_claude(target.model) {
            losses.drop("parallel_tool_calls");
            return;
        }
        let json_tool = self.json_tool.as_deref().unwrap_or_default();
        let (word, name) = match self.choice.take() {
            None | Some(Choice::Auto) => ("auto", None),
            Some(Choice::Any) => ("any", None),
            Some(Choice::Tool(name)) => ("tool", Some(name)),
            Some(Choice::Json) => ("tool", Some(json_tool)),
        };
        self.native_choice = Some(json::object_text(|o| {
            o.string("type", word);
            o.maybe_string("name", name);
            o.bool("disable_parallel_tool_use", true);
        }));
    }

    pub(super) fn write(&self, o: &mut Object<'_>) {
        if self.specs.is_empty() {
            return;
        }
        o.object("toolConfig", |o| {
            o.array("tools", |a| {
                for spec in &self.specs {
                    match spec {
                        Spec::Raw(json) => a.raw(json),
                        Spec::Json { name, description, schema } => {
                            a.object(|o| write_spec(o, name, Some(description), schema, false));
                        }
                        Spec::Function { name, description, schema, strict, cache } => {
                            a.object(|o| write_spec(o, name, *description, schema, *strict));
                            if let Some(point) = cache {
                                a.object(|o| cache_point(o, point));
                            }
                        }
                    }
                }
            });
            if let Some(choice) = &self.choice {
                let json_tool = self.json_tool.as_deref().unwrap_or_default();
                o.object("toolChoice", |o| match choice {
                    Choice::Auto => o.object("auto", |_| {}),
                    Choice::Any => o.object("any", |_| {}),
                    Choice::Tool(name) => o.object("tool", |o| o.string("name", name)),
                    Choice::Json => o.object("tool", |o| o.string("name", json_tool)),
                });
            }
        });
    }
}

fn write_spec(o: &mut Object<'_>, name: &str, description: Option<&str>, schema: &str, strict: bool) {
    o.object("toolSpec", |o| {
        o.string("name", name);
        // An empty one is refused.
        o.maybe_string("description", description.filter(|text| !text.trim().is_empty()));
        o.object("inputSchema", |o| o.raw("json", schema));
        if strict {
            o.bool("strict", true);
        }
    });
}

/// A schema of an object that says so, as Anthropic's and Amazon's models demand.
fn object_schema(schema: Option<&str>, param: &str) -> Result<String, Error> {
    let Some(schema) = schema else { return Ok(NO_PARAMETERS.to_owned()) };
    let refused = || Error::invalid_request("A schema for this model must be of an object.", Some(param));
    let value = json::parse(schema.as_bytes()).map_err(|_| refused())?;
    if !value.is_object() {
        return Err(refused());
    }
    if value.get("type").is_some() {
        return Ok(schema.to_owned());
    }
    let rest = value.raw().trim_start_matches('{').trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    Ok(format!(r#"{{"type":"object"{comma}{rest}"#))
}
