//! The tree of a document: scalars, sequences and mappings, each with its place in the file.

use crate::config::error::Position;

/// A value and where it begins.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) position: Position,
    pub(super) value: Value,
}

#[derive(Clone)]
pub(super) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// A scalar whose variables could not be expanded. It has been reported, and readers pass over it, because whatever
    /// they found wrong with it would be the same mistake again.
    Broken,
}

/// A key of a mapping with its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) position: Position,
    pub(super) value: Node,
}

#[derive(Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes, so that it may be something other than a string.
    pub(super) plain: bool,
    /// Holds the value of a variable, so that no message may repeat it.
    pub(super) expanded: bool,
}

/// What a scalar is by YAML's core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text,
}

// === impl Node ===

impl Node {
    /// Whether nothing was written where a value could stand.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == Kind::Null)
    }

    /// The number of nodes from here down.
    pub(super) fn size(&self) -> usize {
        1 + match &self.value {
            Value::Scalar(_) | Value::Broken => 0,
            Value::Sequence(items) => items.iter().map(Self::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }

    /// What this is, in the words of an error message.
    pub(super) fn describe(&self) -> &'static str {
        match &self.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Broken => "an unset variable",
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => "an empty value",
                Kind::Bool(_) => "a boolean",
                Kind::Integer(_) => "a whole number",
                Kind::Float(_) => "a number",
                Kind::Text => "a string",
            },
        }
    }
}

// === impl Scalar ===

impl Scalar {
    /// The type of the text as it is now, so that an expanded `${PORT}` counts as the number it became.
    pub(super) fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Bool(true),
            "false" | "False" | "FALSE" => Kind::Bool(false),
            text => integer(text).map(Kind::Integer).or_else(|| float(text).map(Kind::Float)).unwrap_or(Kind::Text),
        }
    }
}

fn integer(text: &str) -> Option<i128> {
    let radix = |digits: &str, radix| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| i128::from_str_radix(digits, radix).ok()).flatten()
    };
    match text.get(..2) {
        Some("0x") => radix(&text[2..], 16),
        Some("0o") => radix(&text[2..], 8),
        _ => text.parse().ok(),
    }
}

fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" => return Some(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    // Rust also reads words such as `inf` and `infinity`, which are strings in YAML.
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    numeric.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Kind) {
        let scalar = Scalar { text: text.into(), plain: true, expanded: false };
        assert_eq!(scalar.kind(), expect, "{text:?}");
        let quoted = Scalar { plain: false, ..scalar };
        assert_eq!(quoted.kind(), Kind::Text, "{text:?} in quotes");
    }

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, Kind::Null);
        }
        for (text, value) in [("true", true), ("True", true), ("FALSE", false)] {
            check(text, Kind::Bool(value));
        }
        for (text, value) in [("0", 0), ("-7", -7), ("+7", 7), ("007", 7), ("0x1F", 31), ("0o17", 15)] {
            check(text, Kind::Integer(value));
        }
        for (text, value) in [("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-2.5E-1", -0.25)] {
            check(text, Kind::Float(value));
        }
        // The words of YAML 1.1 are plain strings, and so is everything that only looks like a number.
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "tRue",
            "nil",
            "0x",
            "0x+1",
            "1_000",
            "1.2.3",
            "2024-10-21",
            "inf",
            "nan",
            ".",
            "-",
            "10s",
            "é",
        ] {
            check(text, Kind::Text);
        }
    }
}
