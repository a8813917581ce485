//! A serde deserializer over the nodes of a document.

use std::cell::RefCell;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use super::access::{Entries, Items};
use super::failure::{Failure, SECRET_NEWTYPE};
use super::node::{Kind, Node, Scalar, Value};
use super::path::{Path, Skip};
use super::suggest::suggest;
use crate::config::error::{ConfigError, Position};

/// Enough to correct a file in one go; more would be noise.
const MAX_ERRORS: usize = 50;

/// Reads a value and appends every mistake on the way to `errors`; `None` if not even the outermost type fits.
///
/// Serde's generated code ends at the first error. Reading therefore starts anew after each one and passes over what
/// was wrong, which is possible because every key has a default.
pub(super) fn read<T: DeserializeOwned>(reader: &Reader<'_>, file: &str, errors: &mut Vec<ConfigError>) -> Option<T> {
    let skip = RefCell::new(Skip::default());
    let value = loop {
        let failure = match T::deserialize(Reader { skip: Some(&skip), ..*reader }) {
            Ok(value) => break Some(value),
            Err(failure) => failure.at(|| (reader.path.to_string(), reader.node.position)),
        };
        let path = failure.place.as_ref().map(|(path, _)| path.clone()).unwrap_or_default();
        let mut skip = skip.borrow_mut();
        skip.failures.push(failure);
        if !skip.paths.insert(path) || skip.paths.contains("") || skip.failures.len() >= MAX_ERRORS {
            break None;
        }
    };
    errors.extend(skip.into_inner().failures.into_iter().map(|failure| failure.into_error(file)));
    value
}

/// A node with the path that led to it.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    node: &'a Node,
    pub(super) path: Path<'a>,
    skip: Option<&'a RefCell<Skip>>,
    secret: bool,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, path: Path::Root, skip: None, secret: false }
    }

    pub(super) fn child<'b>(&self, node: &'b Node, path: Path<'b>) -> Reader<'b>
    where
        'a: 'b,
    {
        Reader { node, path, skip: self.skip, secret: self.secret }
    }

    /// Whether a node is to be passed over, because it was reported already.
    pub(super) fn skips(&self, node: &Node, path: Path<'_>) -> bool {
        let reported = |skip: &RefCell<Skip>| skip.borrow().paths.contains(&path.to_string());
        matches!(node.value, Value::Broken) || self.skip.is_some_and(reported)
    }

    fn report(&self, failure: Failure, path: Path<'_>, position: Position) {
        let Some(skip) = self.skip else { return };
        let path = path.to_string();
        let mut skip = skip.borrow_mut();
        if skip.paths.insert(path.clone()) {
            skip.failures.push(failure.at(|| (path, position)));
        }
    }

    fn located(&self, failure: Failure) -> Failure {
        failure.at(|| (self.path.to_string(), self.node.position))
    }

    fn mismatch(&self, expected: &str) -> Failure {
        self.located(Failure::mismatch(expected, self.node))
    }

    /// Completes what a visitor found wrong with a scalar.
    fn refused(&self, failure: Failure, scalar: &Scalar) -> Failure {
        let failure = self.located(failure);
        if self.secret || scalar.expanded { failure } else { failure.showing(&scalar.text) }
    }

    fn scalar(&self, expected: &str) -> Result<&'a Scalar, Failure> {
        match &self.node.value {
            Value::Scalar(scalar) => Ok(scalar),
            _ => Err(self.mismatch(expected)),
        }
    }

    /// The text of a scalar. One that was expanded is taken as it is, since a key or a name may well be all digits.
    fn text(&self) -> Result<&'a Scalar, Failure> {
        let scalar = self.scalar("a string")?;
        match scalar.kind() {
            Kind::Text => Ok(scalar),
            Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) if scalar.expanded => Ok(scalar),
            Kind::Null => Err(self.mismatch("a string")),
            Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) => {
                Err(self.mismatch("a string").with_hint("put it in quotes"))
            }
        }
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let scalar = self.scalar("a whole number")?;
        let Kind::Integer(number) = scalar.kind() else {
            return Err(self.mismatch("a whole number"));
        };
        visit_integer(number, visitor).map_err(|failure| self.refused(failure, scalar))
    }

    fn sequence<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let items = match &self.node.value {
            Value::Sequence(items) => items.as_slice(),
            _ if self.node.is_null() => &[],
            _ => return Err(self.mismatch("a list")),
        };
        visitor.visit_seq(Items::new(&self, items))
    }

    /// Reads a mapping; a struct gives its `fields`, and all keys besides them are reported at once.
    fn mapping<'de, V: Visitor<'de>>(self, fields: Option<&[&str]>, visitor: V) -> Result<V::Value, Failure> {
        let entries = match &self.node.value {
            Value::Mapping(entries) => entries.as_slice(),
            // A section whose keys are all commented out.
            _ if self.node.is_null() => &[],
            _ => return Err(self.mismatch("a mapping")),
        };
        for entry in entries {
            if let Some(fields) = fields.filter(|fields| !fields.contains(&entry.key.as_str())) {
                let failure = Failure::new("unknown key").with_hint(suggest(&entry.key, fields.iter().copied()));
                self.report(failure, Path::Key(&self.path, &entry.key), entry.position);
            }
        }
        visitor.visit_map(Entries::new(&self, entries))
    }
}

fn visit_integer<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, Failure> {
    match (u64::try_from(number), i64::try_from(number)) {
        (Ok(number), _) => visitor.visit_u64(number),
        (_, Ok(number)) => visitor.visit_i64(number),
        _ => Err(Failure::new("the number is too large")),
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.integer(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let scalar = match &self.node.value {
            Value::Scalar(scalar) => scalar,
            Value::Sequence(_) => return self.sequence(visitor),
            Value::Mapping(_) => return self.mapping(None, visitor),
            Value::Broken => return visitor.visit_unit(),
        };
        let result = match scalar.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(value),
            Kind::Integer(number) => visit_integer(number, visitor),
            Kind::Float(number) => visitor.visit_f64(number),
            Kind::Text => visitor.visit_str(&scalar.text),
        };
        result.map_err(|failure| self.refused(failure, scalar))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Kind::Bool(value) = self.scalar("true or false")?.kind() else {
            return Err(self.mismatch("true or false"));
        };
        visitor.visit_bool(value)
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let scalar = self.text()?;
        visitor.visit_str(&scalar.text).map_err(|failure| self.refused(failure, scalar))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(Self { secret: self.secret || name == SECRET_NEWTYPE, ..self })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.sequence(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.mapping(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.mapping(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let scalar = self.text()?;
        let variant: StrDeserializer<'_, Failure> = scalar.text.as_str().into_deserializer();
        visitor.visit_enum(variant).map_err(|failure| self.refused(failure, scalar))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
