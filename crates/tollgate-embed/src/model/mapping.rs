//! Bytes of a file, mapped into memory where that can be done.

#![expect(
    unsafe_code,
    reason = "mapping a file is unsafe, because others may change it; see below why ours is not changed"
)]

use std::fs::File;
use std::ops::Deref;
use std::{fmt, io};

use memmap2::Mmap;

/// The bytes of a quantised model: of a file, so that processes share them and only what is used takes memory, or our own.
pub(super) enum Bytes {
    Mapped(Mmap),
    Owned(Box<[u8]>),
}

// === impl Bytes ===

impl Bytes {
    /// Maps a file that this crate has written.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes must not change while they are mapped. Files of quantised weights are written under another
        // name and renamed when they are complete, so the file behind `file` is never written to again by us; a newer
        // one is another file. The folder belongs to whoever runs the program, as its executable does. Every bit pattern
        // is a valid `u8`, and no offset or length is read from the mapping: all are computed beforehand.
        let mapped = unsafe { Mmap::map(file)? };
        Ok(Self::Mapped(mapped))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Mapped(_)) { "mapped" } else { "owned" };
        write!(f, "{} bytes, {kind}", self.len())
    }
}
