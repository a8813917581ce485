//! Tools, their choice, and structured output by way of a tool.

use tollgate_core::ir::{Format, Losses, Prompt, Protocol, Tool, ToolChoice};

use super::super::types::{FREE_TEXT, WEB_SEARCH, write_cache};
use crate::codec::{ForcedTool, Plan, Target};
use crate::json::{self, Array, Object, Value};

/// The schema of a function without arguments.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// Which tools are sent, and how one of them is chosen.
#[derive(Debug, Default)]
pub(super) struct Toolbox<'a> {
    tools: Vec<&'a Tool>,
    json_tool: Option<JsonTool<'a>>,
    choice: Option<Choice<'a>>,
    disable_parallel: bool,
    takes_strict: bool,
}

/// The tool that stands for structured output.
#[derive(Debug)]
struct JsonTool<'a> {
    name: String,
    description: Option<&'a str>,
    schema: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice<'a> {
    Auto,
    None,
    Any,
    One(&'a str),
    JsonTool,
}

impl<'a> Toolbox<'a> {
    /// Chooses what is sent.
    pub(super) fn new(prompt: &'a Prompt, target: &Target<'_>, losses: &mut Losses) -> Self {
        let mut toolbox = Self { takes_strict: target.gates.json_schema, ..Self::default() };
        let subset = match &prompt.tool_choice {
            Some(ToolChoice::Subset { names, .. }) => Some(names),
            _ => None,
        };
        for tool in &prompt.tools {
            let is_chosen =
                subset.is_none_or(|names| tool.name().is_some_and(|name| names.iter().any(|chosen| chosen == name)));
            if is_chosen && toolbox.takes(tool, losses) {
                toolbox.tools.push(tool);
            }
        }
        toolbox.json_tool = json_tool(prompt, target);
        toolbox.choose(prompt, target, losses);
        toolbox
    }

    fn takes(&self, tool: &Tool, losses: &mut Losses) -> bool {
        match tool {
            Tool::Function { strict, .. } => {
                losses.drop_if(*strict == Some(true) && !self.takes_strict, "tools.strict");
            }
            Tool::Custom { .. } => losses.change("tools.custom"),
            Tool::Native { protocol: Protocol::AnthropicMessages, .. } | Tool::WebSearch { .. } => {}
            _ => {
                losses.drop("tools.native");
                return false;
            }
        }
        true
    }

    fn choose(&mut self, prompt: &'a Prompt, target: &Target<'_>, losses: &mut Losses) {
        let choice = match &prompt.tool_choice {
            None => None,
            Some(ToolChoice::Auto) => Some(Choice::Auto),
            Some(ToolChoice::None) => Some(Choice::None),
            Some(ToolChoice::Any) => Some(Choice::Any),
            Some(ToolChoice::One(name)) => Some(Choice::One(name)),
            Some(ToolChoice::Subset { required, .. }) => Some(if *required { Choice::Any } else { Choice::Auto }),
        };
        let no_parallel = prompt.parallel_tool_calls == Some(false);
        if self.tools.is_empty() && self.json_tool.is_none() {
            losses.drop_if(matches!(choice, Some(Choice::Any | Choice::One(_))), "tool_choice");
            return;
        }
        self.choice = match choice {
            Some(Choice::One(name)) => Some(Choice::One(name)),
            // With tools of the client's the model may call one of those first; else it must answer in the form.
            choice if self.json_tool.is_some() => {
                let is_alone = self.tools.is_empty() || choice == Some(Choice::None);
                Some(if is_alone { Choice::JsonTool } else { Choice::Any })
            }
            choice => choice.or(no_parallel.then_some(Choice::Auto)),
        };
        if self.is_forced() && target.gates.forced_tool == ForcedTool::Refused {
            losses.change("tool_choice");
            self.choice = Some(Choice::Auto);
        }
        self.disable_parallel = no_parallel && self.choice != Some(Choice::None);
    }

