//! Keeps the end of an answer that is too large, or too foreign, to be read whole.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::Whole;
use crate::json::Scanner;
use crate::usage::Wire;

/// How much of the end is kept. Every API writes its counts after its content, or in an answer small enough to fit.
const KEEP: usize = 64 * 1024;

/// Remembers the last bytes of a body and finds the counts in them.
#[derive(Debug, Default)]
pub struct TailTap {
    tail: BytesMut,
    total: usize,
}

impl TailTap {
    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &Bytes) {
        self.total += chunk.len();
        if chunk.len() >= KEEP {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - KEEP..]);
            return;
        }
        if self.tail.len() + chunk.len() > 2 * KEEP {
            // Cut back rarely, so that many small chunks do not each move the whole tail.
            let cut = self.tail.len() + chunk.len() - KEEP;
            self.tail = BytesMut::from(&self.tail[cut..]);
        }
        self.tail.extend_from_slice(chunk);
    }

    /// How many bytes went by.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// What was found at the end: in a JSON document or in its last lines, or in whatever holds a usage object.
    #[must_use]
    pub fn facts(&self) -> Whole {
        let whole = if self.total == self.tail.len() { Whole::read(&self.tail).ok() } else { None };
        if let Some(whole) = whole.as_ref().filter(|whole| whole.usage.is_some()) {
            return whole.clone();
        }
        let last_line = self.tail.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if let Ok(whole) = Whole::read(last_line)
            && whole.usage.is_some()
        {
            return whole;
        }
        let mut whole = whole.unwrap_or_default();
        if let Some(wire) = self.last_usage() {
            whole.usage = wire.normalise();
            whole.billing.update(wire.billing());
        }
        whole
    }

    fn last_usage(&self) -> Option<Wire> {
        let at = memmem::rfind(&self.tail, b"\"usage")?;
        let rest = &self.tail[at..];
        let object = &rest[memchr::memchr(b'{', rest)?..];
        // The bytes around it may be anything, even binary frames, so only the object itself must be text.
        let end = object_end(object)?;
        Wire::read(&object[..end])
    }
}

fn object_end(text: &[u8]) -> Option<usize> {
    let valid = match std::str::from_utf8(text) {
        Ok(_) => text,
        Err(error) => &text[..error.valid_up_to()],
    };
    Some(Scanner::new(valid, 16).ok()?.value().ok()?.end)
}

#[cfg(test)]
mod tests {
    use tollgate_core::Usage;

    use super::*;

    fn usage_of(text: &[u8], chunk: usize) -> Option<Usage> {
        let mut tap = TailTap::default();
        for chunk in text.chunks(chunk) {
            tap.push(&Bytes::copy_from_slice(chunk));
        }
        assert_eq!(tap.total(), text.len());
        tap.facts().usage
    }

    #[test]
    fn counts_are_found_at_the_end() {
        let embeddings = format!(
            r#"{{"data":[{}0],"model":"m","usage":{{"prompt_tokens":9,"total_tokens":9}}}}"#,
            "0.123456,".repeat(40_000)
        );
        for chunk in [100, 7_000, 1 << 20] {
            assert_eq!(usage_of(embeddings.as_bytes(), chunk).unwrap().input, Some(9));
        }
    }

    #[test]
    fn lines_and_frames() {
        let lines = b"{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"done\":true,\"prompt_eval_count\":2,\"eval_count\":3}\n";
        assert_eq!(usage_of(lines, 10).unwrap().total(), 5);
        let frames = b"\x00\x00\xffmetadata{\"usage\":{\"inputTokens\":4,\"outputTokens\":5}}\xde\xad";
        assert_eq!(usage_of(frames, 10).unwrap().total(), 9);
        let array =
            b"[{\"candidates\":[]},\n{\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":5}}\n]";
        assert_eq!(usage_of(array, 10).unwrap().total(), 9);
    }

    #[test]
    fn nothing_found_is_none() {
        assert_eq!(usage_of(b"plain text", 3), None);
        assert_eq!(usage_of(b"\"usage", 3), None);
    }
}
