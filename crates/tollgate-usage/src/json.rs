//! Writes flat JSON objects.

use std::time::Duration;

/// An object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    /// A member with a name that may need escapes.
    pub(crate) fn foreign_text(&mut self, name: &str, value: &str) {
        self.comma();
        write_text(self.out, name);
        self.out.push(b':');
        write_text(self.out, value);
    }

    #[inline(always)]
    pub(crate) fn text(&mut self, name: &'static str, value: Option<&str>) {
        self.name(name);
        match value {
            Some(value) => write_text(self.out, value),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    /// A text that `write` writes, without anything that needs escapes.
    pub(crate) fn text_by(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        self.name(name);
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    #[inline(always)]
    pub(crate) fn number(&mut self, name: &'static str, value: Option<u64>) {
        self.name(name);
        match value {
            Some(value) => write_number(self.out, value),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    pub(crate) fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Milliseconds with three decimals, which is as exact as latencies are.
    pub(crate) fn millis(&mut self, name: &'static str, value: Option<Duration>) {
        let Some(value) = value else { return self.number(name, None) };
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.number(name, Some(micros / 1000));
        self.out.push(b'.');
        write_thousandths(self.out, micros % 1000);
    }

    pub(crate) fn nested(&mut self, name: &'static str, members: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut object = Object::begin(self.out);
        members(&mut object);
        object.end();
    }

    /// Our own names need no escapes. Inlined as whoever calls this, so that how long a name is is known where it is copied.
    #[inline(always)]
    fn name(&mut self, name: &'static str) {
        self.out.reserve(name.len() + 4);
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // Without a branch for each byte, so that the compiler checks many at once.
    let needs_escapes = text.bytes().fold(false, |any, byte| any | (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
    if !needs_escapes {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to a vector does not fail.
        let _ = serde_json::to_writer(out, text);
    }
}

/// The three digits of a number below 1000.
pub(crate) fn write_thousandths(out: &mut Vec<u8>, number: u64) {
    out.extend([100, 10, 1].map(|place| b"0123456789"[(number / place % 10) as usize]));
}

fn write_number(out: &mut Vec<u8>, value: u64) {
    // As many digits as the largest number has.
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_json() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.foreign_text("a\"", "b\n\u{1}é");
        object.text("none", None);
        object.number("n", Some(u64::MAX));
        object.number("zero", Some(0));
        object.millis("t", Some(Duration::from_micros(1_002_045)));
        object.flag("f", true);
        object.nested("o", |inner| inner.number("x", None));
        object.end();
        let json: serde_json::Value = serde_json::from_slice(&out).expect("is JSON");
        let expect = serde_json::json!({
            "a\"": "b\n\u{1}é", "none": null, "n": u64::MAX, "zero": 0, "t": 1002.045, "f": true, "o": { "x": null },
        });
        assert_eq!(json, expect);
    }
}
