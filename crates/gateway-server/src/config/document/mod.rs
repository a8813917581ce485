//! YAML documents that remember where everything stands.
//!
//! A document is read in three steps, so that each error is about one thing: [`Document::parse`] checks the syntax and
//! refuses duplicate keys, [`Document::read`] expands the variables and fills the types, and [`Document::locate`] lets
//! whoever checks the meaning afterwards point at the line.
//!
//! Reading does not stop at the first mistake: unset variables, unknown keys and wrong types of the whole file are
//! reported together, because a file that is corrected one restart at a time is a nuisance.

mod access;
mod expand;
mod failure;
mod node;
mod parse;
mod path;
mod reader;
mod suggest;

use std::fmt;

use serde::de::DeserializeOwned;

pub(super) use failure::SECRET_NEWTYPE;
pub(super) use suggest::suggest;

use crate::config::environment::Variables;
use crate::config::error::{ConfigError, ConfigErrors, Position};
use node::{Node, Value};
use reader::Reader;

/// A parsed document. Its `Debug` form is only its name, since a document may hold secrets.
#[derive(Clone)]
pub struct Document {
    file: String,
    root: Option<Node>,
}

// === impl Document ===

impl Document {
    /// Parses YAML; `file` is the name that errors give.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigErrors> {
        Ok(Self { file: file.to_owned(), root: parse::parse(file, text)? })
    }

    /// A document without any key.
    #[must_use]
    pub fn empty() -> Self {
        Self { file: String::new(), root: None }
    }

    /// Expands `${VAR}` and fills a type whose fields all have defaults.
    pub fn read<T: DeserializeOwned + Default>(&self, variables: &dyn Variables) -> Result<T, ConfigErrors> {
        let mut errors = Vec::new();
        let Some(mut root) = self.root.clone() else {
            return Ok(T::default());
        };
        expand::expand(&self.file, &mut root, "", variables, &mut errors);
        let value = reader::read(&Reader::root(&root), &self.file, &mut errors);
        ConfigErrors::check(errors)?;
        Ok(value.unwrap_or_default())
    }

    /// Where a value stands, by its dotted path: `providers.openai.models[2]`. A scalar is pointed at itself, a list or
    /// a mapping at its key.
    #[must_use]
    pub fn locate(&self, path: &str) -> Option<Position> {
        let place = find(self.root.as_ref()?, path)?;
        let collection = matches!(place.node.value, Value::Sequence(_) | Value::Mapping(_));
        // Nothing was written for a null, so its own place is often that of the next key.
        let key = place.key.filter(|_| collection || place.node.is_null());
        Some(key.unwrap_or(place.node.position))
    }

    /// Where a key stands, by its dotted path.
    #[must_use]
    pub fn locate_key(&self, path: &str) -> Option<Position> {
        find(self.root.as_ref()?, path)?.key
    }

    /// A mistake in the value at `path`, or in the nearest thing around it if there is no such key.
    #[must_use]
    pub fn error(&self, path: &str, message: impl Into<String>) -> ConfigError {
        let position = ancestors(path).find_map(|path| self.locate(path));
        ConfigError::new(&self.file, path, message).at(position)
    }

    /// A mistake in the key at `path`.
    #[must_use]
    pub fn key_error(&self, path: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::new(&self.file, path, message).at(self.locate_key(path))
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("file", &self.file).finish_non_exhaustive()
    }
}

struct Place<'a> {
    key: Option<Position>,
    node: &'a Node,
}

/// Follows a dotted path. Keys may hold dots themselves (`aliases.gpt-4.1`), so every key that fits is tried.
fn find<'a>(node: &'a Node, path: &str) -> Option<Place<'a>> {
    if path.is_empty() { Some(Place { key: None, node }) } else { below(node, path) }
}

/// Like [`find`], but for a path that has at least one more key, even if that is the empty one.
fn below<'a>(node: &'a Node, path: &str) -> Option<Place<'a>> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().find_map(|entry| {
            let rest = path.strip_prefix(entry.key.as_str())?;
            match rest.as_bytes().first() {
                None => Some(Place { key: Some(entry.position), node: &entry.value }),
                Some(b'.') => below(&entry.value, &rest[1..]),
                Some(b'[') => below(&entry.value, rest),
                Some(_) => None,
            }
        }),
        Value::Sequence(items) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            let item = items.get(index.parse::<usize>().ok()?)?;
            match rest.strip_prefix('.') {
                Some(rest) => below(item, rest),
                None => find(item, rest),
            }
        }
        Value::Scalar(_) | Value::Broken => None,
    }
}

/// The path itself and every shorter one.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind(['.', '[']).map(|end| &path[..end]))
}

#[cfg(test)]
mod tests;
