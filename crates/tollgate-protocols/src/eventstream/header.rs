//! The headers of a frame: names with typed values.

use super::Fault;

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false; each has a type of its own on the wire.
    Bool(bool),
    /// An integer of one byte.
    Byte(i8),
    /// An integer of two bytes.
    Short(i16),
    /// An integer of four bytes.
    Int(i32),
    /// An integer of eight bytes.
    Long(i64),
    /// Up to 65,535 bytes.
    Bytes(&'a [u8]),
    /// Up to 65,535 bytes of UTF-8.
    Text(&'a str),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
}

/// The headers of a frame, in order.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

// === impl Value ===

impl<'a> Value<'a> {
    /// Reads type and value from the front.
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Some(match u8::from_be_bytes(array(from)?) {
            0 => Self::Bool(true),
            1 => Self::Bool(false),
            2 => Self::Byte(i8::from_be_bytes(array(from)?)),
            3 => Self::Short(i16::from_be_bytes(array(from)?)),
            4 => Self::Int(i32::from_be_bytes(array(from)?)),
            5 => Self::Long(i64::from_be_bytes(array(from)?)),
            6 => Self::Bytes(sized(from)?),
            7 => Self::Text(std::str::from_utf8(sized(from)?).ok()?),
            8 => Self::Timestamp(i64::from_be_bytes(array(from)?)),
            9 => Self::Uuid(array(from)?),
            _ => return None,
        })
    }

    /// Writes type and value.
    pub(super) fn put(self, into: &mut Vec<u8>) -> Result<(), Fault> {
        let (kind, fixed): (u8, &[u8]) = match &self {
            Self::Bool(true) => (0, &[]),
            Self::Bool(false) => (1, &[]),
            Self::Byte(value) => (2, &value.to_be_bytes()),
            Self::Short(value) => (3, &value.to_be_bytes()),
            Self::Int(value) => (4, &value.to_be_bytes()),
            Self::Long(value) => (5, &value.to_be_bytes()),
            Self::Bytes(value) => (6, *value),
            Self::Text(value) => (7, value.as_bytes()),
            Self::Timestamp(value) => (8, &value.to_be_bytes()),
            Self::Uuid(value) => (9, value),
        };
        into.push(kind);
        if matches!(self, Self::Bytes(_) | Self::Text(_)) {
            into.extend_from_slice(&u16::try_from(fixed.len()).map_err(|_| Fault::TooLarge)?.to_be_bytes());
        }
        into.extend_from_slice(fixed);
        Ok(())
    }
}

// === impl Headers ===

impl<'a> Headers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all of them can be read.
    pub(super) fn check(mut self) -> Result<(), Fault> {
        while !self.rest.is_empty() {
            take(&mut self.rest).ok_or(Fault::Headers)?;
        }
        Ok(())
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        take(&mut self.rest)
    }
}

/// Reads a header from the front.
fn take<'a>(from: &mut &'a [u8]) -> Option<(&'a str, Value<'a>)> {
    let length = u8::from_be_bytes(array(from)?);
    let name = std::str::from_utf8(slice(from, usize::from(length))?).ok()?;
    Some((name, Value::take(from)?))
}

fn sized<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(array(from)?);
    slice(from, usize::from(length))
}

fn slice<'a>(from: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

fn array<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}
