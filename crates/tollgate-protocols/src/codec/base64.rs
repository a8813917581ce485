//! Base64 as clients send it (RFC 4648): in either alphabet, with and without padding.

use std::borrow::Cow;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text in the standard alphabet with its padding, which is all that most providers read. What is no Base64 at all
/// comes out as wrong as it went in.
#[must_use]
pub fn standard_base64(text: &str) -> Cow<'_, str> {
    let missing = match text.len() % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    };
    if missing.is_empty() && !text.contains(['-', '_']) {
        return Cow::Borrowed(text);
    }
    let mut standard = text.replace('-', "+").replace('_', "/");
    standard.push_str(missing);
    Cow::Owned(standard)
}

/// Bytes in the standard alphabet, padded.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or_default()));
        for at in 0..4 {
            let sextet = (bits >> (18 - 6 * at)) & 63;
            let letter = ALPHABET.get(sextet as usize).copied().unwrap_or(b'A');
            text.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// The bytes of a text in either alphabet; `None` if it is no Base64.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let bits = group.iter().try_fold(0_u32, |bits, digit| Some(bits << 6 | u32::from(sextet(*digit)?)))?;
        let [_, whole @ ..] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        bytes.extend(whole.iter().take(group.len() - 1));
    }
    Some(bytes)
}

fn sextet(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_rfc() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(to_base64(plain.as_bytes()), encoded);
            assert_eq!(from_base64(encoded).as_deref(), Some(plain.as_bytes()));
            assert_eq!(from_base64(encoded.trim_end_matches('=')).as_deref(), Some(plain.as_bytes()));
            assert_eq!(standard_base64(encoded.trim_end_matches('=')), encoded);
        }
        assert_eq!(from_base64("-_-_"), from_base64("+/+/"));
        assert_eq!(standard_base64("-_-_-w"), "+/+/+w==");
        for wrong in ["A", "AA AA", "AA\n", "é"] {
            assert_eq!(from_base64(wrong), None, "{wrong:?}");
        }
    }
}
