//! What the commands of keys print. Secrets go to standard output alone, so that a script can take them from there;
//! everything that is said about them goes to standard error.

use std::io::Write;
use std::time::SystemTime;

use serde::Serialize;
use tollgate_usage::directory::{IssuedKey, VirtualKey};

pub(super) fn issued(issued: &IssuedKey, word: &str, as_json: bool) {
    if as_json {
        return json(issued);
    }
    let name = &issued.key.name;
    let _ = writeln!(std::io::stderr(), "The key {name} {word}. Its secret is shown this once:");
    told(issued.secret.expose());
    if let Some(until) = issued.key.previous_secret_until {
        let _ = writeln!(std::io::stderr(), "The old secret is taken until {}.", time(until));
    }
}

pub(super) fn changed(key: &VirtualKey, word: &str, as_json: bool) {
    if as_json { json(key) } else { told(&format!("The key {} {word}.", key.name)) }
}

pub(super) fn list(keys: &[VirtualKey], as_json: bool) {
    if as_json {
        return json(&keys);
    }
    let rows = keys.iter().map(|key| {
        let path = key.path.as_ref().map_or("-", |path| path.as_str());
        let used = key.last_used_at.map_or_else(|| "never".to_owned(), time);
        [key.name.clone(), key.prefix.clone(), path.to_owned(), state(key), used]
    });
    let head = ["NAME", "KEY", "PATH", "STATE", "LAST USED"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let widths: Vec<usize> = (0..5).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        told(cells.join("  ").trim_end());
    }
}

/// A key, member by member; what says nothing is left out.
pub(super) fn key(key: &VirtualKey, as_json: bool) {
    if as_json {
        return json(key);
    }
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(key) else { return };
    told(&format!("{:22} {}", "state", state(key)));
    for (name, value) in members {
        let text = match value {
            serde_json::Value::Null | serde_json::Value::Bool(_) => continue,
            serde_json::Value::String(text) => text,
            other if other.as_array().is_some_and(Vec::is_empty) => continue,
            other if other.as_object().is_some_and(serde_json::Map::is_empty) => continue,
            other => other.to_string(),
        };
        told(&format!("{name:22} {text}"));
    }
}

pub(super) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => told(&text),
        Err(error) => drop(writeln!(std::io::stderr(), "{error}")),
    }
}

pub(super) fn told(text: &str) {
    // Nobody is left to be told if the terminal is gone.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn state(key: &VirtualKey) -> String {
    let now = SystemTime::now();
    match key.expires_at {
        _ if key.disabled => "disabled".to_owned(),
        _ if key.is_expired(now) => "expired".to_owned(),
        Some(end) => format!("until {}", time(end)),
        None => "valid".to_owned(),
    }
}

fn time(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "-".to_owned(), |time| format!("{time:.0}"))
}
