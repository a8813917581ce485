//! A table of keys for each section of the schema.

use std::fmt::Write as _;

use serde_json::Value;

/// Renders the root and then each section below it, in the order of the types.
pub(super) fn sections(schema: &Value) -> String {
    let mut renderer = Renderer { schema, output: String::new() };
    renderer.section("", schema);
    renderer.output
}

struct Renderer<'a> {
    schema: &'a Value,
    output: String,
}

/// What a property holds.
enum Shape<'a> {
    /// A value, with the name of its type.
    Plain(String),
    /// A section of its own.
    Section(&'a Value),
    /// Sections by name.
    Named(&'a Value),
}

// === impl Renderer ===

impl<'a> Renderer<'a> {
    fn section(&mut self, path: &str, section: &'a Value) {
        let properties = section["properties"].as_object();
        let heading = if path.is_empty() { "Top level".to_owned() } else { format!("`{path}`") };
        let description = cell(&section["description"]);
        // Writing to a string cannot fail.
        let _ = writeln!(self.output, "## {heading}\n\n{description}\n");
        self.output.push_str("| Key | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
        let mut below = Vec::new();
        for (key, property) in properties.into_iter().flatten() {
            let child = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let (name, default) = match self.shape(property) {
                Shape::Plain(name) => (name, default(&property["default"])),
                Shape::Section(section) => {
                    below.push((child.clone(), section));
                    (format!("[section](#{})", anchor(&child)), String::new())
                }
                Shape::Named(section) => {
                    let child = format!("{child}.<name>");
                    below.push((child.clone(), section));
                    (format!("[sections](#{}) by name", anchor(&child)), String::new())
                }
            };
            let _ = writeln!(self.output, "| `{key}` | {name} | {default} | {} |", cell(&property["description"]));
        }
        self.output.push('\n');
        for (path, section) in below {
            self.section(&path, section);
        }
    }

    fn shape(&self, property: &'a Value) -> Shape<'a> {
        let property = self.resolve(property);
        let values = self.resolve(&property["additionalProperties"]);
        if property["properties"].is_object() {
            Shape::Section(property)
        } else if values["properties"].is_object() {
            Shape::Named(values)
        } else if values.is_object() {
            Shape::Plain(format!("{} by name", type_name(values)))
        } else if property["items"].is_object() {
            Shape::Plain(format!("list of {}s", type_name(self.resolve(&property["items"]))))
        } else {
            Shape::Plain(type_name(property))
        }
    }

    /// Follows a reference, also one that may be null, since an optional section is written like any other.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let variants = schema["anyOf"].as_array().into_iter().flatten();
        let schema = variants.into_iter().find(|variant| variant["type"] != "null").unwrap_or(schema);
        let target = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
        target.map_or(schema, |name| &self.schema["$defs"][name])
    }
}

/// The name of a type for people: its format where that says more than the type.
fn type_name(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    let name = match &schema["type"] {
        Value::Array(names) => names.iter().find_map(|name| name.as_str().filter(|name| *name != "null")),
        name => name.as_str(),
    };
    match (schema["format"].as_str(), name) {
        (Some("size"), _) => "size",
        (Some("time"), _) => "duration",
        (Some("secret"), _) => "secret",
        (Some("dollars"), _) => "dollars",
        (_, Some("integer")) => "number",
        (_, Some(name)) => name,
        (_, None) => "any",
    }
    .to_owned()
}

fn default(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(_) => "`{}`".to_owned(),
        Value::String(text) if !text.is_empty() => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// Text that fits in one cell.
fn cell(text: &Value) -> String {
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')).collect()
}
