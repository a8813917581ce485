//! Counting a short pattern in bytes that arrive in pieces.
//!
//! Network reads split a stream anywhere, so a pattern may straddle two pieces. The counter keeps the last few bytes
//! of what it has seen and searches the seam apart, which leaves the pieces themselves uncopied.

use memchr::memmem::Finder;

/// A pattern longer than this would need a larger seam buffer.
const LONGEST: usize = 16;

/// Counts the occurrences of one pattern over any number of pieces.
#[derive(Debug)]
pub(super) struct Counter {
    finder: Finder<'static>,
    tail: Vec<u8>,
    /// Occurrences so far.
    pub(super) count: u64,
}

impl Counter {
    /// A counter for `pattern`, which behaves as if `before` had come first.
    pub(super) fn new(pattern: &'static [u8], before: &[u8]) -> Self {
        assert!((2..=LONGEST).contains(&pattern.len()), "the seam buffer holds patterns of 2 to 16 bytes");
        let mut counter = Self { finder: Finder::new(pattern), tail: Vec::with_capacity(LONGEST), count: 0 };
        counter.remember(before);
        counter
    }

    /// Counts the events of a server-sent event stream: lines that begin with `data:`.
    pub(super) fn events() -> Self {
        Self::new(b"\ndata:", b"\n")
    }

    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        let overlap = self.finder.needle().len() - 1;
        let mut seam = [0_u8; 2 * LONGEST];
        let head = &piece[..piece.len().min(overlap)];
        let length = self.tail.len() + head.len();
        seam[..self.tail.len()].copy_from_slice(&self.tail);
        seam[self.tail.len()..length].copy_from_slice(head);
        // The tail is shorter than the pattern, so whatever is found here does straddle; and a match that straddles
        // cannot also be found in the piece alone.
        self.count += self.finder.find_iter(&seam[..length]).count() as u64;
        self.count += self.finder.find_iter(piece).count() as u64;
        if piece.len() >= overlap {
            self.remember(piece);
        } else {
            self.remember(&seam[..length]);
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        let keep = bytes.len().min(self.finder.needle().len() - 1);
        self.tail.clear();
        self.tail.extend_from_slice(&bytes[bytes.len() - keep..]);
    }
}

/// Remembers how a stream ended, however it was cut.
#[derive(Debug, Default)]
pub(super) struct Ending {
    last: Vec<u8>,
}

impl Ending {
    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        const KEEP: usize = 32;
        self.last.extend_from_slice(&piece[piece.len().saturating_sub(KEEP)..]);
        let excess = self.last.len().saturating_sub(KEEP);
        self.last.drain(..excess);
    }

    /// Whether the stream ended as the protocol asks: `data: [DONE]`, and nothing but line ends behind it.
    pub(super) fn is_done(&self) -> bool {
        let text = self.last.trim_ascii_end();
        text.ends_with(b"data: [DONE]") || text.ends_with(b"data:[DONE]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"data: {\"a\":\"no data: here\"}\n\nevent: x\ndata: {}\r\n\r\ndata: [DONE]\n\n";

    #[test]
    fn events_are_counted_however_the_stream_is_cut() {
        for first in 0..=STREAM.len() {
            for second in first..=STREAM.len() {
                let mut events = Counter::events();
                let mut ending = Ending::default();
                for piece in [&STREAM[..first], &STREAM[first..second], &STREAM[second..]] {
                    events.feed(piece);
                    ending.feed(piece);
                }
                assert_eq!((events.count, ending.is_done()), (3, true), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn single_bytes_add_up() {
        let mut events = Counter::events();
        STREAM.iter().for_each(|byte| events.feed(&[*byte]));
        assert_eq!(events.count, 3);
    }

    #[test]
    fn a_stream_cut_short_is_not_done() {
        let mut ending = Ending::default();
        ending.feed(b"data: {\"text\":\"data: [DONE]\"}\n\n");
        assert!(!ending.is_done());
    }
}
