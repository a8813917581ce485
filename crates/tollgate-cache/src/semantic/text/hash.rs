//! The hash that words are compared by. It is stored with entries, so it must never change.

/// A hash that is fed piece by piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

/// FNV-1a of 64 bits (Fowler, Noll, Vo; public domain): short inputs, no seed, the same everywhere.
pub(crate) fn hash64(bytes: &[u8]) -> u64 {
    Fnv::default().with(bytes).0
}

/// The two halves of [`hash64`] folded into one.
pub(crate) fn hash32(text: &str) -> u32 {
    Fnv::default().with(text.as_bytes()).folded()
}

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    pub(crate) fn with(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    /// Both halves in one.
    pub(crate) fn folded(self) -> u32 {
        u32::try_from((self.0 ^ (self.0 >> 32)) & u64::from(u32::MAX)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        assert_eq!(hash64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash64(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