    /// Whether the model must call a tool.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self.choice, Some(Choice::Any | Choice::One(_) | Choice::JsonTool))
    }

    /// What the decoder of the answer must know.
    pub(super) fn plan(&self) -> Plan {
        let custom = self.tools.iter().filter(|tool| matches!(tool, Tool::Custom { .. }));
        Plan {
            json_tool: self.json_tool.as_ref().map(|tool| tool.name.clone()),
            custom_tools: custom.filter_map(|tool| tool.name().map(str::to_owned)).collect(),
            ..Plan::default()
        }
    }

    /// Writes `tools` and `tool_choice`.
    pub(super) fn write(&self, o: &mut Object<'_>, losses: &mut Losses) {
        if self.tools.is_empty() && self.json_tool.is_none() {
            return;
        }
        o.array("tools", |a| {
            for tool in &self.tools {
                self.write_tool(a, tool, losses);
            }
            if let Some(tool) = &self.json_tool {
                let description = tool.description.unwrap_or("Gives the answer in its required form.");
                a.object(|o| write_function(o, &tool.name, Some(description), Some(tool.schema)));
            }
        });
        self.write_choice(o);
    }

    fn write_choice(&self, o: &mut Object<'_>) {
        let Some(choice) = &self.choice else { return };
        o.object("tool_choice", |o| {
            let (word, name) = match choice {
                Choice::Auto => ("auto", None),
                Choice::None => ("none", None),
                Choice::Any => ("any", None),
                Choice::One(name) => ("tool", Some(*name)),
                Choice::JsonTool => ("tool", self.json_tool.as_ref().map(|tool| &*tool.name)),
            };
            o.string("type", word);
            o.maybe_string("name", name);
            if self.disable_parallel {
                o.bool("disable_parallel_tool_use", true);
            }
        });
    }

    fn write_tool(&self, a: &mut Array<'_>, tool: &Tool, losses: &mut Losses) {
        match tool {
            Tool::Function { name, description, parameters, strict, cache } => a.object(|o| {
                write_function(o, name, description.as_deref(), parameters.as_deref());
                if *strict == Some(true) && self.takes_strict {
                    o.bool("strict", true);
                }
                write_cache(o, *cache);
            }),
            Tool::Custom { name, description, format } => a.object(|o| write_custom(o, name, description, format)),
            Tool::WebSearch { protocol: Protocol::AnthropicMessages, json }
            | Tool::Native { protocol: Protocol::AnthropicMessages, json, .. } => a.raw(json),
            Tool::WebSearch { json, .. } => a.object(|o| write_search(o, json, losses)),
            _ => {}
        }
    }
}

/// The tool that stands for structured output, for models that do not follow a schema of their own accord.
fn json_tool<'a>(prompt: &'a Prompt, target: &Target<'_>) -> Option<JsonTool<'a>> {
    let Some(Format::JsonSchema { name, description, schema, .. }) = &prompt.format else { return None };
    if target.gates.json_schema || !is_object_schema(schema) {
        return None;
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let mut own: String = name.as_deref().unwrap_or("json_answer").chars().map(plain).take(60).collect();
    while own.is_empty() || prompt.tools.iter().any(|tool| tool.name() == Some(&own)) {
        own.push('_');
    }
    Some(JsonTool { name: own, description: description.as_deref(), schema })
}

/// Whether a schema may be that of a tool's arguments.
pub(super) fn is_object_schema(schema: &str) -> bool {
    let Ok(schema) = json::parse(schema.as_bytes()) else { return false };
    schema.is_object() && schema.get("type").is_none_or(|kind| kind.as_str() == Some("object"))
}

fn write_function(o: &mut Object<'_>, name: &str, description: Option<&str>, schema: Option<&str>) {
    o.string("name", name);
    o.maybe_string("description", description);
    write_schema(o, schema);
}

/// The schema as it came, but for its type, which must be `object`.
fn write_schema(o: &mut Object<'_>, schema: Option<&str>) {
    let Some(raw) = schema else { return o.raw("input_schema", NO_ARGUMENTS) };
    match json::parse(raw.as_bytes()) {
        Ok(schema) if schema.str("type") == Some("object") => o.raw("input_schema", raw),
        Ok(schema) if schema.present().next().is_some() => o.object("input_schema", |o| {
            o.string("type", "object");
            for (name, value) in schema.members().filter(|(name, _)| *name != "type") {
                o.raw(name, value.raw());
            }
        }),
        _ => o.raw("input_schema", NO_ARGUMENTS),
    }
}

/// A tool with free text as a function with one text.
fn write_custom(o: &mut Object<'_>, name: &str, description: &Option<String>, format: &Option<String>) {
    let mut words = description.clone().unwrap_or_default();
    if let Some(format) = format.as_deref().filter(|format| !format.contains(r#""text""#)) {
        words.push_str("\n\nThe input must be in this format: ");
        words.push_str(format);
    }
    o.string("name", name);
    o.maybe_string("description", Some(words.trim()).filter(|words| !words.is_empty()));
    o.object("input_schema", |o| {
        o.string("type", "object");
        o.object("properties", |o| {
            o.object(FREE_TEXT, |o| {
                o.string("type", "string");
                o.string("description", "The whole input as text.");
            });
        });
        o.strings("required", [FREE_TEXT]);
    });
}

/// Another protocol's search of the web: OpenAI's two and Gemini's, whose options differ in place and not in meaning.
fn write_search(o: &mut Object<'_>, json: &str, losses: &mut Losses) {
    o.string("type", WEB_SEARCH);
    o.string("name", "web_search");
    let Ok(tool) = json::parse(json.as_bytes()) else { return };
    losses.drop_if(tool.get("search_context_size").is_some(), "tools.web_search");
    let filters = tool.get("filters");
    let domains = filters.and_then(|filters| filters.get("allowed_domains")).filter(|domains| domains.is_array());
    o.maybe_raw("allowed_domains", domains.map(Value::raw));
    if let Some(place) = tool.get("user_location").filter(|place| place.is_object()) {
        let place = place.get("approximate").filter(|place| place.is_object()).unwrap_or(place);
        o.object("user_location", |o| {
            o.string("type", "approximate");
            for name in ["city", "region", "country", "timezone"] {
                o.maybe_string(name, place.str(name));
            }
        });
    }
}
