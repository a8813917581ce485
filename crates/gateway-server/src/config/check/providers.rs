//! Providers: those of the file, and those of the environment.

use std::num::NonZeroUsize;

use http::{HeaderName, HeaderValue, header};
use tollgate_core::Secret;

use super::sections::provider_times;
use super::{Check, cloud, keys, url};
use crate::config::document::suggest;
use crate::config::environment::{Discovered, Instance, discover, read};
use crate::config::error::ConfigError;
use crate::config::resolved::{KindInfo, ProviderConfig};
use crate::config::types::{Entries, ProviderEntry, SecretText, Timeouts};

/// Resolves the entries of the file in their order, and then the providers of the environment that have none.
pub(crate) fn resolve(
    check: &mut Check<'_>,
    entries: &Entries<ProviderEntry>,
    discovers: bool,
    timeouts: Timeouts,
) -> Vec<ProviderConfig> {
    let mut providers: Vec<ProviderConfig> =
        entries.iter().filter_map(|(name, entry)| from_entry(check, name, entry, timeouts)).collect();
    for instance in discover(check.variables, check.kinds).iter().filter(|_| discovers) {
        let name = instance.name();
        // The file's entry already uses these variables where it lacks a key.
        if entries.get(&name).is_none() && !providers.iter().any(|other| other.name == name) {
            providers.push(from_variables(check, instance, timeouts));
        }
    }
    providers
}

fn from_entry(check: &mut Check<'_>, name: &str, entry: &ProviderEntry, timeouts: Timeouts) -> Option<ProviderConfig> {
    let path = format!("providers.{name}");
    let named = !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !named {
        let error = check.document.key_error(&path, "a provider's name may hold only a-z, 0-9 and -");
        check.report(error);
    }
    let kind = kind(check, &path, name, entry)?;
    let owners = keys::owners(name, kind);
    let variables = read(&owners, check.variables, kind);
    cloud::settings_fit(check, &path, entry, kind);
    let times = entry.timeouts;
    let times = [
        ("connect", times.connect),
        ("first_byte", times.first_byte),
        ("idle", times.idle),
        ("progress", times.progress),
        ("total", times.total),
    ];
    provider_times(check, &path, times);
    texts(check, &path, entry);
    let keys = keys::of_entry(check, &path, entry, kind, &owners, &variables);
    let project = entry.project.clone().or_else(|| cloud::project_of_variables(&variables, &keys));
    Some(ProviderConfig {
        name: name.to_owned(),
        kind: kind.name.to_owned(),
        base_url: base_url(check, &path, entry, kind, &owners, &variables),
        keys,
        aws: cloud::aws_of_entry(check, &path, entry, &variables),
        region: cloud::region_of_entry(check, &path, entry, kind, &variables),
        project,
        location: entry.location.clone().or_else(|| variables.location.clone()),
        api_version: entry.api_version.clone(),
        models: entry.models.clone(),
        headers: headers(check, &path, &entry.headers),
        max_concurrency: NonZeroUsize::new(entry.max_concurrency),
        stream_usage: entry.stream_usage,
        timeouts: entry.timeouts.over(timeouts),
    })
}

fn kind<'a>(check: &mut Check<'a>, path: &str, name: &str, entry: &ProviderEntry) -> Option<&'a KindInfo<'a>> {
    let known = check.kind(entry.kind.as_deref().unwrap_or(name));
    if known.is_some() {
        return known;
    }
    let names = || check.kinds.iter().map(|kind| kind.name);
    let error = match &entry.kind {
        Some(kind) => {
            let error = check.document.error(&format!("{path}.kind"), "unknown kind of provider");
            error.with_hint(suggest(kind, names()))
        }
        None => {
            let error = check.document.key_error(path, format!("`{name}` is not a kind of provider"));
            let base = names().filter(|kind| name.starts_with(&format!("{kind}-"))).max_by_key(|kind| kind.len());
            let hint = base.map_or_else(|| suggest(name, names()), |kind| format!("is it one? add `kind: {kind}`"));
            error.with_hint(format!("a name that is not a kind needs the key `kind`; {hint}"))
        }
    };
    check.report(error);
    None
}

