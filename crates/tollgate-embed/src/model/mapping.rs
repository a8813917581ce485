//! Bytes of a file, mapped into memory where that can be done.
//!
//! What is used again and again is read where it is mapped. Rows of a table of which a text needs a few are copied out of the
//! file instead ([`Bytes::copy`]): the kernel maps sixteen pages around each that is touched, so that a few hundred
//! different words would make the whole table, half of the file, resident.

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
    Mapped { bytes: Mmap, file: File },
    Owned(Box<[u8]>),
}

// === impl Bytes ===

impl Bytes {
    /// Maps a file that this crate has written.
    pub(super) fn map(file: File) -> io::Result<Self> {
        // SAFETY: the bytes must not change while they are mapped. Files of quantised weights are written under another
        // name and renamed when they are complete, so the file behind `file` is never written to again by us; a newer
        // one is another file. The folder belongs to whoever runs the program, as its executable does. Every bit pattern
        // is a valid `u8`, and no offset or length is read from the mapping: all are computed beforehand.
        let bytes = unsafe { Mmap::map(&file)? };
        Ok(Self::Mapped { bytes, file })
    }

    /// Copies the bytes from a place on, without making their pages resident. There must be as many.
    pub(super) fn copy(&self, at: usize, to: &mut [u8]) {
        if let Self::Mapped { file, .. } = self
            && read_at(file, to, at).is_ok()
        {
            return;
        }
        to.copy_from_slice(&self[at..at + to.len()]);
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], at: usize) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, at as u64)
}

/// Elsewhere reading moves the place at which others read.
#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped { bytes, .. } => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Mapped { .. }) { "mapped" } else { "owned" };
        write!(f, "{} bytes, {kind}", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_what_is_mapped() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..10_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        std::fs::write(named.path(), &content).unwrap();
        let mapped = Bytes::map(File::open(named.path()).unwrap()).unwrap();
        let owned = Bytes::Owned(content.clone().into());
        for bytes in [mapped, owned] {
            let mut copied = [0; 100];
            bytes.copy(9900, &mut copied);
            assert_eq!((copied.as_slice(), &*bytes), (&content[9900..], &content[..]), "{bytes:?}");
        }
    }
}
