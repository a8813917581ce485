//! JSON Schema and the subset of OpenAPI's schemas that Gemini has in `parameters` and `responseSchema`.
//!
//! Newer models take JSON Schema as it is (`parametersJsonSchema`, `responseJsonSchema`); the subset is for older ones,
//! and for clients that send it.

use tollgate_core::ir::Losses;

use super::types::{camel, list, member};
use crate::json::{self, Object, Value};

/// How many schemas one schema may become when its references are written out.
const MAX_NODES: usize = 4096;

/// How many schemas may describe one value together.
const MAX_VIEWS: usize = 32;

/// Keywords of the subset that are taken as they are.
const PLAIN: [&str; 15] = [
    "title",
    "description",
    "format",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "default",
    "minimum",
    "maximum",
    "propertyOrdering",
];

/// Keywords that may go without changing what a value may be, or are handled by name.
const HANDLED: [&str; 20] = [
    "type",
    "nullable",
    "enum",
    "const",
    "properties",
    "required",
    "items",
    "prefixItems",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
    "definitions",
    "$schema",
    "$id",
    "$comment",
    "additionalProperties",
    "strict",
    "examples",
];

/// A JSON Schema in the subset: references are written out, `null` among the types is `nullable`, what the subset does
/// not have is left out. A reference to itself becomes an object of any kind.
#[must_use]
pub fn to_openapi(schema: &str, losses: &mut Losses) -> String {
    let Ok(root) = json::parse(schema.as_bytes()) else {
        losses.drop("tools.parameters");
        return r#"{"type":"OBJECT"}"#.to_owned();
    };
    let mut subset = Subset { root: &root, open: Vec::new(), left: MAX_NODES, lossy: false };
    let text = json::object_text(|o| subset.write(&root, o));
    if subset.lossy {
        losses.change("json_schema");
    }
    text
}

/// A schema of the subset as JSON Schema: types in lower case, `nullable` as a type.
#[must_use]
pub fn from_openapi(schema: &Value<'_>) -> String {
    json::object_text(|o| write_json_schema(schema, o))
}

/// Whether a JSON Schema has the form that OpenAI demands of strict ones: every object says all that it has.
#[must_use]
pub fn is_closed(schema: &str) -> bool {
    json::parse(schema.as_bytes()).is_ok_and(|schema| is_closed_at(&schema))
}

fn is_closed_at(schema: &Value<'_>) -> bool {
    let properties = schema.get("properties");
    let is_object = properties.is_some() || schema.str("type") == Some("object");
    let required = schema.array("required");
    let all = |properties: &Value<'_>| {
        properties
            .members()
            .all(|(name, value)| required.iter().any(|required| required.as_str() == Some(name)) && is_closed_at(value))
    };
    let is_shut = schema.get("additionalProperties").and_then(Value::as_bool) == Some(false);
    let within = ["items", "not"].into_iter().filter_map(|name| schema.get(name)).all(is_closed_at);
    let lists = ["anyOf", "oneOf", "allOf", "prefixItems"];
    let listed = lists.into_iter().flat_map(|name| schema.array(name)).all(is_closed_at);
    let maps = ["$defs", "definitions"].into_iter().filter_map(|name| schema.get(name));
    let defined = maps.flat_map(Value::members).all(|(_, value)| is_closed_at(value));
    (!is_object || (is_shut && properties.is_none_or(all))) && within && listed && defined
}

struct Subset<'v> {
    root: &'v Value<'v>,
    /// References that are being written out.
    open: Vec<&'v str>,
    left: usize,
    lossy: bool,
}

/// What describes one value: schemas that all hold for it.
#[derive(Default)]
struct Views<'v> {
    schemas: Vec<&'v Value<'v>>,
    any_of: Vec<&'v Value<'v>>,
    nullable: bool,
}

impl<'v> Views<'v> {
    fn get(&self, name: &str) -> Option<&'v Value<'v>> {
        self.schemas.iter().find_map(|schema| schema.get(name))
    }
}

