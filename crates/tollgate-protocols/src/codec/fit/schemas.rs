//! Schemas of functions' arguments as OpenAI takes them.

use std::borrow::Cow;

use tollgate_core::ir::{Prompt, Tool};

use crate::json;

/// Gives schemas of arguments the type and the properties that they lack.
pub(super) fn complete(prompt: &mut Cow<'_, Prompt>) {
    let completed: Vec<Option<String>> = prompt
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function { parameters: Some(parameters), .. } => completed(parameters),
            _ => None,
        })
        .collect();
    if completed.iter().all(Option::is_none) {
        return;
    }
    for (tool, completed) in prompt.to_mut().tools.iter_mut().zip(completed) {
        if let (Tool::Function { parameters, .. }, Some(completed)) = (tool, completed) {
            *parameters = Some(completed);
        }
    }
}

/// The schema of an object with what it lacks; `None` if it lacks nothing, or is none.
pub(super) fn completed(schema: &str) -> Option<String> {
    let schema = json::parse(schema.as_bytes()).ok().filter(json::Value::is_object)?;
    // One that is put together of others says there what it has.
    let is_composed = ["$ref", "anyOf", "oneOf", "allOf"].into_iter().any(|name| schema.get(name).is_some());
    let has_type = schema.get("type").is_some();
    let is_complete = has_type && schema.get("properties").is_some();
    if is_composed || is_complete || (has_type && schema.str("type") != Some("object")) {
        return None;
    }
    Some(json::object_text(|o| {
        o.string("type", "object");
        let is_replaced = |name: &str| name == "type" || (name == "properties" && schema.get(name).is_none());
        schema.members().filter(|(name, _)| !is_replaced(name)).for_each(|(name, value)| o.raw(name, value.raw()));
        if schema.get("properties").is_none() {
            o.object("properties", |_| {});
        }
    }))
}
