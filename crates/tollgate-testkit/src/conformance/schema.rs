//! As much of JSON Schema as the specifications of the protocols use.
//!
//! A keyword that is not known here is reported as a violation, so that none is passed over in silence. Formats and
//! patterns are not looked at: no answer's schema depends on them. `oneOf` means "one of these at least": in the
//! specifications it names the members of a union, some of which overlap.

use serde_json::{Map, Value};

/// How deep schemas may lead into each other before a cycle is assumed.
const DEPTH: usize = 200;

/// A document with schemas under `components`, and how strictly it is meant.
#[derive(Debug)]
pub(super) struct Spec {
    /// The name in messages.
    pub(super) name: &'static str,
    /// The document.
    pub(super) root: Value,
    /// Whether a member that may be null may also be absent although it is required.
    pub(super) absent_is_null: bool,
    /// Whether a value whose `type` no member of a union knows is an extension rather than a mistake.
    pub(super) open_unions: bool,
}

impl Spec {
    /// Whether there is a schema of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.root["components"]["schemas"][name].is_object()
    }

    /// What is wrong with `value` as an instance of the named schema; each message begins with a path.
    pub(super) fn check(&self, name: &str, value: &Value) -> Vec<String> {
        if !self.has(name) {
            return vec![format!("{} has no schema {name}", self.name)];
        }
        let found = self.errors(&self.root["components"]["schemas"][name], value, "", 0);
        found.into_iter().map(|error| format!("{error} [{} {name}]", self.name)).collect()
    }

    fn errors(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Vec<String> {
        let Value::Object(schema) = schema else {
            return if *schema == Value::Bool(false) { vec![message(path, "must not be there")] } else { Vec::new() };
        };
        if depth > DEPTH {
            return vec![message(path, "schemas lead into each other without end")];
        }
        // OpenAPI 3.0's word, which OpenAI's document still uses beside 3.1's.
        if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
            return Vec::new();
        }
        let mut errors = Vec::new();
        for (keyword, argument) in schema {
            match keyword.as_str() {
                "$ref" => errors.extend(self.errors(self.target(argument), value, path, depth + 1)),
                "allOf" => {
                    errors.extend(items(argument).iter().flat_map(|part| self.errors(part, value, path, depth + 1)));
                }
                "anyOf" | "oneOf" => errors.extend(self.union(items(argument), value, path, depth)),
                "properties" | "required" | "additionalProperties" | "propertyNames" | "maxProperties" => {}
                _ => errors.extend(keyword_error(keyword, argument, value).map(|error| message(path, error))),
            }
        }
        match value {
            Value::Object(members) => errors.extend(self.members(schema, members, path, depth)),
            Value::Array(elements) => {
                if let Some(element) = schema.get("items") {
                    for (index, value) in elements.iter().enumerate() {
                        errors.extend(self.errors(element, value, &format!("{path}[{index}]"), depth + 1));
                    }
                }
            }
            _ => {}
        }
        errors
    }

    fn members(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Vec<String> {
        let mut errors = Vec::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let property = |name: &str| properties.and_then(|properties| properties.get(name));
        for name in schema.get("required").map(items).unwrap_or_default().iter().filter_map(Value::as_str) {
            let may_be_null =
                || property(name).is_some_and(|schema| self.errors(schema, &Value::Null, "", depth + 1).is_empty());
            if !(members.contains_key(name) || self.absent_is_null && may_be_null()) {
                errors.push(message(path, format!("lacks `{name}`")));
            }
        }
        let rest = schema.get("additionalProperties");
        for (name, value) in members {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if let Some(schema) = property(name).or(rest) {
                errors.extend(self.errors(schema, value, &path, depth + 1));
            }
        }
        let limit = schema.get("maxProperties").and_then(Value::as_u64);
        if limit.is_some_and(|limit| members.len() as u64 > limit) {
            errors.push(message(path, "has too many members"));
        }
        errors
    }

    /// Of the members of a union that may be meant, the one that fits best.
    fn union(&self, branches: &[Value], value: &Value, path: &str, depth: usize) -> Vec<String> {
        let kind = value.get("type").and_then(Value::as_str);
        let mut meant: Vec<&Value> = branches.iter().collect();
        if let Some(kind) = kind {
            let known: Vec<Vec<&str>> = branches.iter().map(|branch| self.kinds(branch, depth)).collect();
            let fits = |kinds: &Vec<&str>| kinds.contains(&kind);
            if known.iter().any(fits) {
                meant =
                    branches.iter().zip(&known).filter(|(_, kinds)| fits(kinds)).map(|(branch, _)| branch).collect();
            } else if self.open_unions && known.iter().any(|kinds| !kinds.is_empty()) {
                return Vec::new();
            } else if known.iter().all(|kinds| !kinds.is_empty()) {
                return vec![message(path, format!("has the unknown type `{kind}`"))];
            }
        }
        let mut best: Option<Vec<String>> = None;
        for branch in meant {
            let errors = self.errors(branch, value, path, depth + 1);
            if errors.is_empty() {
                return errors;
            }
            if best.as_ref().is_none_or(|best| errors.len() < best.len()) {
                best = Some(errors);
            }
        }
        best.unwrap_or_else(|| vec![message(path, "fits nothing")])
    }

    /// The values of `type` that a member of a union is for.
    fn kinds<'a>(&'a self, branch: &'a Value, depth: usize) -> Vec<&'a str> {
        if depth > DEPTH {
            return Vec::new();
        }
        if let Some(reference) = branch.get("$ref") {
            return self.kinds(self.target(reference), depth + 1);
        }
        let kind = &branch["properties"]["type"];
        let own = items(&kind["enum"]).iter().chain(kind.get("const")).filter_map(Value::as_str);
        let unions = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|union| items(&branch[union]));
        own.chain(unions.flat_map(|part| self.kinds(part, depth + 1))).collect()
    }

    fn target(&self, reference: &Value) -> &Value {
        // What cannot be found allows nothing, so that it is noticed.
        const NOTHING: &Value = &Value::Bool(false);
        let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(NOTHING)
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn message(path: &str, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", if path.is_empty() { "." } else { path })
}

fn keyword_error(keyword: &str, argument: &Value, value: &Value) -> Option<String> {
    let outside = |is_outside: bool| is_outside.then(|| format!("is outside of {keyword} {argument}"));
    let size = |size: usize| argument.as_u64().map(|limit| (size as u64).cmp(&limit));
    match (keyword, value) {
        ("type", _) => {
            let names = if argument.is_array() { items(argument) } else { std::slice::from_ref(argument) };
            let is_one = names.iter().filter_map(Value::as_str).any(|name| is_of_type(name, value));
            (!is_one).then(|| format!("{} is not of type {argument}", brief(value)))
        }
        ("enum", _) => (!items(argument).contains(value)).then(|| format!("{} is not one of {argument}", brief(value))),
        ("const", _) => (argument != value).then(|| format!("{} is not {argument}", brief(value))),
        ("minimum", Value::Number(number)) => outside(number.as_f64() < argument.as_f64()),
        ("maximum", Value::Number(number)) => outside(number.as_f64() > argument.as_f64()),
        ("minLength", Value::String(text)) => outside(size(text.chars().count())?.is_lt()),
        ("maxLength", Value::String(text)) => outside(size(text.chars().count())?.is_gt()),
        ("minItems", Value::Array(elements)) => outside(size(elements.len())?.is_lt()),
        ("maxItems", Value::Array(elements)) => outside(size(elements.len())?.is_gt()),
        ("minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems" | "items", _) => None,
        // A schema that refers to itself occurs in requests alone.
        ("$recursiveRef" | "$recursiveAnchor", _) => None,
        ("nullable" | "discriminator" | "format" | "pattern" | "default" | "deprecated", _) => None,
        ("description" | "title" | "example" | "examples", _) => None,
        _ if keyword.starts_with("x-") => None,
        _ => Some(format!("its schema uses `{keyword}`, which the checker does not know")),
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

/// A value, short enough for a message.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { text.chars().take(60).chain("…".chars()).collect() } else { text }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are shorter without references")]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(schemas: Value, absent_is_null: bool, open_unions: bool) -> Spec {
        Spec { name: "test", root: json!({ "components": { "schemas": schemas } }), absent_is_null, open_unions }
    }

    fn check(schema: Value, value: Value, expected: &[&str]) {
        let found = spec(json!({ "X": schema }), false, false).check("X", &value);
        let expected: Vec<String> = expected.iter().map(|error| format!("{error} [test X]")).collect();
        assert_eq!(found, expected, "{schema} {value}");
    }

    #[test]
    fn keywords() {
        check(json!({ "type": "integer" }), json!(1.0), &[]);
        check(json!({ "type": "integer" }), json!(1.5), &[".: 1.5 is not of type \"integer\""]);
        check(json!({ "type": ["string", "null"] }), json!(null), &[]);
        check(json!({ "type": "string" }), json!(null), &[".: null is not of type \"string\""]);
        check(json!({ "type": "string", "nullable": true }), json!(null), &[]);
        check(json!({ "enum": ["a"] }), json!("b"), &[".: \"b\" is not one of [\"a\"]"]);
        check(json!({ "maximum": 2 }), json!(3), &[".: is outside of maximum 2"]);
        check(json!({ "minLength": 1 }), json!(""), &[".: is outside of minLength 1"]);
        check(json!({ "items": { "type": "string" } }), json!(["a", 1]), &["[1]: 1 is not of type \"string\""]);
        check(json!({ "additionalProperties": false }), json!({ "a": 1 }), &["a: must not be there"]);
        check(json!({ "required": ["a"] }), json!({}), &[".: lacks `a`"]);
        check(json!({ "$ref": "#/components/schemas/Y" }), json!(1), &[".: must not be there"]);
        check(json!({ "$ref": "#/components/schemas/X" }), json!(1), &[".: schemas lead into each other without end"]);
        check(json!({ "if": {} }), json!(1), &[".: its schema uses `if`, which the checker does not know"]);
    }

    #[test]
    fn unions_report_the_member_that_is_meant() {
        let union = json!({ "oneOf": [
            { "properties": { "type": { "enum": ["a"] }, "x": { "type": "string" } }, "required": ["type", "x", "y"] },
            { "properties": { "type": { "const": "b" }, "x": { "type": "integer" } }, "required": ["type", "x"] },
        ] });
        check(union.clone(), json!({ "type": "b", "x": 1 }), &[]);
        check(union.clone(), json!({ "type": "b", "x": "1" }), &["x: \"1\" is not of type \"integer\""]);
        check(union.clone(), json!({ "type": "c" }), &[".: has the unknown type `c`"]);
        let open = spec(json!({ "X": union }), false, true);
        assert!(open.check("X", &json!({ "type": "vendor:c" })).is_empty());
        assert_eq!(open.check("X", &json!({ "type": "a" })).len(), 2);
        check(json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }), json!(null), &[]);
        check(json!({ "anyOf": [{ "type": "null" }] }), json!(1), &[".: 1 is not of type \"null\""]);
    }

    #[test]
    fn what_may_be_null_may_be_absent_where_the_document_means_so() {
        let schemas = json!({ "X": {
            "properties": { "a": { "type": ["string", "null"] }, "b": { "type": "string" } }, "required": ["a", "b"],
        } });
        assert_eq!(spec(schemas.clone(), true, false).check("X", &json!({})), [".: lacks `b` [test X]"]);
        assert_eq!(spec(schemas, false, false).check("X", &json!({})).len(), 2);
    }
}
