//! Bodies that were recorded as they went over the wire: base64 in the file, compressed inside.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

/// Decodes base64 with line breaks. `None` if it is none.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for digit in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Takes the compression off, if there is one that is known.
pub(super) fn decompress(bytes: Vec<u8>, encoding: Option<&str>) -> Result<Vec<u8>, &'static str> {
    let mut plain = Vec::new();
    // Whether the recorder has taken it off already shows only in the bytes.
    let read = match bytes.as_slice() {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => ZlibDecoder::new(bytes.as_slice()).read_to_end(&mut plain),
        _ if matches!(encoding, Some("br" | "zstd")) && std::str::from_utf8(&bytes).is_err() => {
            return Err("compressed in a way that is not known here");
        }
        _ => return Ok(bytes),
    };
    read.map(|_| plain).map_err(|_| "damaged compression")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (text, expect) in [("", ""), ("YQ==", "a"), ("YWI=", "ab"), ("YW\n Jj", "abc"), ("YWJjZA", "abcd")] {
            assert_eq!(base64(text).as_deref(), Some(expect.as_bytes()), "{text}");
        }
        assert_eq!(base64("a*b"), None);
    }

    #[test]
    fn what_is_not_compressed_stays() {
        assert_eq!(decompress(b"{}".to_vec(), Some("gzip")), Ok(b"{}".to_vec()));
        assert!(decompress(vec![0xff, 0xfe], Some("br")).is_err());
    }
}
