//! Where the configuration comes from.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use super::document::Document;
use super::environment::{self, Variables};
use super::error::{ConfigError, ConfigErrors, Position};

/// A configuration file, a text, or nothing at all. Its `Debug` form leaves out the text, which may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Source(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Environment,
    File(PathBuf),
    Text { name: String, text: String },
}

// === impl Source ===

impl Source {
    /// An error about a setting that was checked and cannot be used nevertheless, with its line.
    pub(crate) fn wrong(&self, path: &str, message: &str) -> ConfigErrors {
        match self.document() {
            Ok(document) => document.error(path, message).into(),
            Err(errors) => errors,
        }
    }

    /// No file: everything comes from the environment.
    #[must_use]
    pub fn environment() -> Self {
        Self(Kind::Environment)
    }

    /// A file, which is read anew each time the configuration is loaded.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// YAML in memory, with the name that errors give it.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Kind::Text { name: name.into(), text: text.into() })
    }

    /// The file given on the command line, or else that of `TOLLGATE_CONFIG`, or else the environment.
    #[must_use]
    pub fn choose(flag: Option<PathBuf>, variables: &dyn Variables) -> Self {
        let named = || environment::value(variables, environment::CONFIG).map(PathBuf::from);
        flag.or_else(named).map_or_else(Self::environment, Self::file)
    }

    /// The file, if there is one, for whoever watches it.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::File(path) => Some(path),
            Kind::Environment | Kind::Text { .. } => None,
        }
    }

    /// Reads and parses the document.
    pub fn document(&self) -> Result<Document, ConfigErrors> {
        match &self.0 {
            Kind::Environment => Ok(Document::empty()),
            Kind::Text { name, text } => Document::parse(name, text),
            Kind::File(path) => {
                let name = path.display().to_string();
                let bytes = std::fs::read(path).map_err(|error| unreadable(&name, &error))?;
                Document::parse(&name, decode(&name, &bytes)?)
            }
        }
    }

    /// A hash of the contents, for a poller to compare with an earlier one of the same process. A file that cannot be
    /// read has one too, so that its return is a change.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint_with(&[])
    }

    /// The fingerprint of the contents and of further files, such as [`Config::key_files`](super::Config::key_files).
    #[must_use]
    pub fn fingerprint_with(&self, files: &[PathBuf]) -> u64 {
        let mut hasher = DefaultHasher::new();
        match &self.0 {
            Kind::Environment => {}
            Kind::Text { text, .. } => text.hash(&mut hasher),
            Kind::File(path) => std::fs::read(path).ok().hash(&mut hasher),
        }
        for file in files {
            std::fs::read(file).ok().hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> ConfigError {
    let error = match error.kind() {
        std::io::ErrorKind::NotFound => ConfigError::new(name, "", "no such file"),
        std::io::ErrorKind::IsADirectory => ConfigError::new(name, "", "this is a folder, not a file"),
        _ => return ConfigError::new(name, "", format!("cannot be read: {error}")),
    };
    error.with_hint("give the path of a YAML file with --config or TOLLGATE_CONFIG")
}

fn decode<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + String::from_utf8_lossy(&before[line_start..]).chars().count();
        ConfigError::new(name, "", "not UTF-8 text").at(Some(Position { line, column }))
    })
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Environment => f.write_str("Source::environment"),
            Kind::File(path) => write!(f, "Source::file({})", path.display()),
            Kind::Text { name, .. } => write!(f, "Source::text({name})"),
        }
    }
}
