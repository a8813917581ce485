//! Writes JSON without building it first.

use std::fmt::Write as _;

use super::scanner::plain_run;

/// An object that is being written. Members appear in the order in which they are added.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

/// An array that is being written.
#[derive(Debug)]
pub struct Array<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

/// The JSON text of an object.
///
/// ```
/// let json = tollgate_protocols::json::object(64, |o| {
///     o.string("model", "m");
///     o.array("stop", |a| a.string("\n"));
/// });
/// assert_eq!(json, br#"{"model":"m","stop":["\n"]}"#);
/// ```
#[must_use]
pub fn object(capacity: usize, members: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    append_object(&mut out, members);
    out
}

/// Puts JSON text that begins at `from` on one line. Raw members come as they were written, perhaps over several lines,
/// which would end a field of an event stream or a line of NDJSON. Inside strings line breaks are escaped, so the others
/// are but space.
pub fn one_line(out: &mut [u8], from: usize) {
    for byte in out.iter_mut().skip(from).filter(|byte| matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
}

/// Appends the JSON text of an object.
pub fn append_object(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    members(&mut Object { out, first: true });
    out.push(b'}');
}

/// The JSON text of an object, as a string.
#[must_use]
pub fn object_text(members: impl FnOnce(&mut Object<'_>)) -> String {
    // Whatever is written here is UTF-8: names and words are strings, raw values too.
    String::from_utf8(object(128, members)).unwrap_or_default()
}

/// The JSON text of an array, as a string.
#[must_use]
pub fn array_text(items: impl FnOnce(&mut Array<'_>)) -> String {
    let mut out = Vec::with_capacity(128);
    append_array(&mut out, items);
    String::from_utf8(out).unwrap_or_default()
}

fn append_array(out: &mut Vec<u8>, items: impl FnOnce(&mut Array<'_>)) {
    out.push(b'[');
    items(&mut Array { out, first: true });
    out.push(b']');
}

/// Appends a string with its quotes and escapes.
pub fn append_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    append_escaped(out, text);
    out.push(b'"');
}

fn append_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let run = plain_run(rest);
        out.extend_from_slice(&rest[..run]);
        let Some(&byte) = rest.get(run) else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        rest = &rest[run + 1..];
    }
}

struct Display<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Display<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn append_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing into memory does not fail.
    let _ = write!(Display(out), "{value}");
}

fn append_float(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        // `1` and not `1.0`: some servers refuse a float where they expect a whole number, none the other way round.
        append_display(out, format_args!("{value:.0}"));
    } else {
        append_display(out, value);
    }
}

impl Object<'_> {
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        append_string(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Adds a string.
    pub fn string(&mut self, name: &str, value: &str) {
        append_string(self.name(name), value);
    }

    /// Adds a string if there is one.
    pub fn maybe_string(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(name, value);
        }
    }

    /// Adds a string, or `null`.
    pub fn string_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.string(name, value),
            None => self.null(name),
        }
    }

    /// Adds a whole number.
    pub fn uint(&mut self, name: &str, value: u64) {
        append_display(self.name(name), value);
    }

    /// Adds a whole number if there is one.
    pub fn maybe_uint(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.uint(name, value);
        }
    }

    /// Adds a whole number with a sign.
    pub fn int(&mut self, name: &str, value: i64) {
        append_display(self.name(name), value);
    }

    /// Adds a number; one that JSON cannot write becomes `null`.
    pub fn float(&mut self, name: &str, value: f64) {
        append_float(self.name(name), value);
    }

    /// Adds a number if there is one.
    pub fn maybe_float(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.float(name, value);
        }
    }

    /// Adds a boolean.
    pub fn bool(&mut self, name: &str, value: bool) {
        append_display(self.name(name), value);
    }

    /// Adds a boolean if there is one.
    pub fn maybe_bool(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.bool(name, value);
        }
    }

    /// Adds `null`.
    pub fn null(&mut self, name: &str) {
        self.name(name).extend_from_slice(b"null");
    }

    /// Adds a value that is JSON text already.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.name(name).extend_from_slice(json.as_bytes());
    }

    /// Adds a value that is JSON text already, if there is one.
    pub fn maybe_raw(&mut self, name: &str, json: Option<&str>) {
        if let Some(json) = json {
            self.raw(name, json);
        }
    }

    /// Adds an object.
    pub fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        append_object(self.name(name), members);
    }

    /// Adds an array.
    pub fn array(&mut self, name: &str, items: impl FnOnce(&mut Array<'_>)) {
        append_array(self.name(name), items);
    }

    /// Adds an array of strings.
    pub fn strings<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) {
        self.array(name, |array| values.into_iter().for_each(|value| array.string(value)));
    }
}

impl Array<'_> {
    fn item(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out
    }

    /// Adds a string.
    pub fn string(&mut self, value: &str) {
        append_string(self.item(), value);
    }

    /// Adds a number; one that JSON cannot write becomes `null`.
    pub fn float(&mut self, value: f64) {
        append_float(self.item(), value);
    }

    /// Adds a value that is JSON text already.
    pub fn raw(&mut self, json: &str) {
        self.item().extend_from_slice(json.as_bytes());
    }

    /// Adds an object.
    pub fn object(&mut self, members: impl FnOnce(&mut Object<'_>)) {
        append_object(self.item(), members);
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_are_read_back(text in any::<String>(), plain in 0usize..80) {
            let text = format!("{}{text}\u{1}\"\\", "a".repeat(plain));
            let json = object(0, |o| o.string(&text, &text));
            let value: std::collections::HashMap<String, String> = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(value.get(&text), Some(&text));
        }

        #[test]
        fn numbers_are_read_back(float in any::<f64>()) {
            let json = object(0, |o| o.float("x", float));
            let value = crate::json::parse(&json).unwrap();
            prop_assert_eq!(value.get("x").and_then(crate::json::Value::as_f64), float.is_finite().then_some(float));
        }
    }

    #[test]
    fn nesting() {
        let json = object_text(|o| {
            o.array("a", |a| {
                a.object(|o| o.uint("n", 1));
                a.raw("[2]");
            });
            o.object("o", |o| o.null("x"));
            o.float("one", 1.0);
            o.float("t", 0.7);
        });
        assert_eq!(json, r#"{"a":[{"n":1},[2]],"o":{"x":null},"one":1,"t":0.7}"#);
    }
}
