//! The sections: zeros that make no sense, and CORS.

use http::HeaderName;

use super::{Check, cache, capture, ledger, quota};
use crate::config::types::{ConfigFile, Cors, Span};

/// Checks the sections that need no more than their own values.
pub(crate) fn check(check: &mut Check<'_>, file: &ConfigFile) {
    let limits = &file.limits;
    zeros(
        check,
        &[
            ("timeouts.connect", file.timeouts.connect.is_zero()),
            ("timeouts.first_byte", file.timeouts.first_byte.is_zero()),
            ("timeouts.idle", file.timeouts.idle.is_zero()),
            ("timeouts.progress", file.timeouts.progress.is_zero()),
            ("timeouts.total", file.timeouts.total.is_zero()),
            ("models.timeout", file.models.timeout.is_zero()),
        ],
        "a time of zero would end everything at once",
        "to wait practically without end, write a long time such as 24h",
    );
    zeros(
        check,
        &[
            ("limits.max_body", limits.max_body.get() == 0),
            ("limits.max_json_depth", limits.max_json_depth == 0),
            ("limits.max_headers", limits.max_headers.get() == 0),
            ("limits.max_event", limits.max_event.get() == 0),
            ("limits.max_buffered_response", limits.max_buffered_response.get() == 0),
            ("usage.max_groups", file.usage.max_groups == 0),
        ],
        "a limit of zero would let nothing through",
        "write how much is allowed, or leave the key out for the default",
    );
    zeros(
        check,
        &[
            ("keys.poll", file.keys.poll.is_zero()),
            ("keys.audit_retention", file.keys.audit_retention.is_some_and(Span::is_zero)),
        ],
        "must be longer than no time at all",
        "write a time such as 1s or 8760h, or leave the key out for the default",
    );
    if file.data.as_deref().is_some_and(|data| data.trim().is_empty()) {
        check.wrong("data", "not the name of a folder", "write a folder such as /var/lib/tollgate, or leave it out");
    }
    if file.retry.max_attempts == 0 {
        check.wrong("retry.max_attempts", "a request must be sent at least once", "write 1 to turn retries off");
    }
    if file.retry.max_delay < file.retry.base_delay {
        check.wrong("retry.max_delay", "must not be shorter than base_delay", "raise max_delay or lower base_delay");
    }
    cache::check(check, &file.cache);
    if let Some(section) = &file.capture {
        capture::check(check, section);
    }
    ledger::check(check, &file.ledger);
    quota::check(check, file);
    if let Some(cors) = &file.cors {
        cors_section(check, cors);
    }
}

/// Checks the times of one provider.
pub(super) fn provider_times(check: &mut Check<'_>, path: &str, times: [(&str, Option<Span>); 5]) {
    for (key, span) in times {
        let path = format!("{path}.timeouts.{key}");
        let zero = span.is_some_and(Span::is_zero);
        zeros(
            check,
            &[(&path, zero)],
            "a time of zero would end everything at once",
            "leave it out for the general one",
        );
    }
}

pub(super) fn zeros(check: &mut Check<'_>, values: &[(&str, bool)], message: &str, hint: &str) {
    for (path, _) in values.iter().filter(|(_, zero)| *zero) {
        check.wrong(path, message, hint);
    }
}

fn cors_section(check: &mut Check<'_>, cors: &Cors) {
    let all = cors.allow_origins.iter().any(|origin| origin == "*");
    let hint = "write origins such as https://app.example.com, or [\"*\"] for all";
    if cors.allow_origins.is_empty() {
        check.wrong("cors.allow_origins", "CORS needs at least one origin", hint);
    }
    if all && cors.allow_origins.len() > 1 {
        check.wrong("cors.allow_origins", "`*` already means all origins", "remove it, or the others");
    }
    if all && cors.allow_credentials {
        let message = "browsers refuse credentials when all origins are allowed";
        check.wrong("cors.allow_credentials", message, "list the origins that need them");
    }
    for (index, origin) in cors.allow_origins.iter().enumerate().filter(|(_, origin)| !is_origin(origin)) {
        let message = if origin.ends_with('/') { "an origin has no / at its end" } else { "not an origin" };
        check.wrong(&format!("cors.allow_origins[{index}]"), message, hint);
    }
    for (index, name) in cors.allow_headers.iter().enumerate() {
        if name != "*" && HeaderName::from_bytes(name.as_bytes()).is_err() {
            let path = format!("cors.allow_headers[{index}]");
            check.wrong(&path, "not the name of a header", "write names such as authorization, or [\"*\"] for all");
        }
    }
}

/// Scheme and host, and nothing after them. Other schemes than http exist: `tauri://localhost`, `chrome-extension://…`.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else {
        return text == "*" || text == "null";
    };
    let scheme_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let host_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'[' | b']' | b'_');
    !scheme.is_empty() && scheme.bytes().all(scheme_allowed) && !host.is_empty() && host.bytes().all(host_allowed)
}
