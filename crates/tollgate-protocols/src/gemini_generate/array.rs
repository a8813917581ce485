//! A JSON array that arrives in pieces: what `streamGenerateContent` answers without `alt=sse`.

use bytes::{Bytes, BytesMut};

use crate::codec::DecodeError;

/// Cuts an array into its elements as they arrive. A body that is one object and no array is one element: an error, or an
/// answer that is not streamed.
#[derive(Debug)]
pub struct ArraySplitter {
    buffer: BytesMut,
    /// How much of the buffer was looked at.
    at: usize,
    /// Where the element that is being read begins.
    start: Option<usize>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether the array's bracket was seen.
    opened: bool,
    /// Whether the array, or the only object, is complete.
    closed: bool,
    max: usize,
}

impl ArraySplitter {
    /// A splitter that takes elements of up to `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            at: 0,
            start: None,
            depth: 0,
            in_string: false,
            escaped: false,
            opened: false,
            closed: false,
            max,
        }
    }

    /// Takes more of the body.
    pub fn push(&mut self, bytes: &Bytes) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete element; `None` until more has arrived.
    ///
    /// # Errors
    /// If the body is no array of objects, or an element is too large.
    #[expect(clippy::should_implement_trait, reason = "it fails, and goes on after `None`")]
    pub fn next(&mut self) -> Result<Option<Bytes>, DecodeError> {
        while let Some(&byte) = self.buffer.get(self.at) {
            self.at += 1;
            if let Some(start) = self.start {
                if self.inside(byte) {
                    let mut element = self.buffer.split_to(self.at);
                    self.at = 0;
                    self.start = None;
                    self.closed = !self.opened;
                    return Ok(Some(element.split_off(start).freeze()));
                }
                if self.at - start > self.max {
                    return Err(DecodeError::Invalid("an element of the stream's array is too large"));
                }
            } else {
                self.between(byte)?;
            }
        }
        if self.start.is_none() {
            self.buffer.clear();
            self.at = 0;
        }
        Ok(None)
    }

    /// Whether the body may end here: nothing is open.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.closed
    }

    /// Takes a byte of an element; true if it is the last one.
    fn inside(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
        } else if self.in_string {
            match byte {
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    return self.depth == 0;
                }
                _ => {}
            }
        }
        false
    }

    fn between(&mut self, byte: u8) -> Result<(), DecodeError> {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'[' if !self.opened && !self.closed => self.opened = true,
            b',' if self.opened && !self.closed => {}
            b']' if self.opened && !self.closed => self.closed = true,
            b'{' if !self.closed => {
                self.start = Some(self.at - 1);
                self.depth = 1;
            }
            _ => return Err(DecodeError::Invalid("the stream is no array of objects")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&[u8]]) -> Result<(Vec<String>, bool), DecodeError> {
        let mut splitter = ArraySplitter::new(1000);
        let mut elements = Vec::new();
        for piece in pieces {
            splitter.push(&Bytes::copy_from_slice(piece));
            while let Some(element) = splitter.next()? {
                elements.push(String::from_utf8_lossy(&element).into_owned());
            }
        }
        Ok((elements, splitter.is_complete()))
    }

    const BODY: &str = "[{\"a\": \"]}\\\" é\"}\n,\r\n{\"b\":[{}, \"\\\\\"]},{}\n]\n";

    #[test]
    fn whole_and_single() {
        let (elements, complete) = split(&[BODY.as_bytes()]).unwrap();
        assert_eq!(elements, ["{\"a\": \"]}\\\" é\"}", "{\"b\":[{}, \"\\\\\"]}", "{}"]);
        assert!(complete);
        assert_eq!(split(&[b" {\"error\":{}} "]).unwrap(), (vec!["{\"error\":{}}".to_owned()], true));
        assert_eq!(split(&[b"[]"]).unwrap(), (vec![], true));
        assert!(!split(&[b"[{}"]).unwrap().1 && !split(&[b""]).unwrap().1);
    }

    #[test]
    fn what_is_no_array() {
        for body in ["x", "[1]", "]", "{}{}", "[{}]]", "[[{}]]"] {
            assert!(split(&[body.as_bytes()]).is_err(), "{body}");
        }
        let long = format!("[{{\"a\":\"{}\"}}]", "x".repeat(2000));
        assert!(split(&[long.as_bytes()]).is_err());
    }

    proptest! {
        #[test]
        fn cut_anywhere(cuts in proptest::collection::vec(0..BODY.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.extend([0, BODY.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &BODY.as_bytes()[w[0]..w[1]]).collect();
            prop_assert_eq!(split(&pieces).unwrap(), split(&[BODY.as_bytes()]).unwrap());
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = split(&[&bytes]);
        }
    }
}
