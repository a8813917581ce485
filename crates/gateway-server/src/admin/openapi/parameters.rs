//! The members of a type as parameters of a path or a query.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// One parameter for each property.
pub(super) fn of(schema: &Schema, place: &str) -> Vec<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| place == "path" || required.is_some_and(|all| all.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    properties.map(|(name, property)| parameter(name, place, is_required(name), property.clone())).collect()
}

fn parameter(name: &str, place: &str, is_required: bool, mut schema: Value) -> Value {
    let mut parameter = Map::new();
    parameter.insert("name".to_owned(), name.into());
    parameter.insert("in".to_owned(), place.into());
    parameter.insert("required".to_owned(), is_required.into());
    if let Some(description) = schema.as_object_mut().and_then(|schema| schema.shift_remove("description")) {
        parameter.insert("description".to_owned(), description);
    }
    let schema = without_null(schema);
    if schema["type"] == "array" {
        // Written with commas; the default would repeat the parameter.
        parameter.insert("style".to_owned(), "form".into());
        parameter.insert("explode".to_owned(), false.into());
    }
    parameter.insert("schema".to_owned(), schema);
    parameter.into()
}

/// A parameter that is left out is null for the type; what is written never is.
fn without_null(mut schema: Value) -> Value {
    if let Some(variants) = schema.get("anyOf").and_then(Value::as_array) {
        let mut variants: Vec<Value> =
            variants.iter().filter(|one| **one != json!({ "type": "null" })).cloned().collect();
        if variants.len() == 1 {
            return variants.remove(0);
        }
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if types.len() == 1 {
            schema["type"] = types.remove(0);
        }
    }
    if schema.get("default") == Some(&Value::Null)
        && let Some(members) = schema.as_object_mut()
    {
        members.shift_remove("default");
    }
    schema
}
