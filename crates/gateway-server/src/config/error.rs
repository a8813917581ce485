//! What is wrong with a configuration, and where.

use std::fmt;

/// A place in a configuration file, both counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One mistake in the configuration.
///
/// Displays as `tollgate.yaml:12:5: providers.openai.bse_url: unknown key; did you mean `base_url`?`. No message holds
/// the value of a secret or of a variable, because start-up errors end up in logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file as it was named, or [`ConfigError::ENVIRONMENT`] or [`ConfigError::COMMAND_LINE`].
    pub file: String,
    /// Where in the file; none for variables, flags and a file that cannot be read.
    pub position: Option<Position>,
    /// The dotted path of the key (`providers.openai.base_url`), the variable or the flag; empty if there is none.
    pub key: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Every mistake that was found, never empty, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

// === impl ConfigError ===

impl ConfigError {
    /// The `file` of a mistake in an environment variable.
    pub const ENVIRONMENT: &str = "environment";

    /// The `file` of a mistake in a command-line flag.
    pub const COMMAND_LINE: &str = "command line";

    /// A mistake without a position, in a file or another source.
    pub fn new(file: &str, key: &str, message: impl Into<String>) -> Self {
        let (file, key) = (file.to_owned(), key.to_owned());
        Self { file, position: None, key, message: message.into(), hint: None }
    }

    /// A mistake in an environment variable.
    pub fn environment(variable: &str, message: impl Into<String>) -> Self {
        Self::new(Self::ENVIRONMENT, variable, message)
    }

    /// The same mistake, at a position of its file.
    #[must_use]
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// The same mistake with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The line, counted from one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.position.map(|position| position.line)
    }

    /// The column, counted from one.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.position.map(|position| position.column)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for ConfigError {}

// === impl ConfigErrors ===

impl ConfigErrors {
    /// The mistakes one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }

    /// `Ok` if there are no mistakes.
    pub(super) fn check(mut errors: Vec<ConfigError>) -> Result<(), Self> {
        if errors.is_empty() {
            return Ok(());
        }
        // Those without a position go last, since what is wrong in the file is often their cause.
        errors.sort_by_key(|error| (error.position.is_none(), error.position));
        Err(Self(errors))
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
