//! A record with its length and a checksum.

/// The bytes before a record: its length, then a CRC-32 of length and record, both with the lowest byte first.
const HEAD: usize = 8;

/// The most bytes of a record. Columns are limited, so none comes near it; a larger length is damage.
pub(super) const MAX_RECORD: usize = 256 * 1024;

/// What is next in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A record, and how many bytes it took with its head.
    Record(&'a [u8], usize),
    /// The beginning of a frame that needs more bytes.
    Partial,
    /// No frame.
    Damaged,
}

/// Appends a frame whose record `write` appends.
pub(in crate::ledger) fn put(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    write(out);
    let record = start + HEAD;
    let length = u32::try_from(out.len() - record).unwrap_or(u32::MAX).to_le_bytes();
    let checksum = checksum(length, &out[record..]).to_le_bytes();
    out[start..start + 4].copy_from_slice(&length);
    out[start + 4..record].copy_from_slice(&checksum);
}

/// The frame that bytes begin with.
pub(super) fn next(bytes: &[u8]) -> Next<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Next::Partial };
    let size = u32::from_le_bytes(*length) as usize;
    if size > MAX_RECORD {
        return Next::Damaged;
    }
    let Some((expected, rest)) = rest.split_first_chunk::<4>() else { return Next::Partial };
    let Some(record) = rest.get(..size) else { return Next::Partial };
    // Of no bytes at all: a file that was made longer before a power cut reads as zeros.
    if size == 0 || checksum(*length, record) != u32::from_le_bytes(*expected) {
        return Next::Damaged;
    }
    Next::Record(record, HEAD + size)
}

fn checksum(length: [u8; 4], record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(record);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other() {
        let mut bytes = Vec::new();
        put(&mut bytes, |out| out.extend_from_slice(b"one"));
        put(&mut bytes, |out| out.extend_from_slice(b"three"));
        assert_eq!(next(&bytes), Next::Record(b"one", 11));
        assert_eq!(next(&bytes[11..]), Next::Record(b"three", 13));
        assert_eq!(next(&bytes[24..]), Next::Partial);
    }

    #[test]
    fn whatever_is_not_whole_is_seen() {
        let mut frame = Vec::new();
        put(&mut frame, |out| out.extend_from_slice(b"record"));
        for end in 0..frame.len() {
            assert_eq!(next(&frame[..end]), Next::Partial, "{end} bytes");
        }
        for at in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 0x40;
            assert!(!matches!(next(&damaged), Next::Record(..)), "byte {at}");
        }
        assert_eq!(next(&[0; 64]), Next::Damaged);
        assert_eq!(next(&[0xff; 64]), Next::Damaged);
    }
}
