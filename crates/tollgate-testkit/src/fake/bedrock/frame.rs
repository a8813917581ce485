//! Amazon's binary framing of events, written.

use bytes::{BufMut, Bytes, BytesMut};

/// One frame: its text headers and its payload, with the two checksums.
pub(super) fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut head = BytesMut::new();
    for (name, value) in headers {
        head.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.put_slice(name.as_bytes());
        // 7 is a string.
        head.put_u8(7);
        head.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        head.put_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut frame = BytesMut::new();
    frame.put_u32(length(16 + head.len() + payload.len()));
    frame.put_u32(length(head.len()));
    frame.put_u32(crc32fast::hash(&frame));
    frame.put_slice(&head);
    frame.put_slice(payload);
    frame.put_u32(crc32fast::hash(&frame));
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prelude_has_its_checksum() {
        // The first frame of a recording is 0x85 bytes long with 0x52 of headers, and has this checksum.
        let name = "n".repeat(40);
        let value = "v".repeat(0x52 - 4 - 40);
        let frame = frame(&[(&name, &value)], &[0; 0x85 - 0x52 - 16]);
        assert_eq!(frame[..12], [0, 0, 0, 0x85, 0, 0, 0, 0x52, 0x99, 0x41, 0xd0, 0x53]);
        assert_eq!(frame.len(), 0x85);
        let (all, sum) = frame.split_at(0x81);
        assert_eq!(sum, crc32fast::hash(all).to_be_bytes());
    }
}
