//! Names and texts, as paths and queries have them, to a type.
//!
//! Strict: what a type does not name, what is given twice and what cannot be read is an error that names the parameter.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::value::{MapAccessDeserializer, SeqDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Failure;

/// The parameters of a query, decoded.
///
/// # Errors
/// If one is not UTF-8.
pub(super) fn of_query(query: &str) -> Result<Vec<(Cow<'static, str>, String)>, Failure> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(&name.replace('+', " "))?.into(), decode(&value.replace('+', " "))?))
        })
        .collect()
}

/// A part of a path or of a query without its percent signs.
///
/// # Errors
/// If it is not UTF-8.
pub(super) fn decode(text: &str) -> Result<String, Failure> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded =
        decoded.map_err(|_| Failure::new(super::Kind::Invalid, "The path or the query is not UTF-8 text."))?;
    Ok(decoded.into_owned())
}

/// Reads a type from pairs.
///
/// # Errors
/// Whatever is wrong with the first pair that is wrong.
pub(super) fn read<'de, T: Deserialize<'de>>(pairs: Vec<(Cow<'static, str>, String)>) -> Result<T, Failure> {
    let pairs = Pairs { rest: pairs.into_iter(), value: None };
    T::deserialize(MapAccessDeserializer::new(pairs)).map_err(|invalid| match invalid.param {
        Some(param) => Failure::invalid(param, invalid.message),
        None => Failure::new(super::Kind::Invalid, invalid.message),
    })
}

/// The pairs, one after the other.
struct Pairs {
    rest: std::vec::IntoIter<(Cow<'static, str>, String)>,
    /// The value of the name that was given out last.
    value: Option<Text>,
}

/// A value with its name, to be read as whatever is wanted.
struct Text {
    name: Cow<'static, str>,
    value: String,
}

/// What is wrong, and with which parameter.
#[derive(Debug)]
struct Invalid {
    param: Option<String>,
    message: String,
}

// === impl Pairs ===

impl<'de> MapAccess<'de> for Pairs {
    type Error = Invalid;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Invalid> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(Text { name: name.clone(), value });
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Invalid> {
        let text = self.value.take().ok_or_else(|| serde::de::Error::custom("a value without a name"))?;
        let name = text.name.clone();
        // A type only says what is wrong, not where.
        seed.deserialize(text).map_err(|invalid| match invalid.param {
            Some(_) => invalid,
            None => Invalid::of(&name, format!("`{name}`: {}.", invalid.message)),
        })
    }
}

// === impl Text ===

impl Text {
    fn parse<T: std::str::FromStr>(&self, expected: &str) -> Result<T, Invalid> {
        self.value.parse().map_err(|_| Invalid::of(&self.name, format!("`{}` must be {expected}.", self.name)))
    }
}

impl<'de> IntoDeserializer<'de, Invalid> for Text {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Methods that read a text as a number or a truth value.
macro_rules! parsed {
    ($($method:ident $visit:ident $expected:literal,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
            visitor.$visit(self.parse($expected)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Text {
    type Error = Invalid;

    parsed! {
        deserialize_bool visit_bool "true or false",
        deserialize_u16 visit_u16 "a whole number that is not negative",
        deserialize_u32 visit_u32 "a whole number that is not negative",
        deserialize_u64 visit_u64 "a whole number that is not negative",
        deserialize_i64 visit_i64 "a whole number",
        deserialize_f32 visit_f32 "a number",
        deserialize_f64 visit_f64 "a number",
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        visitor.visit_string(self.value)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Invalid> {
        visitor.visit_newtype_struct(self)
    }

    /// A list is written with commas.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        let parts = self.value.split(',').filter(|part| !part.is_empty());
        let parts = parts.map(|part| Self { name: self.name.clone(), value: part.to_owned() });
        visitor.visit_seq(SeqDeserializer::new(parts))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        visitor.visit_enum(self.value.into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier
        ignored_any
    }
}

// === impl Invalid ===

impl Invalid {
    fn of(param: &str, message: String) -> Self {
        Self { param: Some(param.to_owned()), message }
    }
}

impl serde::de::Error for Invalid {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { param: None, message: message.to_string() }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let message = match expected {
            [] => format!("There is no parameter `{field}` here, nor any other."),
            names => format!("There is no parameter `{field}` here; there are {}.", names.join(", ")),
        };
        Self::of(field, message)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(field, format!("The parameter `{field}` is missing."))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(field, format!("The parameter `{field}` is given twice."))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self { param: None, message: format!("must be one of {}", expected.join(", ")) }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Red,
        Green,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        number: Option<u32>,
        #[serde(default)]
        flag: bool,
        #[serde(default)]
        colors: Vec<Color>,
        text: Option<String>,
    }

    #[track_caller]
    fn check(query: &str, expect: Result<Asked, &str>) {
        let read = of_query(query).and_then(read::<Asked>);
        match (read, expect) {
            (Ok(read), Ok(expect)) => assert_eq!(read, expect),
            (Err(failure), Err(expect)) => assert!(format!("{failure:?}").contains(expect), "{failure:?}"),
            (read, expect) => panic!("{read:?} is not {expect:?}"),
        }
    }

    #[test]
    fn queries_are_read_strictly() {
        let none = || Asked { number: None, flag: false, colors: Vec::new(), text: None };
        check("", Ok(none()));
        check("number=7&flag=true", Ok(Asked { number: Some(7), flag: true, ..none() }));
        check(
            "colors=red,green&text=a%20b+c",
            Ok(Asked { colors: vec![Color::Red, Color::Green], text: Some("a b c".to_owned()), ..none() }),
        );
        check("number=-1", Err("`number` must be a whole number that is not negative."));
        check("number=", Err("`number` must be"));
        check("number=1&number=2", Err("The parameter `number` is given twice."));
        check("flag=yes", Err("`flag` must be true or false."));
        check("colors=red,blue", Err("`colors`: must be one of red, green."));
        check("other=1", Err("There is no parameter `other` here; there are number, flag, colors, text."));
        check("text=%ff", Err("not UTF-8"));
    }
}
