//! The elements of lists and mappings, without those that were found wrong before.

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::failure::Failure;
use super::node::{Entry, Node};
use super::path::Path;
use super::reader::Reader;

/// The items of a list.
pub(super) struct Items<'r, 'a> {
    reader: &'r Reader<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

/// The entries of a mapping.
pub(super) struct Entries<'r, 'a> {
    reader: &'r Reader<'a>,
    entries: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
}

// === impl Items ===

impl<'r, 'a> Items<'r, 'a> {
    pub(super) fn new(reader: &'r Reader<'a>, items: &'a [Node]) -> Self {
        Self { reader, items: items.iter().enumerate() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        for (index, node) in self.items.by_ref() {
            let path = Path::Index(&self.reader.path, index);
            if !self.reader.skips(node, path) {
                return seed.deserialize(self.reader.child(node, path)).map(Some);
            }
        }
        Ok(None)
    }
}

// === impl Entries ===

impl<'r, 'a> Entries<'r, 'a> {
    pub(super) fn new(reader: &'r Reader<'a>, entries: &'a [Entry]) -> Self {
        Self { reader, entries: entries.iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        for entry in self.entries.by_ref() {
            let path = Path::Key(&self.reader.path, &entry.key);
            if !self.reader.skips(&entry.value, path) {
                self.current = Some(entry);
                let key: StringDeserializer<Failure> = entry.key.clone().into_deserializer();
                let located = |failure: Failure| failure.at(|| (path.to_string(), entry.position));
                return seed.deserialize(key).map(Some).map_err(located);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let Some(entry) = self.current.take() else {
            return Err(Failure::new("a value was asked for before its key"));
        };
        let path = Path::Key(&self.reader.path, &entry.key);
        seed.deserialize(self.reader.child(&entry.value, path))
    }
}
