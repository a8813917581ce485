//! What is stored with a vector.

use bytes::Bytes;

use crate::Key;
use crate::semantic::decision::{ClusterId, KeyId};
use crate::semantic::text::Analysis;

/// The prompt of a vector.
pub(super) struct Payload {
    pub(super) cluster: ClusterId,
    pub(super) key: KeyId,
    /// What the prompt's own answer is kept under.
    pub(super) exact: Key,
    pub(super) analysis: Analysis,
}

impl Payload {
    pub(super) fn to_bytes(&self) -> Bytes {
        let mut bytes = self.cluster.0.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.key.0.to_le_bytes());
        bytes.extend_from_slice(self.exact.as_bytes());
        bytes.extend_from_slice(&self.analysis.to_bytes());
        bytes.into()
    }

    /// `None` for what was not written by [`Self::to_bytes`], which another version may have done.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (cluster, rest) = bytes.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (exact, rest) = rest.split_first_chunk()?;
        Some(Self {
            cluster: ClusterId(u64::from_le_bytes(*cluster)),
            key: KeyId(u64::from_le_bytes(*key)),
            exact: Key::from_bytes(*exact),
            analysis: Analysis::from_bytes(rest).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_written_and_read() {
        let analysis = Analysis::of("How do I reset my password?");
        let exact = Key::from_bytes([3; 32]);
        let bytes = Payload { cluster: ClusterId(1), key: KeyId(2), exact, analysis: analysis.clone() }.to_bytes();
        let read = Payload::from_bytes(&bytes).unwrap();
        assert_eq!((read.cluster, read.key, read.exact, read.analysis), (ClusterId(1), KeyId(2), exact, analysis));
        assert!(Payload::from_bytes(&bytes[..10]).is_none());
    }
}
