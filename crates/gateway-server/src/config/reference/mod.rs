//! The reference of the configuration, generated from its types.
//!
//! Behind the feature `schema`, because the server itself has no use for it. The output depends on nothing but the
//! types and the texts here, so that a check can compare it with the files in the repository.

mod schema;
mod table;

use serde_json::Value;

use super::types::ConfigFile;

/// A configuration that shows most keys. A test loads it.
pub const EXAMPLE: &str = include_str!("example.yaml");

const INTRODUCTION: &str = include_str!("introduction.md");
const ENVIRONMENT: &str = include_str!("environment.md");

/// The text of `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let keys = table::sections(&schema_of_types());
    format!("{INTRODUCTION}\n```yaml\n{EXAMPLE}```\n\n{keys}{ENVIRONMENT}")
}

/// The JSON Schema of the file, for editors.
#[must_use]
pub fn json_schema() -> String {
    let mut schema = schema_of_types();
    schema::allow_variables(&mut schema);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn schema_of_types() -> Value {
    schemars::schema_for!(ConfigFile).to_value()
}

#[cfg(test)]
mod tests;
