//! Why a model cannot be opened.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// A model cannot be opened.
#[derive(Debug)]
pub struct OpenError(Kind);

#[derive(Debug)]
enum Kind {
    Read { path: PathBuf, cause: io::Error },
    Unsupported(String),
}

// === impl OpenError ===

impl OpenError {
    /// Whether a file of the model is not there, so that fetching it would help.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(&self.0, Kind::Read { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self(Kind::Read { path: path.to_owned(), cause })
    }

    pub(crate) fn unsupported(problem: String) -> Self {
        Self(Kind::Unsupported(problem))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Read { path, .. } => write!(f, "cannot read {} of the embedding model", path.display()),
            Kind::Unsupported(problem) => write!(f, "not an embedding model of the supported kind: {problem}"),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Kind::Read { cause, .. } => Some(cause),
            Kind::Unsupported(_) => None,
        }
    }
}
