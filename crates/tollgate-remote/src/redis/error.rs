//! Why Redis did not answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A command was not carried out. Its kind is told by questions; its text names no address and no credential.
#[derive(Clone, Debug)]
pub struct RedisError {
    kind: Kind,
    message: Cow<'static, str>,
    source: Option<Arc<::redis::RedisError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Timeout,
    Unavailable,
    Configuration,
    Refused,
}

// === impl RedisError ===

impl RedisError {
    /// Whether the deadline passed first. Whether the command has been carried out is not known.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == Kind::Timeout
    }

    /// Whether the server could not be reached, or was not asked because it could not be reached a moment ago.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// Whether it will be the same until the configuration is another one.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind == Kind::Configuration
    }

    /// The deadline passed.
    #[must_use]
    pub fn timeout() -> Self {
        Self { kind: Kind::Timeout, message: "redis did not answer in time".into(), source: None }
    }

    /// The server could not be reached.
    #[must_use]
    pub fn unavailable(message: &'static str) -> Self {
        Self { kind: Kind::Unavailable, message: message.into(), source: None }
    }

    /// It will be the same until the configuration is another one.
    #[must_use]
    pub fn configuration(message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: Kind::Configuration, message: message.into(), source: None }
    }

    /// The server answered something that the command does not answer.
    #[must_use]
    pub fn unexpected() -> Self {
        Self { kind: Kind::Refused, message: "redis answered something unexpected".into(), source: None }
    }

    pub(crate) fn io(error: std::io::Error) -> Self {
        Self { source: Some(Arc::new(error.into())), ..Self::unavailable("redis could not be reached") }
    }

    /// What the server said when it refused, for those who must tell one refusal from another.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.source.as_ref().filter(|_| self.kind == Kind::Refused)?.detail()
    }

    /// Whether a script is not known to the server and must be sent in full.
    pub(crate) fn is_unknown_script(&self) -> bool {
        self.source.as_ref().and_then(|source| source.code()) == Some("NOSCRIPT")
    }
}

impl From<::redis::RedisError> for RedisError {
    fn from(error: ::redis::RedisError) -> Self {
        let is_away = matches!(error.code(), Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN"));
        let (kind, message) = if error.kind() == ::redis::ErrorKind::AuthenticationFailed {
            (Kind::Unavailable, "redis refused the credentials")
        } else if error.is_io_error() || error.is_unrecoverable_error() {
            (Kind::Unavailable, "the connection to redis broke")
        } else if is_away {
            (Kind::Unavailable, "redis is not ready")
        } else {
            (Kind::Refused, "redis refused a command")
        };
        Self { kind, message: message.into(), source: Some(Arc::new(error)) }
    }
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RedisError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
