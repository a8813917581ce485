//! The text of a key: `tg-`, a public id, and a secret.
//!
//! The secret has 32 characters of 62 kinds, 190 random bits of the operating system. There is therefore nothing to be
//! guessed, and one SHA-256 is a safe way to keep it: hashes that are slow on purpose make up for passwords that people
//! choose, and would cost every request what they cost an attacker.

use std::fmt;

use sha2::{Digest as _, Sha256};
use tollgate_core::Secret;

use super::DirectoryError;

const PREFIX: &str = "tg-";
const ID_LENGTH: usize = 10;
const SECRET_LENGTH: usize = 32;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What is kept of a key's text: its SHA-256.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

/// A new id, for the part of a key that anybody may see.
pub(crate) fn new_id() -> Result<String, DirectoryError> {
    random_text(ID_LENGTH)
}

/// A new text for the key with an id.
pub(crate) fn new_token(id: &str) -> Result<Secret, DirectoryError> {
    Ok(Secret::new(format!("{PREFIX}{id}{}", random_text(SECRET_LENGTH)?)))
}

/// The beginning of the text of a key, which tells whose it is without being of use.
pub(crate) fn visible_part(id: &str) -> String {
    format!("{PREFIX}{id}")
}

fn random_text(length: usize) -> Result<String, DirectoryError> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)
            .map_err(|error| DirectoryError::unavailable("the system gives no random numbers", error))?;
        // 248 is the largest multiple of 62: a remainder of larger bytes would favour the first letters.
        let fair = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(fair.take(length - text.len()));
    }
    Ok(text)
}

// === impl Digest ===

impl Digest {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The first bytes, to look it up by. Whoever measures how far a look-up comes learns something of a digest at most, from
    /// which no key follows.
    pub(crate) fn place(&self) -> u64 {
        self.0[..8].iter().fold(0, |place, byte| place << 8 | u64::from(*byte))
    }

    /// In hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        self.0
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(digest))
    }
}

/// Compares without stopping at the first difference.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        std::hint::black_box(self.0.iter().zip(&other.0).fold(0, |differences, (a, b)| differences | (a ^ b))) == 0
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_enough_chance_in_them_and_are_all_different() {
        let bits = (SECRET_LENGTH as f64) * 62_f64.log2();
        assert!(bits > 160.0, "{bits}");
        let tokens: std::collections::BTreeSet<String> =
            (0..1000).map(|_| new_token("id").expect("random").expose().to_owned()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() == 3 + 2 + SECRET_LENGTH && token.starts_with("tg-id")));
        // Every letter comes about as often as every other: 32,000 letters, 516 each, and six deviations of 23.
        for letter in ALPHABET {
            let count = tokens.iter().flat_map(|token| token.bytes().skip(5)).filter(|byte| byte == letter).count();
            assert!((380..=655).contains(&count), "{} came {count} times", char::from(*letter));
        }
    }

    #[test]
    fn digests_are_sha256() {
        // NIST's example for one block.
        let digest = Digest::of("abc");
        assert_eq!(digest.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::from_hex(&digest.to_hex()), Some(digest));
        assert_eq!(digest.place(), 0xba78_16bf_8f01_cfea);
        assert_eq!(Digest::from_hex("ba78"), None);
        assert_ne!(digest, Digest::of("abd"));
    }
}