impl<'v> Subset<'v> {
    fn write(&mut self, schema: &'v Value<'v>, o: &mut Object<'_>) {
        let mark = self.open.len();
        let mut views = Views::default();
        if self.left == 0 {
            self.lossy = true;
        } else {
            self.left -= 1;
            self.gather(schema, &mut views);
        }
        self.write_views(&views, o);
        self.open.truncate(mark);
    }

    fn gather(&mut self, schema: &'v Value<'v>, views: &mut Views<'v>) {
        if views.schemas.len() >= MAX_VIEWS {
            self.lossy = true;
            return;
        }
        views.schemas.push(schema);
        self.lossy |= schema.present().any(|(name, _)| !PLAIN.contains(&name) && !HANDLED.contains(&name));
        views.nullable |= schema.get("nullable").and_then(Value::as_bool) == Some(true);
        if let Some(reference) = schema.str("$ref") {
            match self.resolve(reference).filter(|_| !self.open.contains(&reference)) {
                Some(target) => {
                    self.open.push(reference);
                    self.gather(target, views);
                }
                None => self.lossy = true,
            }
        }
        for part in schema.array("allOf") {
            self.gather(part, views);
        }
        let variants: Vec<_> = schema.array("anyOf").iter().chain(schema.array("oneOf")).collect();
        let some: Vec<_> = variants.iter().copied().filter(|schema| schema.str("type") != Some("null")).collect();
        views.nullable |= some.len() < variants.len();
        match some[..] {
            [only] => self.gather(only, views),
            _ if views.any_of.is_empty() => views.any_of = some,
            _ => self.lossy |= !some.is_empty(),
        }
    }

