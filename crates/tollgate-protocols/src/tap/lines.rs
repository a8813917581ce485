//! Framing by lines: a JSON value each, as Ollama streams.

use bytes::{Bytes, BytesMut};

use crate::sse::TooLarge;

/// Finds the lines in a stream.
#[derive(Debug)]
pub struct Lines {
    partial: BytesMut,
    /// How much of `partial` holds no line feed.
    searched: usize,
    limit: usize,
}

impl Lines {
    /// Refuses lines of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { partial: BytesMut::new(), searched: 0, limit }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        self.partial.extend_from_slice(chunk);
    }

    /// The next line with its line feed.
    ///
    /// # Errors
    /// If a line, complete or not, exceeds the limit.
    pub fn next_line(&mut self) -> Result<Option<Bytes>, TooLarge> {
        let found = memchr::memchr(b'\n', &self.partial[self.searched..]).map(|at| self.searched + at + 1);
        if found.unwrap_or(self.partial.len()) > self.limit {
            return Err(TooLarge::new());
        }
        self.searched = if found.is_some() { 0 } else { self.partial.len() };
        Ok(found.map(|end| self.partial.split_to(end).freeze()))
    }

    /// What came after the last line feed.
    #[must_use]
    pub fn take_rest(&mut self) -> Bytes {
        self.searched = 0;
        self.partial.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_do_not_matter() {
        let text = b"{\"a\":1}\n\n{\"b\":2}\nrest";
        for cut in 0..text.len() {
            let mut lines = Lines::new(100);
            let mut found = Vec::new();
            for piece in [&text[..cut], &text[cut..]] {
                lines.push(piece);
                while let Some(line) = lines.next_line().unwrap() {
                    found.push(line);
                }
            }
            assert_eq!(found, [&b"{\"a\":1}\n"[..], b"\n", b"{\"b\":2}\n"]);
            assert_eq!(lines.take_rest(), "rest");
        }
        let mut lines = Lines::new(3);
        lines.push(b"abcd");
        assert!(lines.next_line().is_err());
    }
}
