//! Why a model could not be fetched.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

type Cause = Box<dyn error::Error + Send + Sync>;

/// A model could not be fetched. What has arrived of a file is kept, unless it is wrong, and the next attempt goes on from
/// there.
#[derive(Debug)]
pub struct FetchError(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Address(String),
    Connection { name: String, cause: Cause },
    Status { name: String, status: u16 },
    Redirects { name: String },
    Contents { name: String },
    File { path: PathBuf, cause: io::Error },
}

// === impl FetchError ===

impl FetchError {
    /// Whether the hub says that there is no such file, or that only some may have it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.0, Kind::Status { status: 401 | 403 | 404 | 410, .. })
    }

    /// Whether a file has arrived that is not the one that was asked for.
    #[must_use]
    pub fn is_wrong_contents(&self) -> bool {
        matches!(self.0, Kind::Contents { .. })
    }

    /// Whether trying again later may help: the connection broke off, or the hub has a problem.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.0, Kind::Connection { .. } | Kind::Status { status: 408 | 429 | 500.., .. })
    }

    pub(super) fn connection(name: &str, cause: impl Into<Cause>) -> Self {
        Self(Kind::Connection { name: name.to_owned(), cause: cause.into() })
    }

    pub(super) fn contents(name: &str) -> Self {
        Self(Kind::Contents { name: name.to_owned() })
    }

    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self(Kind::File { path: path.to_owned(), cause })
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Address(address) => write!(f, "`{address}` is no address of a hub of models"),
            Kind::Connection { name, .. } => write!(f, "{name} did not arrive as a whole"),
            Kind::Status { name, status } => write!(f, "the hub answered {status} when asked for {name}"),
            Kind::Redirects { name } => write!(f, "the hub sent from one place to another for {name}, without end"),
            Kind::Contents { name } => write!(f, "what arrived as {name} has not the expected checksum"),
            Kind::File { path, .. } => write!(f, "cannot write {}", path.display()),
        }
    }
}

impl error::Error for FetchError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Kind::Connection { cause, .. } => Some(&**cause),
            Kind::File { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
