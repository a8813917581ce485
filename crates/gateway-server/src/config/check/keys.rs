//! The keys of a provider: from the entry, a file or the environment.

use std::path::Path;

use http::HeaderValue;
use tollgate_core::Secret;

use super::Check;
use crate::config::environment::{Discovered, Instance};
use crate::config::error::ConfigError;
use crate::config::resolved::{Cloud, KindInfo};
use crate::config::types::{ProviderEntry, SecretText};

/// What makes a provider's key unusable. The key of a Google account is JSON, whose lines a header never sees.
fn provider_problem(key: &Secret, kind: &KindInfo<'_>) -> Option<&'static str> {
    let is_account = kind.cloud == Some(Cloud::Google) && key.expose().trim_start().starts_with('{');
    if is_account { None } else { problem(key) }
}

/// What makes a key unusable, without the key itself.
pub(super) fn problem(key: &Secret) -> Option<&'static str> {
    let text = key.expose();
    if text.trim().is_empty() {
        Some("the key is empty")
    } else if text.trim() != text {
        Some("the key has blanks around it")
    } else if !text.is_ascii() || HeaderValue::from_str(text).is_err() {
        Some("the key holds a character that keys cannot have")
    } else {
        None
    }
}

/// The keys of an entry. Without any of its own it falls back to the variables that belong to its name.
pub(super) fn of_entry(
    check: &mut Check<'_>,
    path: &str,
    entry: &ProviderEntry,
    kind: &KindInfo<'_>,
    owners: &[String],
    variables: &Discovered,
) -> Vec<Secret> {
    refuse_several_sources(check, path, entry);
    let mut keys = Vec::new();
    if let Some(SecretText(key)) = &entry.api_key {
        accept(check, &format!("{path}.api_key"), key.clone(), kind, &mut keys);
    }
    for (index, SecretText(key)) in entry.api_keys.iter().enumerate() {
        accept(check, &format!("{path}.api_keys[{index}]"), key.clone(), kind, &mut keys);
    }
    for (key, file) in [("api_key_file", &entry.api_key_file), ("credentials_file", &entry.credentials_file)] {
        if let Some(file) = file {
            from_file(check, &format!("{path}.{key}"), file, kind, &mut keys);
        }
    }
    let signs = entry.access_key_id.is_some() || entry.secret_access_key.is_some();
    if keys.is_empty() && !signs {
        keys = from_environment(check, variables, kind);
    }
    if keys.is_empty() && kind.needs_key && !signs && variables.aws.is_none() {
        let variable = owners.first().map_or("…_API_KEY".to_owned(), |owner| format!("{owner}_API_KEY"));
        let error = check.document.error(path, format!("a provider of kind `{}` needs a key", kind.name));
        let others = match kind.cloud {
            None => "api_key, api_keys or api_key_file",
            Some(Cloud::Aws) => "api_key, or access_key_id and secret_access_key",
            Some(Cloud::Google) => "credentials_file or api_key",
        };
        check.report(error.with_hint(format!("set {variable}, or give {others}")));
    }
    keys
}

/// The keys that variables give.
pub(super) fn from_environment(check: &mut Check<'_>, variables: &Discovered, kind: &KindInfo<'_>) -> Vec<Secret> {
    let mut keys = Vec::new();
    for (variable, key) in &variables.keys {
        let key = Secret::new(key.as_str());
        if let Some(problem) = provider_problem(&key, kind) {
            check.report(ConfigError::environment(variable, problem));
        }
        keys.push(key);
    }
    if let (true, Some((variable, file))) = (keys.is_empty(), &variables.credentials_file) {
        match std::fs::read_to_string(file) {
            Ok(text) => keys.push(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => check.report(ConfigError::environment(variable, unreadable(&error))),
        }
        check.key_files.push(file.into());
    }
    keys
}

/// The beginnings of the variables that belong to an entry: as discovery has them, and by the name itself.
pub(super) fn owners(name: &str, kind: &KindInfo<'_>) -> Vec<String> {
    let mut owners = Instance::of_entry(name, kind).map(|instance| instance.owners()).unwrap_or_default();
    let own = name.to_ascii_uppercase().replace('-', "_");
    if !owners.contains(&own) {
        owners.push(own);
    }
    owners
}

fn refuse_several_sources(check: &mut Check<'_>, path: &str, entry: &ProviderEntry) {
    let sources = [
        ("api_key", entry.api_key.is_some()),
        ("api_keys", !entry.api_keys.is_empty()),
        ("api_key_file", entry.api_key_file.is_some()),
        ("credentials_file", entry.credentials_file.is_some()),
        ("access_key_id", entry.access_key_id.is_some()),
    ];
    let mut given = sources.iter().filter(|(_, given)| *given).map(|(key, _)| key);
    let Some(first) = given.next() else { return };
    for other in given {
        let error = check.document.key_error(&format!("{path}.{other}"), format!("cannot be combined with `{first}`"));
        check.report(error.with_hint("keep one of them"));
    }
}

/// Takes a key even if it is unusable, so that the same key is not reported as missing too.
fn accept(check: &mut Check<'_>, path: &str, key: Secret, kind: &KindInfo<'_>, keys: &mut Vec<Secret>) {
    if let Some(problem) = provider_problem(&key, kind) {
        check.report(check.document.error(path, problem));
    }
    keys.push(key);
}

fn from_file(check: &mut Check<'_>, path: &str, file: &Path, kind: &KindInfo<'_>, keys: &mut Vec<Secret>) {
    let file = check.folder.map_or_else(|| file.to_owned(), |folder| folder.join(file));
    match std::fs::read_to_string(&file) {
        Ok(text) => accept(check, path, Secret::new(text.trim_end_matches(['\r', '\n'])), kind, keys),
        Err(error) => {
            // The path is not repeated, since a variable may have given it; the position shows where it is written.
            check.report(check.document.error(path, unreadable(&error)));
            keys.push(Secret::new(""));
        }
    }
    check.key_files.push(file);
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    }
}
