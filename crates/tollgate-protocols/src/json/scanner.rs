//! The scanner itself.

use std::fmt;
use std::ops::Range;

use super::decode;

/// Walks a JSON document once, from the front.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
    counts: Counts,
}

/// How much of what has been scanned is prose, for estimates of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of string values that look like text; keys and inlined data do not count.
    pub text: u64,
    /// Numbers.
    pub numbers: u64,
}

/// A member's name.
#[derive(Clone, Debug)]
pub struct Key<'a> {
    literal: &'a [u8],
    escaped: bool,
}

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// The offset in bytes at which it was noticed.
    pub at: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.at)
    }
}

impl std::error::Error for Fault {}

// === impl Key ===

impl<'a> Key<'a> {
    /// The name with its escapes undone; two spellings of one name must not be taken for two names.
    #[must_use]
    pub fn name(&self) -> std::borrow::Cow<'a, [u8]> {
        let plain = &self.literal[1..self.literal.len() - 1];
        if !self.escaped {
            return plain.into();
        }
        decode(self.literal).map_or_else(|| plain.into(), |name| name.into_bytes().into())
    }

    /// The name as it stands in the document, quotes included.
    #[must_use]
    pub fn literal(&self) -> &'a [u8] {
        self.literal
    }

    /// The name as text.
    pub(super) fn text(&self) -> std::borrow::Cow<'a, str> {
        match self.name() {
            std::borrow::Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            std::borrow::Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        }
    }
}

// === impl Scanner ===

impl<'a> Scanner<'a> {
    /// A scanner over a whole document.
    ///
    /// # Errors
    /// If the text is not UTF-8.
    pub fn new(text: &'a [u8], max_depth: usize) -> Result<Self, Fault> {
        match std::str::from_utf8(text) {
            Ok(_) => Ok(Self { text, at: 0, depth: 0, max_depth, counts: Counts::default() }),
            Err(error) => Err(Fault { message: "invalid UTF-8".to_owned(), at: error.valid_up_to() }),
        }
    }

