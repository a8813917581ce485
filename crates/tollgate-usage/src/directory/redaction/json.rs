//! JSON that may break off at any place, copied without what is to be hidden.

use super::{REDACTED, Redaction};
use crate::directory::CapturedBody;

/// The text ends, or is no JSON from here on. What follows was not copied.
pub(super) struct BrokenOff;

/// Deeper than any request is; a body must not be able to exhaust the stack.
const MAX_DEPTH: usize = 128;

struct Walk<'a> {
    rules: &'a Redaction,
    text: &'a str,
    at: usize,
    path: Vec<String>,
    out: &'a mut CapturedBody,
}

/// Copies a value to the end of `out` as far as it goes.
pub(super) fn redact(rules: &Redaction, text: &str, out: &mut CapturedBody) -> Result<(), BrokenOff> {
    let mut walk = Walk { rules, text, at: 0, path: Vec::new(), out };
    walk.value()?;
    walk.blanks();
    if walk.at == text.len() { Ok(()) } else { Err(BrokenOff) }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    fn value(&mut self) -> Result<(), BrokenOff> {
        self.blanks();
        match self.peek()? {
            b'{' => self.items(b'}', Self::member),
            b'[' => self.items(b']', |walk, index| {
                walk.path.push(index.to_string());
                walk.visible_value()
            }),
            b'"' => self.string(),
            _ => {
                let scalar = self.scalar()?;
                self.out.text.push_str(scalar);
                Ok(())
            }
        }
    }

    /// A value, or what stands for it if its place is hidden. Leaves the place.
    fn visible_value(&mut self) -> Result<(), BrokenOff> {
        if self.rules.is_hidden(&self.path) {
            self.hidden_value()?;
        } else {
            self.value()?;
        }
        self.path.pop();
        Ok(())
    }

    fn member(&mut self, _: usize) -> Result<(), BrokenOff> {
        let token = self.string_token()?;
        let name = decode(token)?;
        self.put(token, &name);
        self.blanks();
        self.take(b':')?;
        let is_hidden = self.rules.members.contains(&name);
        self.path.push(name);
        if is_hidden {
            self.hidden_value()?;
            self.path.pop();
            return Ok(());
        }
        self.visible_value()
    }

    /// The members or items up to an end, with what stands around them.
    fn items(
        &mut self,
        end: u8,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), BrokenOff>,
    ) -> Result<(), BrokenOff> {
        if self.path.len() > MAX_DEPTH {
            return Err(BrokenOff);
        }
        self.copy_byte()?;
        self.blanks();
        if self.peek()? == end {
            return self.copy_byte();
        }
        for index in 0.. {
            self.blanks();
            item(self, index)?;
            self.blanks();
            match self.peek()? {
                b',' => self.copy_byte()?,
                byte if byte == end => return self.copy_byte(),
                _ => return Err(BrokenOff),
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), BrokenOff> {
        let token = self.string_token()?;
        let text = decode(token)?;
        self.put(token, &text);
        Ok(())
    }

    /// Copies a string, but for what patterns match in what it says.
    fn put(&mut self, token: &str, text: &str) {
        match self.rules.without_matches(text, &mut self.out.redacted) {
            Some(changed) => self.out.text.push_str(&serde_json::Value::String(changed).to_string()),
            None => self.out.text.push_str(token),
        }
    }

    /// Passes over a value, for which a text stands.
    fn hidden_value(&mut self) -> Result<(), BrokenOff> {
        self.blanks();
        self.out.text.push('"');
        self.out.text.push_str(REDACTED);
        self.out.text.push('"');
        let (kept, redacted) = (self.out.text.len(), self.out.redacted + 1);
        let passed = self.value();
        self.out.text.truncate(kept);
        self.out.redacted = redacted;
        passed
    }

    fn string_token(&mut self) -> Result<&'a str, BrokenOff> {
        let bytes = self.text.as_bytes();
        if self.peek()? != b'"' {
            return Err(BrokenOff);
        }
        let mut end = self.at + 1;
        loop {
            match bytes.get(end).ok_or(BrokenOff)? {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        let token = self.text.get(self.at..=end).ok_or(BrokenOff)?;
        self.at = end + 1;
        Ok(token)
    }

    /// A number or a word. One at the very end may lack the rest.
    fn scalar(&mut self) -> Result<&'a str, BrokenOff> {
        let rest = &self.text[self.at..];
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.bytes().take_while(|byte| is_part(*byte)).count();
        if length == 0 {
            return Err(BrokenOff);
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        let length = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.out.text.push_str(&rest[..length]);
        self.at += length;
    }

    fn take(&mut self, byte: u8) -> Result<(), BrokenOff> {
        if self.peek()? == byte { self.copy_byte() } else { Err(BrokenOff) }
    }

    /// Copies a byte that is known to be ASCII.
    fn copy_byte(&mut self) -> Result<(), BrokenOff> {
        self.out.text.push(char::from(self.peek()?));
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Result<u8, BrokenOff> {
        self.text.as_bytes().get(self.at).copied().ok_or(BrokenOff)
    }
}

fn decode(token: &str) -> Result<String, BrokenOff> {
    serde_json::from_str(token).map_err(|_| BrokenOff)
}
