//! Thrift's compact protocol, in which Parquet describes itself: structs of numbered fields, each after the distance of its
//! number from the one before.

use crate::varint::write_varint;

/// A struct that is being written. Fields must come in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Compact {
    out: Vec<u8>,
    last: u8,
}

// The numbers of the types.
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

// === impl Compact ===

impl Compact {
    pub(super) fn i32(&mut self, field: u8, value: i32) {
        self.field(field, I32);
        self.integer(i64::from(value));
    }

    pub(super) fn i64(&mut self, field: u8, value: u64) {
        self.field(field, I64);
        self.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(super) fn text(&mut self, field: u8, text: &str) {
        self.field(field, BINARY);
        self.binary(text);
    }

    pub(super) fn i32s(&mut self, field: u8, values: &[i32]) {
        self.list(field, values.len(), I32);
        values.iter().for_each(|value| self.integer(i64::from(*value)));
    }

    pub(super) fn texts(&mut self, field: u8, texts: &[&str]) {
        self.list(field, texts.len(), BINARY);
        texts.iter().for_each(|text| self.binary(text));
    }

    pub(super) fn nested(&mut self, field: u8, write: impl FnOnce(&mut Self)) {
        self.field(field, STRUCT);
        self.structure(write);
    }

    /// A list of structs, each written by its index.
    pub(super) fn structs(&mut self, field: u8, count: usize, write: impl Fn(&mut Self, usize)) {
        self.list(field, count, STRUCT);
        (0..count).for_each(|index| self.structure(|out| write(out, index)));
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.push(0);
        self.out
    }

    fn structure(&mut self, write: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.last);
        write(self);
        self.out.push(0);
        self.last = outer;
    }

    /// All fields here follow each other closely enough for the short form.
    fn field(&mut self, field: u8, kind: u8) {
        self.out.push((field - self.last) << 4 | kind);
        self.last = field;
    }

    fn list(&mut self, field: u8, count: usize, kind: u8) {
        self.field(field, LIST);
        match u8::try_from(count) {
            Ok(short @ 0..15) => self.out.push(short << 4 | kind),
            _ => {
                self.out.push(0xf0 | kind);
                write_varint(&mut self.out, count as u64);
            }
        }
    }

    /// Zigzag, so that small numbers of either sign are short.
    fn integer(&mut self, value: i64) {
        write_varint(&mut self.out, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn binary(&mut self, text: &str) {
        write_varint(&mut self.out, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }
}
