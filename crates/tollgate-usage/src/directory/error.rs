//! What can go wrong with a directory.

use std::fmt;

/// Why a directory did not do what it was asked. Its `Display` is safe to show to whoever manages the gateway: it holds no
/// secret and no address.
#[derive(Debug)]
pub struct DirectoryError {
    kind: Kind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NotFound,
    Exists,
    Conflict,
    Invalid,
    Unavailable,
}

// === impl DirectoryError ===

impl DirectoryError {
    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// Something else has the name already.
    pub fn exists(message: impl Into<String>) -> Self {
        Self::new(Kind::Exists, message)
    }

    /// Somebody else changed it meanwhile.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// What was given does not make sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// The store does not answer, or not as it should.
    pub fn unavailable(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into()), ..Self::new(Kind::Unavailable, message) }
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Whether there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// Whether something else has the name already.
    #[must_use]
    pub fn is_exists(&self) -> bool {
        self.kind == Kind::Exists
    }

    /// Whether somebody else changed it meanwhile; who reads it again may try again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == Kind::Conflict
    }

    /// Whether what was given does not make sense.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.kind == Kind::Invalid
    }

    /// Whether the store did not answer; nothing is known of what became of a change.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DirectoryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
