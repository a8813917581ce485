//! The reference describes what the loader does.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::config::types::Entries;
use crate::config::{Document, Overrides, Source, load};

#[test]
fn the_example_loads() {
    let names = [
        "TOLLGATE_API_KEY",
        "OPENAI_API_KEY",
        "OPENAI_EAST_KEY_A",
        "OPENAI_EAST_KEY_B",
        "GROQ_API_KEY",
        "REDIS_PASSWORD",
    ];
    let variables: BTreeMap<String, String> = names.map(|name| (name.to_owned(), "sk-1".to_owned())).into();
    let source = Source::text("example.yaml", EXAMPLE);
    let config =
        load(&source, &variables, &crate::kinds(), &Overrides::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["openai", "openai-east", "groq", "ollama"]);
    assert_eq!(config.admin_key, None);
}

#[test]
fn every_key_is_documented_with_its_default() {
    let text = markdown();
    for expect in [
        "# Configuration",
        "## Top level",
        "| `listen` | string | `127.0.0.1:8080` |",
        "| `client_key` | secret |  |",
        "| `aliases` | string by name | `{}` |",
        "| `limits` | [section](#limits) |  |",
        "| `providers` | [sections](#providersname) by name |",
        "## `providers.<name>`",
        "| `api_keys` | list of secrets | `[]` |",
        "| `headers` | secret by name | `{}` |",
        "## `providers.<name>.timeouts`",
        "| `max_body` | size | `32MiB` |",
        "| `first_byte` | duration | `10m` |",
        "| `level` | `error`, `warn`, `info`, `debug`, `trace` | `info` |",
        "## `cors`",
        "| `allow_headers` | list of strings | `[\"*\"]` |",
        "| `max_attempts` | number | `3` |",
        "| `TOLLGATE_LISTEN` |",
    ] {
        assert!(text.contains(expect), "{expect} is not in\n{text}");
    }
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    assert!(rows.clone().all(|line| !line.ends_with("|  |")), "a key has no meaning");
    assert!(rows.count() > 50);
    assert_eq!(text, markdown());
}

#[test]
fn the_schema_is_json_and_allows_variables() {
    let schema: Value = serde_json::from_str(&json_schema()).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["open"]["anyOf"][1]["pattern"], "\\$\\{");
    assert_eq!(schema["$defs"]["Limits"]["properties"]["max_body"]["default"], "32MiB");
    assert_eq!(json_schema(), json_schema());
}

/// The defaults that the reference shows are read back to the defaults that hold.
#[test]
fn written_defaults_are_the_defaults() {
    let schema = schema_of_types();
    let defaults: Entries<Value> = schema["properties"]
        .as_object()
        .expect("properties")
        .iter()
        .map(|(key, property)| (key.clone(), property["default"].clone()))
        .collect();
    let text = serde_json::to_string(&defaults).expect("JSON");
    let document = Document::parse("defaults", &text).expect("JSON is YAML");
    let file: ConfigFile = document.read(&BTreeMap::new()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(file, ConfigFile::default());
}