    /// The schema that a reference within the document points to (RFC 6901).
    fn resolve(&self, reference: &str) -> Option<&'v Value<'v>> {
        let mut value = self.root;
        for step in reference.strip_prefix('#')?.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            value = match value.get(&step) {
                Some(value) => value,
                None => value.items().get(step.parse::<usize>().ok()?)?,
            };
        }
        value.is_object().then_some(value)
    }

    fn write_views(&mut self, views: &Views<'v>, o: &mut Object<'_>) {
        let types: Vec<&str> = match views.get("type") {
            Some(word) if word.is_string() => word.as_str().into_iter().collect(),
            Some(words) => words.items().iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        let has_null = types.contains(&"null");
        let types: Vec<&str> = types.into_iter().filter(|word| *word != "null").collect();
        let kind = match types[..] {
            [only] => Some(only.to_ascii_uppercase()),
            [] if views.any_of.is_empty() => Some(self.guess(views).to_owned()),
            _ => None,
        };
        if let Some(kind) = &kind {
            o.string("type", kind);
        }
        for name in PLAIN {
            o.maybe_raw(name, views.get(name).map(Value::raw));
        }
        let null_in_enum = self.write_enum(views, kind.as_deref(), o);
        self.write_object(views, o);
        self.write_items(views, kind.as_deref(), o);
        if types.len() > 1 {
            o.array("anyOf", |a| {
                types.iter().for_each(|word| a.object(|o| o.string("type", &word.to_ascii_uppercase())));
            });
        } else if !views.any_of.is_empty() {
            o.array("anyOf", |a| views.any_of.iter().for_each(|schema| a.object(|o| self.write(schema, o))));
        }
        if views.nullable || has_null || null_in_enum {
            o.bool("nullable", true);
        }
    }

    /// The type of a schema that does not say it; the subset wants one.
    fn guess(&mut self, views: &Views<'_>) -> &'static str {
        if views.get("properties").is_some() || views.get("$ref").is_some() || views.schemas.is_empty() {
            "OBJECT"
        } else if views.get("items").is_some() || views.get("prefixItems").is_some() {
            "ARRAY"
        } else {
            self.lossy |= views.get("enum").is_none() && views.get("const").is_none();
            "STRING"
        }
    }

    /// Writes `enum`, which holds texts only; true if it allowed `null`.
    fn write_enum(&mut self, views: &Views<'_>, kind: Option<&str>, o: &mut Object<'_>) -> bool {
        let values = match (views.get("enum"), views.get("const")) {
            (Some(values), _) => values.items(),
            (None, Some(value)) => std::slice::from_ref(value),
            (None, None) => return false,
        };
        let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        let nulls = values.iter().filter(|value| value.is_null()).count();
        if kind.is_none_or(|kind| kind == "STRING") && texts.len() + nulls == values.len() && !texts.is_empty() {
            o.strings("enum", texts);
        } else {
            self.lossy = true;
        }
        nulls > 0
    }

    fn write_object(&mut self, views: &Views<'v>, o: &mut Object<'_>) {
        let mut properties: Vec<(&'v str, &'v Value<'v>)> = Vec::new();
        for (name, schema) in
            views.schemas.iter().filter_map(|schema| schema.get("properties")).flat_map(Value::members)
        {
            if !properties.iter().any(|(known, _)| *known == name) {
                properties.push((name, schema));
            }
        }
        if properties.is_empty() {
            return;
        }
        o.object("properties", |o| {
            for (name, schema) in &properties {
                o.object(name, |o| self.write(schema, o));
            }
        });
        let required = views.schemas.iter().flat_map(|schema| schema.array("required")).filter_map(Value::as_str);
        // A name without a property is refused.
        let mut required: Vec<&str> =
            required.filter(|name| properties.iter().any(|(known, _)| known == name)).collect();
        let mut seen = std::collections::HashSet::new();
        required.retain(|name| seen.insert(*name));
        if !required.is_empty() {
            o.strings("required", required);
        }
    }

    fn write_items(&mut self, views: &Views<'v>, kind: Option<&str>, o: &mut Object<'_>) {
        let tuple = views.get("prefixItems").map(Value::items).unwrap_or_default();
        match (views.get("items").filter(|items| items.is_object()), tuple) {
            (Some(items), _) => o.object("items", |o| self.write(items, o)),
            (None, []) if kind == Some("ARRAY") => o.object("items", |o| o.string("type", "STRING")),
            (None, []) => {}
            (None, tuple) => {
                self.lossy = true;
                o.object("items", |o| {
                    o.array("anyOf", |a| tuple.iter().for_each(|schema| a.object(|o| self.write(schema, o))));
                });
            }
        }
    }
}

fn write_json_schema(schema: &Value<'_>, o: &mut Object<'_>) {
    let is_nullable = member(schema, "nullable").and_then(Value::as_bool) == Some(true);
    let has_type = schema.get("type").is_some();
    for (name, value) in schema.present() {
        match &*camel(name) {
            "nullable" => {}
            "type" => match value.as_str() {
                Some("TYPE_UNSPECIFIED") => {}
                Some(word) if is_nullable => o.strings("type", [&*word.to_ascii_lowercase(), "null"]),
                Some(word) => o.string("type", &word.to_ascii_lowercase()),
                None => o.raw("type", value.raw()),
            },
            "enum" if is_nullable && value.is_array() => o.array("enum", |a| {
                value.items().iter().for_each(|item| a.raw(item.raw()));
                a.raw("null");
            }),
            "properties" => o.object("properties", |o| {
                value.present().for_each(|(name, schema)| o.object(name, |o| write_json_schema(schema, o)));
            }),
            "items" | "additionalProperties" if value.is_object() => {
                o.object(&camel(name), |o| write_json_schema(value, o));
            }
            "anyOf" => o.array("anyOf", |a| {
                list(value).iter().for_each(|schema| a.object(|o| write_json_schema(schema, o)));
                if is_nullable && !has_type {
                    a.raw(r#"{"type":"null"}"#);
                }
            }),
            // 64-bit integers may be strings in JSON of protocol buffers.
            known @ ("minItems" | "maxItems" | "minProperties" | "maxProperties" | "minLength" | "maxLength") => {
                match value.as_str().and_then(|text| text.parse().ok()) {
                    Some(number) => o.uint(known, number),
                    None => o.raw(known, value.raw()),
                }
            }
            known if PLAIN.contains(&known) => o.raw(known, value.raw()),
            _ => o.raw(name, value.raw()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expected: &str, lossy: bool) {
        let mut losses = Losses::default();
        assert_eq!(to_openapi(schema, &mut losses), expected);
        assert_eq!(!losses.is_empty(), lossy, "{schema}");
    }

    #[test]
    fn strict_schemas_say_all_that_their_objects_have() {
        for (schema, expected) in [
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#,
                true,
            ),
            (r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#, false),
            (r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#, false),
            (r#"{"type":"array","items":{"type":"object"}}"#, false),
            (r#"{"anyOf":[{"type":"string"},{"type":"object","additionalProperties":false}]}"#, true),
            (r#"{"$defs":{"x":{"type":"object"}},"type":"string"}"#, false),
        ] {
            assert_eq!(is_closed(schema), expected, "{schema}");
        }
    }

    #[test]
    fn b20_references_are_written_out() {
        check(
            r##"{"$defs":{"P":{"type":"object","properties":{"a":{"type":["string","null"]}},"additionalProperties":false}},
                "type":"object","properties":{"p":{"$ref":"#/$defs/P"}},"required":["p","x"]}"##,
            r#"{"type":"OBJECT","properties":{"p":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}}}},"required":["p"]}"#,
            false,
        );
    }

    #[test]
    fn keywords() {
        check(
            r#"{"anyOf":[{"type":"string","enum":["a","b"],"format":"enum"},{"type":"null"}],"description":"d"}"#,
            r#"{"type":"STRING","description":"d","format":"enum","enum":["a","b"],"nullable":true}"#,
            false,
        );
        check(r#"{"type":["integer","string"]}"#, r#"{"anyOf":[{"type":"INTEGER"},{"type":"STRING"}]}"#, false);
        check(r#"{"type":"array"}"#, r#"{"type":"ARRAY","items":{"type":"STRING"}}"#, false);
        check(r#"{"type":"integer","enum":[1,2]}"#, r#"{"type":"INTEGER"}"#, true);
        check(r#"{"type":"object","not":{}}"#, r#"{"type":"OBJECT"}"#, true);
        check(
            r#"{"allOf":[{"properties":{"a":{"const":"x"}}},{"properties":{"b":{"type":"number"}},"required":["b"]}]}"#,
            r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","enum":["x"]},"b":{"type":"NUMBER"}},"required":["b"]}"#,
            false,
        );
    }

    #[test]
    fn recursion_ends() {
        check(
            r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##,
            r#"{"type":"OBJECT","properties":{"next":{"type":"OBJECT","properties":{"next":{"type":"OBJECT"}}}}}"#,
            true,
        );
        check(r##"{"$ref":"#"}"##, r#"{"type":"OBJECT"}"#, true);
        check(r##"{"$ref":"#/none"}"##, r#"{"type":"OBJECT"}"#, true);
        // Doubles with every level, so that it would never end without a bound.
        let levels: Vec<String> = (0..40)
            .map(|n| {
                format!(
                    r##""l{n}":{{"properties":{{"a":{{"$ref":"#/$defs/l{}"}},"b":{{"$ref":"#/$defs/l{}"}}}}}}"##,
                    n + 1,
                    n + 1
                )
            })
            .collect();
        let bomb = format!(r##"{{"$defs":{{{}}},"$ref":"#/$defs/l0"}}"##, levels.join(","));
        let mut losses = Losses::default();
        assert!(to_openapi(&bomb, &mut losses).len() < 1_000_000);
        assert!(!losses.is_empty());
    }

    #[test]
    fn from_the_subset() {
        let text = r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"enum":["a"]},
            "l":{"type":"ARRAY","items":{"any_of":[{"type":"INTEGER"}],"nullable":true},"min_items":"1"}},"property_ordering":["l"]}"#;
        let value = json::parse(text.as_bytes()).unwrap();
        assert_eq!(
            from_openapi(&value),
            r#"{"type":"object","properties":{"type":{"type":["string","null"],"enum":["a",null]},"l":{"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"null"}]},"minItems":1}},"propertyOrdering":["l"]}"#
        );
    }
}
