//! Cuts a byte stream into events.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// Finds the events in a stream. Events that arrive in one piece are handed out without being copied.
#[derive(Debug)]
pub struct Decoder {
    /// An event that has begun in an earlier chunk.
    partial: BytesMut,
    /// What is left of the last chunk; empty while `partial` is not.
    chunk: Bytes,
    boundary: Boundary,
    limit: usize,
}

/// An event is larger than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge(());

/// How far the search for the end of the current event has come.
#[derive(Debug, Default)]
struct Boundary {
    /// The next byte to look at, counted from the start of the event.
    at: usize,
    /// Where the current line began.
    line: usize,
    /// The byte before was a CR, so an LF here still belongs to that line end.
    after_cr: bool,
}

impl TooLarge {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("event exceeds the size limit")
    }
}

impl std::error::Error for TooLarge {}

// === impl Decoder ===

impl Decoder {
    /// A decoder that refuses events of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { partial: BytesMut::new(), chunk: Bytes::new(), boundary: Boundary::default(), limit }
    }

    /// Takes the next chunk. The events of earlier chunks must have been taken out with [`Decoder::next_event`] before;
    /// otherwise bytes are copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.partial.is_empty() && self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.stash();
            self.partial.extend_from_slice(&chunk);
        }
    }

    /// The next complete event with the blank line that ends it.
    ///
    /// # Errors
    /// If an event, complete or not, exceeds the limit. There is no going on after that.
    pub fn next_event(&mut self) -> Result<Option<Bytes>, TooLarge> {
        let in_chunk = self.partial.is_empty();
        let bytes: &[u8] = if in_chunk { &self.chunk } else { &self.partial };
        let end = self.boundary.find(bytes);
        if end.unwrap_or(bytes.len()) > self.limit {
            return Err(TooLarge(()));
        }
        let Some(end) = end else {
            self.stash();
            return Ok(None);
        };
        self.boundary = Boundary { after_cr: self.boundary.after_cr, ..Boundary::default() };
        Ok(Some(if in_chunk { self.chunk.split_to(end) } else { self.partial.split_to(end).freeze() }))
    }

    /// What came after the last complete event: at the end of a stream, an event that lacks its blank line.
    #[must_use]
    pub fn take_rest(&mut self) -> Bytes {
        self.stash();
        self.boundary = Boundary::default();
        self.partial.split().freeze()
    }

    fn stash(&mut self) {
        if self.chunk.has_remaining() {
            self.partial.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
        }
    }
}

// === impl Boundary ===

impl Boundary {
    /// The end of the event that begins at the start of `bytes`, looking only at what was not looked at before.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            if self.after_cr && self.at < bytes.len() {
                self.after_cr = false;
                if bytes[self.at] == b'\n' {
                    self.at += 1;
                    self.line = self.at;
                }
            }
            let Some(found) = memchr2(b'\n', b'\r', &bytes[self.at..]) else {
                self.at = bytes.len();
                return None;
            };
            let end = self.at + found;
            let blank = end == self.line;
            self.at = end + 1;
            if bytes[end] == b'\r' {
                match bytes.get(self.at) {
                    Some(b'\n') => self.at += 1,
                    Some(_) => {}
                    // The event is over all the same: waiting for a byte that may be an LF would hold back the event
                    // until the next one comes.
                    None => self.after_cr = true,
                }
            }
            self.line = self.at;
            if blank {
                return Some(self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(chunks: &[&[u8]]) -> (Vec<Bytes>, Bytes) {
        let mut decoder = Decoder::new(1 << 20);
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(event) = decoder.next_event().unwrap() {
                events.push(event);
            }
        }
        (events, decoder.take_rest())
    }

    #[track_caller]
    fn check(text: &str, expect: &[&str], rest: &str) {
        let (events, left) = decode(&[text.as_bytes()]);
        assert_eq!(events, expect);
        assert_eq!(left, rest);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        let (events, left) = decode(&bytes);
        assert_eq!([events.concat(), left.to_vec()].concat(), text.as_bytes(), "byte by byte");
        assert_eq!(events.len(), expect.len(), "byte by byte");
    }

    #[test]
    fn line_ends_of_every_kind() {
        check("data: a\n\ndata: b\n\n", &["data: a\n\n", "data: b\n\n"], "");
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["data: a\r\n\r\n", "data: b\r\n\r\n"], "");
        check("data: a\r\rdata: b\r\r", &["data: a\r\r", "data: b\r\r"], "");
        check("data: a\r\n\ndata: b\n\r\n", &["data: a\r\n\n", "data: b\n\r\n"], "");
        check("event: x\ndata: a\n\n: note\n\nrest", &["event: x\ndata: a\n\n", ": note\n\n"], "rest");
        check("\n\ndata: a\n\n", &["\n", "\n", "data: a\n\n"], "");
    }

    #[test]
    fn a_final_cr_does_not_hold_the_event_back() {
        let mut decoder = Decoder::new(100);
        decoder.push(Bytes::from_static(b"data: a\r\n\r"));
        assert_eq!(decoder.next_event().unwrap().unwrap(), "data: a\r\n\r");
        decoder.push(Bytes::from_static(b"\ndata: b\r\n\r\n"));
        assert_eq!(decoder.next_event().unwrap().unwrap(), "\ndata: b\r\n\r\n");
    }

    #[test]
    fn an_event_over_the_limit_is_refused_complete_or_not() {
        let mut decoder = Decoder::new(8);
        decoder.push(Bytes::from_static(b"data: 12"));
        assert_eq!(decoder.next_event(), Ok(None));
        decoder.push(Bytes::from_static(b"3"));
        assert_eq!(decoder.next_event(), Err(TooLarge(())));
        let mut decoder = Decoder::new(8);
        decoder.push(Bytes::from_static(b"data: 123\n\n"));
        assert_eq!(decoder.next_event(), Err(TooLarge(())));
    }

    #[test]
    fn an_event_in_one_piece_is_not_copied() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
        let mut decoder = Decoder::new(100);
        decoder.push(chunk.clone());
        let first = decoder.next_event().unwrap().unwrap();
        assert_eq!(first.as_ptr(), chunk.as_ptr());
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            pieces in prop::collection::vec(prop::sample::select(vec!["data: x", "\n", "\r\n", "\r", ": c", "é😀"]), 0..40),
            cuts in prop::collection::vec(0usize..200, 0..20),
        ) {
            let text = pieces.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            let (events, rest) = decode(&chunks);
            let (whole_events, whole_rest) = decode(&[&text]);
            // Where a chunk ends between CR and LF the LF opens the next event's bytes, so compare what events say.
            let says = |events: &[Bytes]| -> Vec<Vec<u8>> {
                events.iter().filter_map(|event| crate::sse::data(event).map(|data| data.into_owned())).collect()
            };
            prop_assert_eq!(says(&events), says(&whole_events));
            prop_assert_eq!([events.concat(), rest.to_vec()].concat(), text);
            prop_assert_eq!(crate::sse::data(&rest), crate::sse::data(&whole_rest));
        }
    }
}