fn base_url(
    check: &mut Check<'_>,
    path: &str,
    entry: &ProviderEntry,
    kind: &KindInfo<'_>,
    owners: &[String],
    variables: &Discovered,
) -> Option<String> {
    let path = format!("{path}.base_url");
    if let Some(text) = &entry.base_url {
        let checked = url::base_url(text);
        return checked.map_err(|problem| check.wrong(&path, problem, "write it like https://host/v1")).ok();
    }
    // Only a kind without an address of its own falls back to the variable: for another, a variable that was set for
    // some other program would silently send the file's key elsewhere.
    if !kind.needs_base_url {
        return None;
    }
    if let Some((variable, text)) = &variables.base_url {
        return environment_url(check, variable, text);
    }
    let owner = owners.first().map(String::as_str).unwrap_or_default();
    let message = format!("a provider of kind `{}` needs a base_url", kind.name);
    check.wrong(&path, message, &format!("write where it is, or set {owner}_BASE_URL"));
    None
}

fn environment_url(check: &mut Check<'_>, variable: &str, text: &str) -> Option<String> {
    let report = |problem| check.report(ConfigError::environment(variable, problem));
    url::base_url(text).map_err(report).ok()
}

fn from_variables(check: &mut Check<'_>, instance: &Instance<'_>, timeouts: Timeouts) -> ProviderConfig {
    let variables = instance.read(check.variables);
    let kind = instance.kind();
    if let (true, None, Some((variable, _))) = (kind.needs_base_url, &variables.base_url, variables.keys.first()) {
        let owner = variable.split("_API_KEY").next().unwrap_or_default();
        let missing = format!("{owner}_BASE_URL");
        let error = ConfigError::environment(&missing, format!("not set, although {variable} is"));
        check.report(error.with_hint(format!("set {missing} to where the provider is, or unset {variable}")));
    }
    let keys = keys::from_environment(check, &variables, kind);
    ProviderConfig {
        name: instance.name(),
        kind: kind.name.to_owned(),
        base_url: variables.base_url.as_ref().and_then(|(variable, text)| environment_url(check, variable, text)),
        project: cloud::project_of_variables(&variables, &keys),
        keys,
        aws: cloud::aws_of_variables(&variables),
        region: cloud::region_of_variables(check, instance, &variables),
        location: variables.location,
        api_version: variables.api_version,
        models: variables.models,
        headers: Vec::new(),
        max_concurrency: None,
        stream_usage: None,
        timeouts,
    }
}

fn texts(check: &mut Check<'_>, path: &str, entry: &ProviderEntry) {
    for (index, model) in entry.models.iter().enumerate() {
        if model.trim() != model || model.is_empty() {
            check.wrong(&format!("{path}.models[{index}]"), "not the name of a model", "remove it or fill it in");
        }
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if entry.api_version.as_ref().is_some_and(|version| version.is_empty() || !version.bytes().all(allowed)) {
        check.wrong(&format!("{path}.api_version"), "not the version of an API", "write it like \"2024-10-21\"");
    }
}

fn headers(check: &mut Check<'_>, path: &str, entries: &Entries<SecretText>) -> Vec<(HeaderName, Secret)> {
    let mut headers: Vec<(HeaderName, Secret)> = Vec::new();
    for (name, SecretText(value)) in entries.iter() {
        let path = format!("{path}.headers.{name}");
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let problem = match &parsed {
            Err(_) => Some("not the name of a header"),
            // Whoever changes where a message ends can smuggle a second one in.
            Ok(name) if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(name) => {
                Some("this header is the gateway's own")
            }
            Ok(name) if headers.iter().any(|(other, _)| other == name) => Some("the header is given twice"),
            Ok(_) => None,
        };
        if let Some(problem) = problem {
            check.report(check.document.key_error(&path, problem));
        }
        if HeaderValue::from_str(value.expose()).is_err() {
            check.report(check.document.error(&path, "the value holds a character that no header can carry"));
        }
        headers.extend(parsed.ok().map(|name| (name, value.clone())));
    }
    headers
}
