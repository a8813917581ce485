//! The list as it comes: names, and fields as the text of their JSON, so that no number goes through a float.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Result;

/// The models by the list's own names.
pub(super) type Source = BTreeMap<String, Entry>;

/// What the list says of a model.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Entry(BTreeMap<String, Box<RawValue>>);

pub(super) fn read(text: &str) -> Result<Source> {
    Ok(serde_json::from_str(text)?)
}

impl Entry {
    /// A member that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.get().strip_prefix('"')?.strip_suffix('"')
    }

    /// A member as the text of its JSON.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.get())
    }

    /// A number in a member that is an object.
    pub(super) fn nested(&self, name: &str, inner: &str) -> Option<String> {
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(self.raw(name)?).ok()?;
        Some(members.get(inner)?.get().to_owned())
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }
}
