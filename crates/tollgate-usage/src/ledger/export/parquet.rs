//! Apache Parquet, as its format specification (version 2.10) has it, and no more of it than records need: flat columns, each in
//! one page for each row group, with plain values and no compression. Every reader reads that, and it takes two hundred
//! lines where a library takes more than the gateway's whole ledger.

use super::thrift::Compact;
use crate::UsageRecord;
use crate::column::{COLUMNS, Column, Kind, Value};

/// Writes a file. Rows are gathered by column until there are enough for a group.
#[derive(Debug)]
pub(super) struct Parquet {
    columns: Vec<Values>,
    rows: usize,
    all_rows: usize,
    /// Bytes given out so far, because the end of the file says where everything is.
    written: usize,
    groups: Vec<Group>,
}

/// The values of a column in a group.
#[derive(Debug, Default)]
struct Values {
    /// Whether each row has a value, as runs of the same.
    levels: Vec<(bool, usize)>,
    plain: Vec<u8>,
    flags: usize,
}

#[derive(Debug)]
struct Group {
    rows: usize,
    /// Where the page of each column begins, and how long it is with its head.
    pages: Vec<(usize, usize)>,
}

/// Some megabytes: as many rows as are held in memory, and few enough groups for a reader of a month.
const ROWS: usize = 10_000;

const MAGIC: &[u8; 4] = b"PAR1";

// The numbers of the specification's enumerations.
const BOOLEAN: i32 = 0;
const INT64: i32 = 2;
const BYTE_ARRAY: i32 = 6;
const OPTIONAL: i32 = 1;
const UTF8: i32 = 0;
const TIMESTAMP_MICROS: i32 = 10;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const DATA_PAGE: i32 = 0;
const UNCOMPRESSED: i32 = 0;

// === impl Parquet ===

impl Parquet {
    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        self.put(MAGIC, out);
    }

    pub(super) fn record(&mut self, record: &UsageRecord, out: &mut Vec<u8>) {
        for (values, column) in self.columns.iter_mut().zip(COLUMNS) {
            values.push(column.get(record));
        }
        self.rows += 1;
        if self.rows == ROWS {
            self.end_group(out);
        }
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.end_group(out);
        let footer = self.footer();
        self.put(&footer, out);
        self.put(&length(&footer), out);
        self.put(MAGIC, out);
    }

    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.written += bytes.len();
    }

    fn end_group(&mut self, out: &mut Vec<u8>) {
        if self.rows == 0 {
            return;
        }
        let mut pages = Vec::new();
        for values in std::mem::replace(&mut self.columns, empty()) {
            let start = self.written;
            let page = values.page();
            self.put(&page_header(self.rows, page.len()), out);
            self.put(&page, out);
            pages.push((start, self.written - start));
        }
        self.groups.push(Group { rows: self.rows, pages });
        self.all_rows += std::mem::take(&mut self.rows);
    }

    /// `FileMetaData`
    fn footer(&self) -> Vec<u8> {
        let mut out = Compact::default();
        out.i32(1, 1);
        out.structs(2, COLUMNS.len() + 1, |out, index| match index.checked_sub(1) {
            None => {
                out.text(4, "usage");
                out.i32(5, i32::try_from(COLUMNS.len()).unwrap_or(i32::MAX));
            }
            Some(column) => schema_element(out, &COLUMNS[column]),
        });
        out.i64(3, self.all_rows as u64);
        out.structs(4, self.groups.len(), |out, index| self.groups[index].write(out));
        out.text(6, "tollgate");
        out.finish()
    }
}

impl Default for Parquet {
    fn default() -> Self {
        Self { columns: empty(), rows: 0, all_rows: 0, written: 0, groups: Vec::new() }
    }
}

fn empty() -> Vec<Values> {
    COLUMNS.iter().map(|_| Values::default()).collect()
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

fn physical_type(kind: Kind) -> i32 {
    match kind {
        Kind::Integer => INT64,
        Kind::Flag => BOOLEAN,
        Kind::Text => BYTE_ARRAY,
    }
}

fn schema_element(out: &mut Compact, column: &Column) {
    out.i32(1, physical_type(column.kind));
    out.i32(3, OPTIONAL);
    out.text(4, column.name);
    match column.kind {
        Kind::Text => out.i32(6, UTF8),
        Kind::Integer if column.name == "received_us" => out.i32(6, TIMESTAMP_MICROS),
        Kind::Integer | Kind::Flag => {}
    }
}

/// `PageHeader`
fn page_header(rows: usize, size: usize) -> Vec<u8> {
    let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let mut out = Compact::default();
    out.i32(1, DATA_PAGE);
    out.i32(2, number(size));
    out.i32(3, number(size));
    out.nested(5, |out| {
        out.i32(1, number(rows));
        out.i32(2, PLAIN);
        out.i32(3, RLE);
        out.i32(4, RLE);
    });
    out.finish()
}

// === impl Group ===

impl Group {
    /// `RowGroup`
    fn write(&self, out: &mut Compact) {
        out.structs(1, self.pages.len(), |out, index| {
            let (start, size) = self.pages[index];
            out.i64(2, start as u64);
            out.nested(3, |out| {
                out.i32(1, physical_type(COLUMNS[index].kind));
                out.i32s(2, &[PLAIN, RLE]);
                out.texts(3, &[COLUMNS[index].name]);
                out.i32(4, UNCOMPRESSED);
                out.i64(5, self.rows as u64);
                out.i64(6, size as u64);
                out.i64(7, size as u64);
                out.i64(9, start as u64);
            });
        });
        out.i64(2, self.pages.iter().map(|(_, size)| *size as u64).sum());
        out.i64(3, self.rows as u64);
    }
}

// === impl Values ===

impl Values {
    fn push(&mut self, value: Value<'_>) {
        let is_there = value != Value::Null;
        match self.levels.last_mut() {
            Some((same, count)) if *same == is_there => *count += 1,
            _ => self.levels.push((is_there, 1)),
        }
        match value {
            Value::Null => {}
            Value::Integer(number) => self.plain.extend_from_slice(&number.to_le_bytes()),
            Value::Flag(flag) => {
                if self.flags.is_multiple_of(8) {
                    self.plain.push(0);
                }
                if let Some(last) = self.plain.last_mut() {
                    *last |= u8::from(flag) << (self.flags % 8);
                }
                self.flags += 1;
            }
            Value::Text(text) => {
                self.plain.extend_from_slice(&length(text.as_bytes()));
                self.plain.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// The definition levels, run-length encoded at a width of one bit, and then the values.
    fn page(self) -> Vec<u8> {
        let mut levels = Vec::new();
        for (is_there, count) in self.levels {
            crate::varint::write_varint(&mut levels, (count as u64) << 1);
            levels.push(u8::from(is_there));
        }
        let mut page = length(&levels).to_vec();
        page.extend_from_slice(&levels);
        page.extend_from_slice(&self.plain);
        page
    }
}
