//! A JSON document as a tree that borrows its text.
//!
//! Every value knows the text that it was read from, so that parts which are carried and not understood (schemas, opaque
//! items, numbers with more digits than a double has) leave as they came.

use std::borrow::Cow;

use super::{Fault, Scanner, decode};

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Value<'a> {
    raw: &'a str,
    kind: Kind<'a>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind<'a> {
    Null,
    Bool(bool),
    Number,
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// How deeply values may be nested.
pub const MAX_DEPTH: usize = 128;

/// Reads a document.
///
/// # Errors
/// If it is not JSON, or nested deeper than [`MAX_DEPTH`].
pub fn parse(text: &[u8]) -> Result<Value<'_>, Fault> {
    let text_str = std::str::from_utf8(text)
        .map_err(|error| Fault { message: "invalid UTF-8".to_owned(), at: error.valid_up_to() })?;
    let mut scanner = Scanner::new_checked(text_str, MAX_DEPTH);
    let value = Value::read(text_str, &mut scanner)?;
    scanner.end()?;
    Ok(value)
}

impl<'a> Value<'a> {
    fn read(text: &'a str, scanner: &mut Scanner<'a>) -> Result<Self, Fault> {
        let first = scanner.peek();
        let start = scanner.at();
        let kind = match first {
            Some(b'{') => {
                let mut members = Vec::new();
                scanner.object(|scanner, key| {
                    let name = key.text();
                    members.push((name, Value::read(text, scanner)?));
                    Ok(())
                })?;
                Kind::Object(members)
            }
            Some(b'[') => {
                let mut items = Vec::new();
                scanner.items(|scanner| {
                    items.push(Value::read(text, scanner)?);
                    Ok(())
                })?;
                Kind::Array(items)
            }
            Some(b'"') => {
                let (span, escaped) = scanner.text()?;
                let literal = &text[span];
                Kind::String(if escaped {
                    let decoded = decode(literal.as_bytes());
                    let message = "a string holds half of a surrogate pair".to_owned();
                    Cow::Owned(decoded.ok_or(Fault { message, at: start })?)
                } else {
                    Cow::Borrowed(&literal[1..literal.len() - 1])
                })
            }
            _ => match text.as_bytes()[scanner.value()?].first() {
                Some(b't') => Kind::Bool(true),
                Some(b'f') => Kind::Bool(false),
                Some(b'n') => Kind::Null,
                _ => Kind::Number,
            },
        };
        Ok(Self { raw: &text[start..scanner.at()], kind })
    }

    /// The value's own text.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// Whether it is a string.
    #[must_use]
    pub fn is_string(&self) -> bool {
        matches!(self.kind, Kind::String(_))
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// Whether it is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Array(_))
    }

    /// The words, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// A copy of the words, if it is a string.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        self.as_str().map(str::to_owned)
    }

    /// The truth, if it is a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(bool) => Some(bool),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        matches!(self.kind, Kind::Number)
            .then(|| self.raw.parse().ok())
            .flatten()
            .filter(|number: &f64| number.is_finite())
    }

    /// The number, if it is a whole one that is not negative; `12.0` is whole, as Python and JavaScript write it.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if !matches!(self.kind, Kind::Number) {
            return None;
        }
        self.raw.parse().ok().or_else(|| {
            let float = self.as_f64().filter(|float| float.fract() == 0.0 && (0.0..9e15).contains(float))?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and in a double's range"
            )]
            Some(float as u64)
        })
    }

    /// The number, if it is a whole one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if !matches!(self.kind, Kind::Number) {
            return None;
        }
        self.raw.parse().ok().or_else(|| {
            let float = self.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
            #[expect(clippy::cast_possible_truncation, reason = "whole, and in a double's range")]
            Some(float as i64)
        })
    }

    /// The items, if it is an array; else none.
    #[must_use]
    pub fn items(&self) -> &[Value<'a>] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    /// The members with their names, if it is an object; else none.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        let members = match &self.kind {
            Kind::Object(members) => &members[..],
            _ => &[],
        };
        members.iter().map(|(name, value)| (&**name, value))
    }

    /// The members that say something: all but those that are `null`, which in every protocol here means absent.
    pub fn present(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.members().filter(|(_, value)| !value.is_null())
    }

    /// A member, the last of its name; `None` also where it is `null`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let Kind::Object(members) = &self.kind else { return None };
        let (_, value) = members.iter().rev().find(|(known, _)| known == name)?;
        (!value.is_null()).then_some(value)
    }

    /// A member's words.
    #[must_use]
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A copy of a member's words.
    #[must_use]
    pub fn string(&self, name: &str) -> Option<String> {
        self.str(name).map(str::to_owned)
    }

    /// A member's number.
    #[must_use]
    pub fn u64(&self, name: &str) -> Option<u64> {
        self.get(name)?.as_u64()
    }

    /// A member's items; none where it is no array.
    #[must_use]
    pub fn array(&self, name: &str) -> &[Value<'a>] {
        self.get(name).map(Value::items).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_their_text() {
        let text = r#" {"s":"a\n😀","n":12.0,"big":12345678901234567890123,"neg":-3,"l":[1,{"x":null}],"t":true} "#;
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(value.str("s"), Some("a\n😀"));
        assert_eq!((value.u64("n"), value.u64("big")), (Some(12), None));
        assert_eq!(value.get("big").unwrap().raw(), "12345678901234567890123");
        assert_eq!(value.get("neg").unwrap().as_i64(), Some(-3));
        assert_eq!(value.array("l")[1].raw(), r#"{"x":null}"#);
        assert_eq!(value.array("l")[1].get("x"), None);
        assert_eq!(value.get("t").unwrap().as_bool(), Some(true));
        assert_eq!(value.raw(), text.trim());
    }

    #[test]
    fn what_is_no_json() {
        for text in ["", "{", "[1,]", "{\"a\":1}x", "nul", "\"\\ud800\"", "\u{7f}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
