//! A string that must not be seen.

use std::fmt;
use std::sync::Arc;

/// A credential. It masks itself in [`Debug`](fmt::Debug) and [`Display`](fmt::Display), so that it cannot reach a log
/// or an error by way of a derived implementation; [`Secret::expose`] is the one way to read it, and easy to search for.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a credential.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The credential itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Compares without stopping at the first difference, so that the time taken does not tell how much of a guess was
/// right. Lengths are not hidden.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        a.len() == b.len() && std::hint::black_box(a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y))) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_itself_and_compares() {
        let secret = Secret::new("sk-live-1");
        assert!(!format!("{secret:?} {secret}").contains("live"));
        assert_eq!(secret, Secret::new("sk-live-1"));
        assert_ne!(secret, Secret::new("sk-live-2"));
        assert_ne!(secret, Secret::new("sk-live"));
    }
}
