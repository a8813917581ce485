//! What was learned as bytes, so that it survives restarts. Little-endian, exact to the bit.

use std::fmt;

/// The bytes are not a snapshot that this version can read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SnapshotError {
    /// They do not begin as snapshots do.
    NotASnapshot,
    /// They were written in another format.
    Version(u64),
    /// They end early, go on too long, or hold a number that cannot be.
    Malformed,
}

const MAGIC: &[u8; 8] = b"tg-decid";
/// Raised with each change of what is written.
const VERSION: u64 = 2;

/// Appends numbers.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

/// Takes numbers off.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

// === impl SnapshotError ===

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASnapshot => f.write_str("not a snapshot of decisions"),
            Self::Version(version) => write!(f, "a snapshot of version {version}, this one reads {VERSION}"),
            Self::Malformed => f.write_str("the snapshot is damaged"),
        }
    }
}

impl std::error::Error for SnapshotError {}

// === impl Writer ===

impl Writer {
    pub(super) fn new() -> Self {
        let mut writer = Self(MAGIC.to_vec());
        writer.u64(VERSION);
        writer
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn count(&mut self, value: usize) {
        self.u64(value as u64);
    }

    pub(super) fn f32(&mut self, value: f32) {
        self.0.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::NotASnapshot)?;
        let mut reader = Self(rest);
        match reader.u64()? {
            VERSION => Ok(reader),
            other => Err(SnapshotError::Version(other)),
        }
    }

    pub(super) fn u64(&mut self) -> Result<u64, SnapshotError> {
        self.take().map(u64::from_le_bytes)
    }

    /// A length. No item is shorter than four bytes, so one that could not fit is refused before anything is reserved.
    pub(super) fn count(&mut self) -> Result<usize, SnapshotError> {
        let count = usize::try_from(self.u64()?).map_err(|_| SnapshotError::Malformed)?;
        if count > self.0.len() / 4 { Err(SnapshotError::Malformed) } else { Ok(count) }
    }

    /// A number that must fit into a smaller type.
    pub(super) fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, SnapshotError> {
        T::try_from(self.u64()?).map_err(|_| SnapshotError::Malformed)
    }

    pub(super) fn f32(&mut self) -> Result<f32, SnapshotError> {
        let value = f32::from_bits(self.take().map(u32::from_le_bytes)?);
        if value.is_finite() { Ok(value) } else { Err(SnapshotError::Malformed) }
    }

    pub(super) fn f64(&mut self) -> Result<f64, SnapshotError> {
        let value = f64::from_bits(self.u64()?);
        if value.is_finite() { Ok(value) } else { Err(SnapshotError::Malformed) }
    }

    pub(super) fn finish(self) -> Result<(), SnapshotError> {
        if self.0.is_empty() { Ok(()) } else { Err(SnapshotError::Malformed) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(SnapshotError::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }
}
