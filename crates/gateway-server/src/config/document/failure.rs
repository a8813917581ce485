//! What goes wrong inside serde, before it is known to be an error of the file.

use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};

use super::node::Node;
use super::suggest::suggest;
use crate::config::error::{ConfigError, Position};

/// The name by which a newtype tells the reader that its value is a secret.
pub(crate) const SECRET_NEWTYPE: &str = "$tollgate::Secret";

/// A failure to read a value. It gets its place on the way out of the innermost value that it is about.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) place: Option<(String, Position)>,
    /// The value was of the right type but not of the right form, so that showing it helps.
    show: bool,
}

// === impl Failure ===

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, place: None, show: false }
    }

    /// The type does not fit.
    pub(super) fn mismatch(expected: &str, found: &Node) -> Self {
        Self::new(format!("expected {expected}, found {}", found.describe()))
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the offending text, which the caller knows to be neither secret nor from a variable.
    pub(super) fn showing(mut self, text: &str) -> Self {
        if std::mem::take(&mut self.show) {
            self.message = format!("{}, found `{text}`", self.message);
        }
        self
    }

    /// Gives the place, unless a more exact one is known.
    pub(super) fn at(mut self, place: impl FnOnce() -> (String, Position)) -> Self {
        self.place.get_or_insert_with(place);
        self
    }

    pub(super) fn into_error(self, file: &str) -> ConfigError {
        let (key, position) = self.place.unzip();
        let error = ConfigError::new(file, &key.unwrap_or_default(), self.message).at(position);
        ConfigError { hint: self.hint, ..error }
    }
}

/// The constructors serde's generated code calls. Serde's own texts are replaced, because they name Rust types and
/// repeat the value.
impl Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Self { show: true, ..Self::new(message.to_string()) }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self { show: true, ..Self::new(format!("expected {}", plainly(expected))) }
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self { show: true, ..Self::new(format!("expected {}", plainly(expected))) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("expected one of {}", expected.join(", "));
        let failure = Self { show: true, ..Self::new(message) };
        // A hint that begins with "allowed" would say the same once more.
        match suggest(variant, expected.iter().copied()) {
            hint if hint.starts_with("did") => failure.with_hint(hint),
            _ => failure,
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new("unknown key").with_hint(suggest(field, expected.iter().copied()))
    }
}

fn plainly(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number in range, of 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number in range".to_owned(),
        other => other.to_owned(),
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
