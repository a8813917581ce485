//! Reads tensors of a `model.safetensors`: a length, a table in JSON, and bytes.
//!
//! The format: <https://github.com/huggingface/safetensors#format>. Tensors are read one at a time, so that a model of 90 MB
//! never stands in memory as a whole.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

/// A file of tensors.
#[derive(Debug)]
pub(super) struct Tensors {
    file: File,
    table: HashMap<String, Entry>,
    /// Where the bytes of tensors begin, and how many there are.
    start: u64,
    size: u64,
    /// What stands before the names of this file: some models are saved with `bert.` before each.
    prefix: &'static str,
}

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// The limit that the reference implementation has for tables.
const LONGEST_TABLE: u64 = 100_000_000;

// === impl Tensors ===

impl Tensors {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let total = file.metadata()?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_TABLE || length.saturating_add(8) > total {
            return Err(invalid("the table of tensors is longer than the file"));
        }
        let mut table = vec![0; usize::try_from(length).map_err(|_| invalid("the table is too long"))?];
        file.read_exact(&mut table)?;
        let mut table: HashMap<String, serde_json::Value> = serde_json::from_slice(&table)?;
        table.remove("__metadata__");
        let entries = table.into_iter().map(|(name, entry)| Ok((name, serde_json::from_value(entry)?)));
        let table: HashMap<String, Entry> = entries.collect::<Result<_, serde_json::Error>>()?;
        let prefix = if table.keys().any(|name| name.starts_with("bert.")) { "bert." } else { "" };
        Ok(Self { file, table, start: 8 + length, size: total - 8 - length, prefix })
    }

    /// The numbers of a tensor of a certain shape, row by row. Half precision is widened.
    pub(super) fn read(&mut self, name: &str, shape: &[usize]) -> io::Result<Vec<f32>> {
        let name = format!("{}{name}", self.prefix);
        let entry = self.table.get(&name).ok_or_else(|| invalid(format!("there is no tensor `{name}`")))?;
        if entry.shape != shape {
            return Err(invalid(format!("the tensor `{name}` has the shape {:?}, not {shape:?}", entry.shape)));
        }
        let width = match entry.dtype.as_str() {
            "F32" => 4,
            "F16" | "BF16" => 2,
            other => return Err(invalid(format!("the tensor `{name}` is of {other}, not of F32, F16 or BF16"))),
        };
        let (from, to) = entry.data_offsets;
        let count: usize = shape.iter().product();
        if to > self.size || to.checked_sub(from) != Some((count * width) as u64) {
            return Err(invalid(format!("the tensor `{name}` is not where the table says")));
        }
        let mut bytes = vec![0; count * width];
        self.file.seek(SeekFrom::Start(self.start + from))?;
        self.file.read_exact(&mut bytes)?;
        let numbers: Vec<f32> = match entry.dtype.as_str() {
            "F32" => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            "F16" => bytes.as_chunks().0.iter().map(|bytes| half(u16::from_le_bytes(*bytes))).collect(),
            _ => bytes.as_chunks().0.iter().map(|bytes| brain(u16::from_le_bytes(*bytes))).collect(),
        };
        match numbers.iter().all(|number| number.is_finite()) {
            true => Ok(numbers),
            false => Err(invalid(format!("the tensor `{name}` has numbers that are none"))),
        }
    }
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2_f32.powi(-24),
        0x1f if fraction == 0.0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        _ => sign * (fraction + 1024.0) * 2_f32.powi(exponent - 25),
    }
}

/// The upper half of single precision.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(table: &str, bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let length = (table.len() as u64).to_le_bytes();
        std::fs::write(file.path(), [&length, table.as_bytes(), bytes].concat()).unwrap();
        file
    }

    #[track_caller]
    fn check_refused(table: &str, bytes: &[u8], expect: &str) {
        let file = file(table, bytes);
        let error = Tensors::open(file.path()).and_then(|mut tensors| tensors.read("a", &[2])).unwrap_err().to_string();
        assert!(error.contains(expect), "{error} for {table}");
    }

    #[test]
    fn numbers_of_every_width_are_read() {
        let table = r#"{"__metadata__": {"x": "y"},
            "bert.a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "bert.b": {"dtype": "F16", "shape": [5], "data_offsets": [8, 18]},
            "bert.c": {"dtype": "BF16", "shape": [1, 1], "data_offsets": [18, 20]}}"#;
        let mut bytes = [1.5_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat();
        for half in [0x3c00_u16, 0xc500, 0x0001, 0x7bff, 0x3f80] {
            bytes.extend(half.to_le_bytes());
        }
        bytes.extend(0x3f80_u16.to_le_bytes());
        let file = file(table, &bytes);
        let mut tensors = Tensors::open(file.path()).unwrap();
        assert_eq!(tensors.read("a", &[2]).unwrap(), [1.5, -2.0]);
        assert_eq!(tensors.read("b", &[5]).unwrap(), [1.0, -5.0, 2_f32.powi(-24), 65504.0, 1.875]);
        assert_eq!(tensors.read("c", &[1, 1]).unwrap(), [1.0]);
        assert!(tensors.read("d", &[1]).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let entry = |rest: &str| format!(r#"{{"a": {{"dtype": "F32", "shape": [2], "data_offsets": {rest}}}}}"#);
        check_refused(&entry("[0, 8]"), &[0; 7], "not where");
        check_refused(&entry("[8, 0]"), &[0; 8], "not where");
        check_refused(&entry("[0, 4]"), &[0; 8], "not where");
        check_refused(&entry("[0, 8]").replace("[2]", "[3]"), &[0; 8], "shape");
        check_refused(&entry("[0, 8]").replace("F32", "I64"), &[0; 8], "I64");
        check_refused(&entry("[0, 8]"), &f32::NAN.to_le_bytes().repeat(2), "none");
        check_refused("{", &[], "EOF");
        let short = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(short.path(), u64::MAX.to_le_bytes()).unwrap();
        assert!(Tensors::open(short.path()).is_err());
    }
}
