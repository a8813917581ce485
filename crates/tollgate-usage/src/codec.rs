//! A record in few bytes, for the journal.
//!
//! A byte for the version, then for each column that has a value its tag and the value. The tag is the number of the
//! column, doubled, plus one if a length and bytes follow instead of a number. Numbers are written seven bits to a byte, the
//! lowest first, as in Protocol Buffers. Whoever does not know a column passes over it, so that an older program reads what a
//! newer one has written; what it cannot read at all begins with another version.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::UsageRecord;
use crate::column::{COLUMNS, Kind, Value, blank};
use crate::varint::{read_varint, write_varint};

const VERSION: u8 = 1;

/// Bytes that are no record of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Appends a record.
pub(crate) fn encode(record: &UsageRecord, out: &mut Vec<u8>) {
    out.push(VERSION);
    for (number, column) in (0..).zip(COLUMNS) {
        match column.get(record) {
            Value::Null | Value::Flag(false) => {}
            Value::Flag(true) => {
                write_varint(out, number << 1);
                out.push(1);
            }
            Value::Integer(value) => {
                write_varint(out, number << 1);
                write_varint(out, value.unsigned_abs());
            }
            Value::Text(text) => {
                write_varint(out, number << 1 | 1);
                write_varint(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// Reads a record.
pub(crate) fn decode(mut bytes: &[u8]) -> Result<UsageRecord, Unreadable> {
    let rest = &mut bytes;
    if take(rest, 1)? != [VERSION] {
        return Err(Unreadable);
    }
    let mut record = blank();
    while !rest.is_empty() {
        let tag = read_varint(rest).ok_or(Unreadable)?;
        let number = read_varint(rest).ok_or(Unreadable)?;
        let has_bytes = tag & 1 == 1;
        let bytes = if has_bytes { take(rest, number)? } else { &[] };
        let column = usize::try_from(tag >> 1).ok().and_then(|number| COLUMNS.get(number));
        let Some(column) = column else { continue };
        let value = match (column.kind, has_bytes) {
            (Kind::Text, true) => Value::Text(Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| Unreadable)?)),
            (Kind::Integer, false) => Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
            (Kind::Flag, false) => Value::Flag(number != 0),
            _ => return Err(Unreadable),
        };
        column.set(&mut record, value);
    }
    Ok(record)
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Unreadable> {
    let length = usize::try_from(length).map_err(|_| Unreadable)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(Unreadable)?;
    *rest = after;
    Ok(bytes)
}

// === impl Unreadable ===

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a record of this version")
    }
}

impl Error for Unreadable {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_helpers::{full, sparse};

    fn json(record: &UsageRecord) -> String {
        let mut out = Vec::new();
        record.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_comes_back() {
        for record in [full(), sparse()] {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes);
            assert_eq!(json(&decode(&bytes).unwrap()), json(&record));
        }
    }

    #[test]
    fn columns_of_a_newer_version_are_passed_over() {
        let (record, mut bytes) = (full(), Vec::new());
        encode(&record, &mut bytes);
        write_varint(&mut bytes, 900 << 1);
        write_varint(&mut bytes, 5);
        write_varint(&mut bytes, 901 << 1 | 1);
        write_varint(&mut bytes, 3);
        bytes.extend_from_slice(b"new");
        assert_eq!(json(&decode(&bytes).unwrap()), json(&record));
    }

    #[test]
    fn what_is_no_record() {
        let mut bytes = Vec::new();
        encode(&full(), &mut bytes);
        for (what, bytes) in [
            ("nothing", &[][..]),
            ("another version", &[9, 0, 0]),
            ("cut off", &bytes[..bytes.len() - 1]),
            ("a length beyond the end", &[VERSION, 1, 200, 1, b'x']),
            ("a number where a text is due", &[VERSION, 0, 1]),
            ("no UTF-8", &[VERSION, 1, 1, 0xff]),
        ] {
            assert_eq!(decode(bytes).map(|_| ()), Err(Unreadable), "{what}");
        }
    }
}
