//! Which requests are kept.

use tollgate_usage::directory::Redaction;

use super::Check;
use super::sections::zeros;
use crate::config::types::{Capture, Redact};

pub(super) fn check(check: &mut Check<'_>, capture: &Capture) {
    if !(capture.share > 0.0 && capture.share <= 1.0) {
        check.wrong("capture.share", "must be above 0, and at most 1", "write 0.01 for one in a hundred requests");
    }
    zeros(
        check,
        &[
            ("capture.max_body", capture.max_body.get() == 0),
            ("capture.memory", capture.memory.get() == 0),
            ("capture.retention", capture.retention.is_zero()),
        ],
        "nothing would be kept",
        "to keep nothing, leave out `capture`",
    );
    if capture.memory.get() / 2 < capture.max_body.get() {
        let message = "must be at least twice max_body, which a request and its answer may take";
        check.wrong("capture.memory", message, "raise memory or lower max_body");
    }
    let each = |list: &[String], name: &str, of: &dyn Fn(&str) -> Option<String>| -> Vec<(String, String)> {
        let problems = list.iter().map(|rule| of(rule)).enumerate();
        problems.filter_map(|(index, problem)| Some((format!("capture.redact.{name}[{index}]"), problem?))).collect()
    };
    let redact = &capture.redact;
    let pointers = each(&redact.pointers, "pointers", &|rule| problem(Redaction::new().pointer(rule)));
    let patterns = each(&redact.patterns, "patterns", &|rule| problem(Redaction::new().pattern(rule)));
    for (path, _) in pointers {
        check.wrong(&path, "not a JSON pointer", "write it like /messages/*/content");
    }
    for (path, message) in patterns {
        check.wrong(
            &path,
            format!("not a regular expression: {message}"),
            "see the syntax of the Rust crate regex-lite",
        );
    }
}

fn problem<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<String> {
    result.err().map(|error| error.to_string())
}

/// The rules of a checked configuration.
///
/// # Errors
/// If one cannot be used, which the check has told.
pub(crate) fn redaction(redact: &Redact) -> Result<Redaction, tollgate_usage::directory::RedactionError> {
    let rules = redact.members.iter().fold(Redaction::new(), |rules, name| rules.member(name));
    let rules = redact.pointers.iter().try_fold(rules, |rules, pointer| rules.pointer(pointer))?;
    redact.patterns.iter().try_fold(rules, |rules, pattern| rules.pattern(pattern))
}
