//! Why an index did not answer.

use std::borrow::Cow;
use std::fmt;

use tollgate_core::BoxError;

/// An index did not do what it was asked. Its kind is told by questions; its text names no address and no credential.
#[derive(Debug)]
pub struct IndexError {
    kind: Kind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Timeout,
    Unavailable,
    Invalid,
    Refused,
}

// === impl IndexError ===

impl IndexError {
    /// Whether the deadline passed first.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
    }

    /// Whether the index could not be reached, or was not asked because it could not be reached a moment ago.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// Whether what was asked can never succeed: a vector that is zero, not finite, or of the wrong number of dimensions.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.kind == Kind::Invalid
    }

    /// The deadline passed.
    pub fn timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Timeout, message: message.into(), source: None }
    }

    /// The index could not be reached.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Unavailable, message: message.into(), source: None }
    }

    /// What was asked can never succeed.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Invalid, message: message.into(), source: None }
    }

    /// The index was there and would not do it.
    pub fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Refused, message: message.into(), source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn dimensions(expected: usize, found: usize) -> Self {
        Self::invalid(format!("the namespace has vectors of {expected} dimensions, this one has {found}"))
    }
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for IndexError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
