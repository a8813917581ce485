//! `${VAR}` and `${VAR:-default}` in scalars.
//!
//! Variables are put in after parsing, so that no value, whatever it holds, can change the structure of the document.
//! As in a shell, the default stands for a variable that is unset or empty. `$${` is a literal `${`; a `$` before
//! anything else is itself. Keys are never expanded.

use super::node::{Node, Scalar, Value};
use crate::config::environment::Variables;
use crate::config::error::ConfigError;

/// Expands every scalar below `node` in place and reports all that cannot be.
pub(super) fn expand(
    file: &str,
    node: &mut Node,
    path: &str,
    variables: &dyn Variables,
    errors: &mut Vec<ConfigError>,
) {
    match &mut node.value {
        Value::Broken => {}
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                expand(file, item, &format!("{path}[{index}]"), variables, errors);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                let separator = if path.is_empty() { "" } else { "." };
                expand(file, &mut entry.value, &format!("{path}{separator}{}", entry.key), variables, errors);
            }
        }
        Value::Scalar(scalar) => {
            let problems = expand_scalar(scalar, variables);
            if !problems.is_empty() {
                node.value = Value::Broken;
            }
            let located = problems.iter().map(|problem| problem.error(file, path).at(Some(node.position)));
            errors.extend(located);
        }
    }
}

/// Why a reference has no value.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Unset(String),
    Malformed,
}

/// A piece of a scalar.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    Variable { name: &'a str, default: Option<&'a str> },
    Malformed,
}

fn expand_scalar(scalar: &mut Scalar, variables: &dyn Variables) -> Vec<Problem> {
    if !scalar.text.contains("${") {
        return Vec::new();
    }
    let (mut text, mut problems) = (String::new(), Vec::new());
    for piece in pieces(&scalar.text) {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Malformed => problems.push(Problem::Malformed),
            Piece::Variable { name, default } => {
                scalar.expanded = true;
                let value = variables.get(name).filter(|value| default.is_none() || !value.is_empty());
                match value.or_else(|| default.map(str::to_owned)) {
                    Some(value) => text.push_str(&value),
                    None => problems.push(Problem::Unset(name.to_owned())),
                }
            }
        }
    }
    scalar.text = text;
    problems
}

fn pieces(mut rest: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            pieces.push(Piece::Literal(&rest[..start - 1]));
            pieces.push(Piece::Literal("${"));
            rest = &rest[start + 2..];
            continue;
        }
        pieces.push(Piece::Literal(&rest[..start]));
        let Some(length) = rest[start..].find('}') else {
            pieces.push(Piece::Malformed);
            return pieces;
        };
        pieces.push(reference(&rest[start + 2..start + length]));
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

/// Reads what is between `${` and `}`.
fn reference(inner: &str) -> Piece<'_> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let named = starts_well && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // A reference within the default would end at the first brace, and so mean something else than it seems to.
    let nested = default.is_some_and(|default| default.contains("${"));
    if named && !nested { Piece::Variable { name, default } } else { Piece::Malformed }
}

// === impl Problem ===

impl Problem {
    fn error(&self, file: &str, path: &str) -> ConfigError {
        match self {
            Self::Unset(name) => ConfigError::new(file, path, format!("the variable {name} is not set"))
                .with_hint(format!("set {name}, or write ${{{name}:-default}}")),
            Self::Malformed => ConfigError::new(file, path, "not a reference to a variable")
                .with_hint("write ${VAR} or ${VAR:-default}, or $${ for a literal ${"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn expanded(text: &str) -> Result<(String, bool), Vec<Problem>> {
        let variables = [("A", "alpha"), ("EMPTY", ""), ("EVIL", "x\nopen: true # ${A}")];
        let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.into(), value.into())).into();
        let mut scalar = Scalar { text: text.into(), plain: true, expanded: false };
        let problems = expand_scalar(&mut scalar, &variables);
        if problems.is_empty() { Ok((scalar.text, scalar.expanded)) } else { Err(problems) }
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(expanded(text).map(|(text, _)| text).as_deref(), Ok(expect), "{text}");
    }

    #[test]
    fn references_become_values() {
        check("${A}", "alpha");
        check("<${A}|${A}>", "<alpha|alpha>");
        check("${A:-beta}", "alpha");
        check("${NONE:-beta}", "beta");
        check("${NONE:-}", "");
        check("${NONE:-a:-b $ c}", "a:-b $ c");
        check("${EMPTY}", "");
        check("${EMPTY:-beta}", "beta");
        check("${EVIL}", "x\nopen: true # ${A}");
        check("é${A}é", "éalphaé");
    }

    #[test]
    fn other_dollars_stay() {
        for text in ["", "$", "$$", "$A", "$5", "a$", "}", "{A}", "$ {A}"] {
            check(text, text);
            assert_eq!(expanded(text), Ok((text.to_owned(), false)));
        }
        check("$${A}", "${A}");
        check("$$${A}", "$${A}");
        check("$${A} ${A}", "${A} alpha");
        check("$${", "${");
    }

    #[test]
    fn what_cannot_be_expanded_is_named() {
        let unset = |name: &str| Problem::Unset(name.into());
        assert_eq!(expanded("${X}-${A}-${Y}"), Err(vec![unset("X"), unset("Y")]));
        for text in ["${}", "${A", "${A-b}", "${1A}", "${A B}", "${:-x}", "${A:-${B}}", "${É}"] {
            assert_eq!(expanded(text), Err(vec![Problem::Malformed]), "{text}");
        }
    }
}
