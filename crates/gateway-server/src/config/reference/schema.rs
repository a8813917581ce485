//! Adapts the schema of the types to what a file may hold.

use serde_json::{Map, Value, json};

/// Allows `${VAR}` where a number, a boolean or one of several words is expected. The server expands variables before
/// it looks at types; an editor sees the file before that.
pub(super) fn allow_variables(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_variables),
        Value::Object(object) if is_narrow(object) => widen(object),
        Value::Object(object) => object.values_mut().for_each(allow_variables),
        _ => {}
    }
}

fn is_narrow(object: &Map<String, Value>) -> bool {
    let mut types = match object.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return false,
    };
    types.retain(|name| *name != "null");
    object.contains_key("enum") || types == ["integer"] || types == ["boolean"]
}

fn widen(object: &mut Map<String, Value>) {
    let (outer, inner): (Map<_, _>, Map<_, _>) =
        std::mem::take(object).into_iter().partition(|(key, _)| matches!(key.as_str(), "description" | "default"));
    *object = outer;
    object.insert("anyOf".to_owned(), json!([inner, { "type": "string", "pattern": "\\$\\{" }]));
}
