//! Substring searches that decide whether an event is worth parsing.
//!
//! Inside a JSON string a quote is always escaped, so a quoted word such as `"usage"` is found only where it is a name or
//! a whole value, never in the middle of generated text.

use std::sync::LazyLock;

use memchr::memchr2;
use memchr::memmem::Finder;

/// A member name to look for.
pub(super) struct Needle(LazyLock<Finder<'static>>);

pub(super) static USAGE: Needle = Needle(LazyLock::new(|| Finder::new(b"\"usage")));
pub(super) static ERROR: Needle = Needle(LazyLock::new(|| Finder::new(b"\"error\"")));
pub(super) static FINISH_REASON: Needle = Needle(LazyLock::new(|| Finder::new(b"\"finish_reason\"")));
static CONTENT: Needle = Needle(LazyLock::new(|| Finder::new(b"content\"")));
static REASONING: Needle = Needle(LazyLock::new(|| Finder::new(b"\"reasoning\"")));
static ARGUMENTS: Needle = Needle(LazyLock::new(|| Finder::new(b"\"arguments\"")));
static TEXT: Needle = Needle(LazyLock::new(|| Finder::new(b"\"text\"")));
static DELTA: Needle = Needle(LazyLock::new(|| Finder::new(b"\"delta\"")));

impl Needle {
    fn after<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let at = self.0.find(text)?;
        Some(&text[at + self.0.needle().len()..])
    }

    /// Whether the name stands before an object anywhere: `"usage":null`, which OpenAI puts into every chunk, does not count.
    pub(super) fn names_object(&self, text: &[u8]) -> bool {
        self.0.find_iter(text).any(|at| {
            let mut rest = &text[at + self.0.needle().len()..];
            // `"usage` also finds Gemini's `"usageMetadata"`.
            rest = rest.trim_ascii_start();
            while let [b'a'..=b'z' | b'A'..=b'Z' | b'"' | b':' | b' ', tail @ ..] = rest {
                rest = tail;
                if rest.starts_with(b"null") {
                    return false;
                }
            }
            rest.first() == Some(&b'{')
        })
    }

    /// Whether the name stands before anything but null.
    pub(super) fn names_value(&self, text: &[u8]) -> bool {
        self.after(text)
            .and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"))
            .is_some_and(|value| !value.trim_ascii_start().starts_with(b"null"))
    }

    /// Whether the name stands before a string that is not empty.
    pub(super) fn names_text(&self, text: &[u8]) -> bool {
        self.string_len(text) > 0
    }

    /// The length of the string that the name stands before, escapes counted as written.
    fn string_len(&self, text: &[u8]) -> usize {
        let value = self
            .after(text)
            .and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"))
            .and_then(|rest| rest.trim_ascii_start().strip_prefix(b"\""));
        value.map_or(0, quoted_len)
    }
}

/// The length of the text that a chunk of a chat or completions stream adds. An estimate: of several strings in one chunk
/// the first kind found counts.
pub(super) fn chat_text(data: &[u8]) -> usize {
    first_filled(data, &[&CONTENT, &ARGUMENTS, &REASONING, &TEXT])
}

/// The length of the text that an event of a Responses stream adds.
pub(super) fn responses_text(data: &[u8]) -> usize {
    DELTA.string_len(data)
}

/// The length of the text that an event of an unknown protocol adds.
pub(super) fn any_text(data: &[u8]) -> usize {
    first_filled(data, &[&TEXT, &CONTENT, &DELTA, &ARGUMENTS])
}

fn first_filled(data: &[u8], needles: &[&Needle]) -> usize {
    needles.iter().map(|needle| needle.string_len(data)).find(|len| *len > 0).unwrap_or(0)
}

/// How far it is to the closing quote.
fn quoted_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        for (text, object, value) in [
            (r#"{"usage":{"a":1}}"#, true, false),
            (r#"{"usage" : {"a":1}}"#, true, false),
            (r#"{"usage":null}"#, false, false),
            (r#"{"usage":null,"x_groq":{"usage":{"a":1}}}"#, true, false),
            (r#"{"usageMetadata":{"a":1}}"#, true, false),
            (r#"{"text":"\"usage\":{"}"#, false, false),
            (r#"{"error":{"m":1}}"#, false, true),
            (r#"{"error": null}"#, false, false),
            (r#"{"error":"x"}"#, false, true),
        ] {
            assert_eq!(USAGE.names_object(text.as_bytes()), object, "{text}");
            assert_eq!(ERROR.names_value(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn text_is_measured() {
        assert_eq!(chat_text(br#"{"delta":{"content":"abc"}}"#), 3);
        assert_eq!(chat_text(br#"{"delta":{"content": "a\"c"}}"#), 4);
        assert_eq!(chat_text(br#"{"delta":{"role":"assistant","content":""}}"#), 0);
        assert_eq!(chat_text(br#"{"delta":{"content":null,"reasoning_content":"ab"}}"#), 0);
        assert_eq!(chat_text(br#"{"delta":{"reasoning_content":"ab"}}"#), 2);
        assert_eq!(chat_text(br#"{"delta":{"content":"","reasoning":"abcd"}}"#), 4);
        assert_eq!(chat_text(br#"{"function":{"arguments":"{\"a\""}}"#), 6);
        assert_eq!(responses_text(br#"{"type":"x","delta":"abc"}"#), 3);
    }
}