    /// A scanner over text that is known to be UTF-8.
    pub(super) fn new_checked(text: &'a str, max_depth: usize) -> Self {
        Self { text: text.as_bytes(), at: 0, depth: 0, max_depth, counts: Counts::default() }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The offset of the next byte.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The first byte of the next value, white space skipped.
    #[must_use]
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    /// Demands that nothing but white space is left.
    ///
    /// # Errors
    /// If something else is.
    pub fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("trailing characters")),
        }
    }

    /// Skips one value and says where it stands.
    ///
    /// # Errors
    /// If it is malformed or nested too deeply.
    pub fn value(&mut self) -> Result<Range<usize>, Fault> {
        self.skip_space();
        let start = self.at;
        match self.text.get(start) {
            Some(b'{') => self.object(|scanner, _| scanner.value().map(drop)).map(drop)?,
            Some(b'[') => self.array()?,
            Some(b'"') => {
                self.string()?;
                self.count_text(start);
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(_) => return Err(self.fault("expected a value")),
            None => return Err(self.fault("unexpected end")),
        }
        Ok(start..self.at)
    }

    /// Walks an object. `member` must scan the member's value. Returns the offset of the closing brace and whether
    /// there were members.
    ///
    /// # Errors
    /// If the object is malformed or nested too deeply, or `member` fails.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Key<'a>) -> Result<(), Fault>,
    ) -> Result<(usize, bool), Fault> {
        self.open(b'{')?;
        if self.peek() == Some(b'}') {
            return Ok((self.close(), false));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.fault("expected a member name"));
            }
            let start = self.at;
            let escaped = self.string()?;
            let key = Key { literal: &self.text[start..self.at], escaped };
            if self.peek() != Some(b':') {
                return Err(self.fault("expected `:`"));
            }
            self.at += 1;
            member(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return Ok((self.close(), true)),
                _ => return Err(self.fault("expected `,` or `}`")),
            }
        }
    }

    fn array(&mut self) -> Result<(), Fault> {
        self.items(|scanner| scanner.value().map(drop))
    }

    /// Skips a string and says where it stands, quotes included, and whether it holds escapes.
    pub(super) fn text(&mut self) -> Result<(Range<usize>, bool), Fault> {
        self.skip_space();
        let start = self.at;
        let escaped = self.string()?;
        Ok((start..self.at, escaped))
    }

    /// Walks an array. `item` must scan the item.
    pub(super) fn items(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.open(b'[')?;
        if self.peek() == Some(b']') {
            self.close();
            return Ok(());
        }
        loop {
            item(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.close();
                    return Ok(());
                }
                _ => return Err(self.fault("expected `,` or `]`")),
            }
        }
    }

    fn open(&mut self, bracket: u8) -> Result<(), Fault> {
        if self.peek() != Some(bracket) {
            return Err(self.fault("expected an object"));
        }
        // Values are scanned recursively, so this is also what protects the stack.
        if self.depth == self.max_depth {
            return Err(self.fault(&format!("nested deeper than {} levels", self.max_depth)));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> usize {
        self.depth -= 1;
        self.at += 1;
        self.at - 1
    }

    /// Skips a string and says whether it holds escapes.
    fn string(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain_run(&self.text[self.at..]);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("unescaped control character in a string")),
                None => return Err(self.fault("unterminated string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.fault("invalid \\u escape"));
                }
                self.at += 6;
            }
            _ => return Err(self.fault("invalid escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.counts.numbers += 1;
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let run = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if run == 0 {
            return Err(self.fault("invalid number"));
        }
        self.at += run;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn count_text(&mut self, start: usize) {
        let inner = &self.text[start + 1..self.at - 1];
        if !is_inlined_data(inner) {
            self.counts.text += inner.len() as u64;
        }
    }

    fn fault(&self, message: &str) -> Fault {
        Fault { message: message.to_owned(), at: self.at }
    }
}

/// Whether a string is an image, a sound or a file rather than prose: a data URL, or a long stretch without a space.
fn is_inlined_data(text: &[u8]) -> bool {
    text.starts_with(b"data:") || (text.len() > 1024 && !text[..256].contains(&b' '))
}

/// How many bytes from the start need no attention inside a string: up to a quote, a backslash or a control character.
///
/// Names and short values are looked at eight bytes at a time, which ends before a vectorised search has been set up;
/// prompts are long, and there the search is most of a scan.
pub(super) fn plain_run(text: &[u8]) -> usize {
    const SHORT: usize = 32;
    let mut at = 0;
    let (words, _) = text.as_chunks::<8>();
    for word in words {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == SHORT {
            return at + long_run(&text[at..]);
        }
    }
    at + text[at..].iter().take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\').count()
}

/// The high bit of each byte that ends a plain run; of those behind the first one it may be set falsely.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // A byte below `n` borrows from its high bit when `n` is taken from it, unless that bit was set.
    const fn below(word: u64, n: u64) -> u64 {
        word.wrapping_sub(ONES * n) & !word & HIGH
    }
    below(word, 0x20) | below(word ^ (ONES * b'"' as u64), 1) | below(word ^ (ONES * b'\\' as u64), 1)
}

fn long_run(text: &[u8]) -> usize {
    let run = memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len());
    // A minimum over the run, because the compiler vectorises that, and not a search.
    let lowest = text[..run].iter().fold(u8::MAX, |lowest, &byte| lowest.min(byte));
    if lowest >= 0x20 {
        return run;
    }
    text.iter().take_while(|byte| **byte >= 0x20).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::plain_run;

    proptest! {
        #[test]
        fn runs_end_where_they_should(text in prop::collection::vec(any::<u8>(), 0..100), plain in 0usize..80) {
            let text = [vec![b'a'; plain], text].concat();
            let expect = text.iter().take_while(|byte| **byte >= 0x20 && **byte != b'"' && **byte != b'\\').count();
            prop_assert_eq!(plain_run(&text), expect);
        }
    }
}
