//! The whole path from text and variables to a configuration, or to its mistakes.

mod accepted;
mod discovery;
mod ledger;
mod prices;
mod refused;
mod secrets;
mod sources;

use std::collections::BTreeMap;

use super::{Cloud, Config, ConfigErrors, KindInfo, Overrides, Source, load};

pub(super) const KINDS: &[KindInfo<'static>] = &[
    KindInfo { name: "openai", env_prefixes: &["OPENAI"], needs_key: true, needs_base_url: false, cloud: None },
    KindInfo { name: "anthropic", env_prefixes: &["ANTHROPIC"], needs_key: true, needs_base_url: false, cloud: None },
    KindInfo {
        name: "gemini",
        env_prefixes: &["GEMINI", "GOOGLE"],
        needs_key: true,
        needs_base_url: false,
        cloud: None,
    },
    KindInfo {
        name: "azure",
        env_prefixes: &["AZURE_OPENAI", "AZURE"],
        needs_key: true,
        needs_base_url: true,
        cloud: None,
    },
    KindInfo { name: "ollama", env_prefixes: &["OLLAMA"], needs_key: false, needs_base_url: false, cloud: None },
    KindInfo { name: "custom", env_prefixes: &["CUSTOM"], needs_key: false, needs_base_url: true, cloud: None },
    KindInfo {
        name: "bedrock",
        env_prefixes: &["BEDROCK"],
        needs_key: true,
        needs_base_url: false,
        cloud: Some(Cloud::Aws),
    },
    KindInfo {
        name: "vertex",
        env_prefixes: &["VERTEX"],
        needs_key: true,
        needs_base_url: false,
        cloud: Some(Cloud::Google),
    },
];

/// Variables, written as `A=1 B=two`.
fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn try_load(yaml: &str, environment: &str) -> Result<Config, ConfigErrors> {
    load(&Source::text("t.yaml", yaml), &variables(environment), KINDS, &Overrides::default())
}

fn accept(yaml: &str, environment: &str) -> Config {
    try_load(yaml, environment).unwrap_or_else(|errors| panic!("{yaml}\n{errors}"))
}

/// Checks every mistake of a file, with its place, key, message and hint.
fn refuse(yaml: &str, environment: &str, expect: &[&str]) {
    let errors = try_load(yaml, environment).expect_err(yaml);
    let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(found, expect, "{yaml}");
}
