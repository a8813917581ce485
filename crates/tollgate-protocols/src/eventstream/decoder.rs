//! Cuts a byte stream into frames.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::frame::Lengths;
use super::{Fault, Frame, PRELUDE};

/// Finds the frames in a stream. Frames that arrive in one piece are handed out without being copied.
pub struct Decoder {
    /// What came before `chunk`: a frame that has begun in an earlier one.
    partial: BytesMut,
    /// What is left of the last chunk.
    chunk: Bytes,
    /// Of the current frame, once its prelude is here.
    lengths: Option<Lengths>,
    /// What ended the stream.
    fault: Option<Fault>,
    limit: usize,
}

impl Decoder {
    /// A decoder that refuses frames of more than `limit` bytes, as soon as their prelude says so.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { partial: BytesMut::new(), chunk: Bytes::new(), lengths: None, fault: None, limit }
    }

    /// Takes the next chunk. The frames of earlier chunks must have been taken out with [`Decoder::next_frame`] before;
    /// otherwise bytes are copied. After a fault nothing is kept.
    pub fn push(&mut self, chunk: Bytes) {
        if self.fault.is_some() {
            return;
        }
        self.stash(usize::MAX);
        self.chunk = chunk;
    }

    /// The next complete frame.
    ///
    /// # Errors
    /// If the bytes are no frame, or one that exceeds the limit. There is no going on after that: the same fault is
    /// returned for ever.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.advance().inspect_err(|fault| {
            self.fault = Some(*fault);
            self.partial = BytesMut::new();
            self.chunk = Bytes::new();
        })
    }

    /// Whether all bytes so far have come out in frames. A stream that ends where this is false was truncated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partial.is_empty() && self.chunk.is_empty() && self.fault.is_none()
    }

    /// What came after the last complete frame: at the end of a stream, a frame that was truncated.
    #[must_use]
    pub fn take_rest(&mut self) -> Bytes {
        self.stash(usize::MAX);
        self.lengths = None;
        self.partial.split().freeze()
    }

    fn advance(&mut self) -> Result<Option<Frame>, Fault> {
        let lengths = match self.lengths {
            Some(lengths) => lengths,
            None => {
                let Some(prelude) = self.gather(PRELUDE).first_chunk() else { return Ok(None) };
                let lengths = Lengths::read(prelude)?;
                self.lengths = Some(lengths);
                lengths
            }
        };
        if lengths.total > self.limit {
            return Err(Fault::TooLarge);
        }
        if self.gather(lengths.total).len() < lengths.total {
            return Ok(None);
        }
        let bytes = if self.partial.is_empty() {
            self.chunk.split_to(lengths.total)
        } else {
            self.partial.split_to(lengths.total).freeze()
        };
        self.lengths = None;
        Frame::read(bytes, lengths).map(Some)
    }

    /// The bytes from the start of the current frame on, at least `length` of them where so many are here.
    fn gather(&mut self, length: usize) -> &[u8] {
        if self.partial.is_empty() && self.chunk.len() >= length {
            return &self.chunk;
        }
        // Only what is missing, so that the frames after this one need not be copied.
        self.stash(length.saturating_sub(self.partial.len()));
        &self.partial
    }

    fn stash(&mut self, length: usize) {
        let length = length.min(self.chunk.len());
        if let Some(bytes) = self.chunk.get(..length) {
            self.partial.extend_from_slice(bytes);
            self.chunk.advance(length);
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("held", &(self.partial.len() + self.chunk.len()))
            .field("fault", &self.fault)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
