//! Records as files for spreadsheets, scripts and data warehouses.
//!
//! An [`Export`] reads the ledger page by page and gives pieces of the file, so that it takes little memory however many
//! records there are. All three forms have the columns of [`COLUMNS`](crate::COLUMNS), but for the names and units of lines of
//! JSON, which are those of the usage log.

mod csv;
mod parquet;
mod thrift;

use std::fmt;
use std::sync::Arc;

use self::csv::Csv;
use self::parquet::Parquet;
use super::{LedgerReader, RecordQuery};
use crate::UsageRecord;
use crate::database::DatabaseError;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Values separated by commas, as RFC 4180 has them, under a line of names.
    Csv,
    /// A JSON object in each line.
    JsonLines,
    /// Apache Parquet, not compressed.
    Parquet,
}

/// A file in the making.
pub struct Export {
    ledger: Arc<dyn LedgerReader>,
    query: RecordQuery,
    encoder: Encoder,
    progress: Progress,
}

enum Encoder {
    Csv(Csv),
    JsonLines,
    Parquet(Box<Parquet>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Begin,
    Middle,
    End,
    Over,
}

/// Records that are read at once.
const PAGE: usize = 1000;

// === impl Format ===

impl Format {
    /// The form of a word: `csv`, `jsonl` or `parquet`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Csv, Self::JsonLines, Self::Parquet].into_iter().find(|format| format.extension() == word)
    }

    /// What names of such files end in.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// The media type of such files.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

// === impl Export ===

impl Export {
    /// A file of all records that a query asks for, those received last first. The limit of the query is not looked at.
    #[must_use]
    pub fn new(ledger: Arc<dyn LedgerReader>, query: RecordQuery, format: Format) -> Self {
        let encoder = match format {
            Format::Csv => Encoder::Csv(Csv),
            Format::JsonLines => Encoder::JsonLines,
            Format::Parquet => Encoder::Parquet(Box::default()),
        };
        Self { ledger, query: RecordQuery { limit: PAGE, ..query }, encoder, progress: Progress::Begin }
    }

    /// The next piece of the file, which may be empty; `None` after its end.
    ///
    /// # Errors
    /// If the ledger does not answer. The same piece can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, DatabaseError> {
        let mut out = Vec::new();
        match self.progress {
            Progress::Begin => {
                self.encoder.begin(&mut out);
                self.progress = Progress::Middle;
            }
            Progress::Middle => {
                let page = self.ledger.records(&self.query).await?;
                page.records.iter().for_each(|record| self.encoder.record(record, &mut out));
                self.query.after = page.next;
                if page.next.is_none() {
                    self.progress = Progress::End;
                }
            }
            Progress::End => {
                self.encoder.end(&mut out);
                self.progress = Progress::Over;
            }
            Progress::Over => return Ok(None),
        }
        Ok(Some(out))
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("query", &self.query).field("progress", &self.progress).finish_non_exhaustive()
    }
}

// === impl Encoder ===

impl Encoder {
    fn begin(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Csv(csv) => csv.begin(out),
            Self::JsonLines => {}
            Self::Parquet(parquet) => parquet.begin(out),
        }
    }

    fn record(&mut self, record: &UsageRecord, out: &mut Vec<u8>) {
        match self {
            Self::Csv(csv) => csv.record(record, out),
            Self::JsonLines => {
                record.write_json(out);
                out.push(b'\n');
            }
            Self::Parquet(parquet) => parquet.record(record, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Csv(_) | Self::JsonLines => {}
            Self::Parquet(parquet) => parquet.end(out),
        }
    }
}

#[cfg(test)]
mod tests;
