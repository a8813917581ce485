//! Where a key belongs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path such as `acme/search/alice`: tenant, team and user or application, from the largest to the smallest.
///
/// It has one to eight parts; a part has 1 to 64 letters, digits, `-`, `_`, `.` or `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Arc<str>);

/// A text that is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePathError(());

const MAX_PARTS: usize = 8;
const MAX_PART: usize = 64;

// === impl KeyPath ===

impl KeyPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as text that can be shared.
    #[must_use]
    pub fn as_shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// Whether this path is `other` or below it. `acme/searching` is not below `acme/search`.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for KeyPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, ParsePathError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
        let is_part = |part: &str| (1..=MAX_PART).contains(&part.len()) && part.bytes().all(is_allowed);
        let is_path = text.split('/').count() <= MAX_PARTS && text.split('/').all(is_part);
        if is_path { Ok(Self(text.into())) } else { Err(ParsePathError(())) }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for KeyPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ParsePathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path is like acme/search/alice: at most 8 parts of at most 64 letters, digits, -, _, . or @")
    }
}

impl std::error::Error for ParsePathError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for good in ["acme", "acme/search/alice", "a/b/c/d/e/f/g/h", "alice@example.com", "x".repeat(64).as_str()] {
            assert_eq!(good.parse::<KeyPath>().expect("is a path").as_str(), good);
        }
        for bad in ["", "/", "/acme", "acme/", "a//b", "a b", "a/b/c/d/e/f/g/h/i", "ä", &"x".repeat(65), "a=b", "a,b"]
        {
            assert!(bad.parse::<KeyPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_within_a_path() {
        let path = |text: &str| text.parse::<KeyPath>().expect("is a path");
        assert!(path("acme/search").is_within(&path("acme")) && path("acme").is_within(&path("acme")));
        assert!(!path("acme").is_within(&path("acme/search")) && !path("acmecorp").is_within(&path("acme")));
    }
}
