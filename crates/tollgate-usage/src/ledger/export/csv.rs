//! Values separated by commas.

use std::io::Write;

use crate::UsageRecord;
use crate::column::{COLUMNS, Value};

/// Writes lines.
#[derive(Debug, Default)]
pub(super) struct Csv;

/// Spreadsheets take a text that begins with one of these for a formula. Names come from clients, so such a text gets an
/// apostrophe before it, which spreadsheets take for "this is text".
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

// === impl Csv ===

impl Csv {
    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        for (index, column) in COLUMNS.iter().enumerate() {
            separate(index, out);
            out.extend_from_slice(column.name.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    pub(super) fn record(&self, record: &UsageRecord, out: &mut Vec<u8>) {
        for (index, column) in COLUMNS.iter().enumerate() {
            separate(index, out);
            match column.get(record) {
                Value::Null => {}
                // Writing to a vector does not fail.
                Value::Integer(number) => drop(write!(out, "{number}")),
                Value::Flag(flag) => drop(write!(out, "{flag}")),
                Value::Text(text) => write_text(&text, out),
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// In quotes where RFC 4180 wants them; also the empty text, which would look like no text.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let guard = if text.starts_with(FORMULA) { "'" } else { "" };
    if !text.is_empty() && !text.contains(['"', ',', '\r', '\n']) {
        out.extend_from_slice(guard.as_bytes());
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(guard.as_bytes());
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, expect) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@a,b", "\"'@a,b\""),
        ] {
            let mut out = Vec::new();
            write_text(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        }
    }
}
