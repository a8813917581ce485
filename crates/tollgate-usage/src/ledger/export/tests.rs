//! Exports, read by others.

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, Row};

use super::*;
use crate::Ledger;
use crate::column::{COLUMNS, Value};
use crate::ledger::MemoryLedger;
use crate::test_helpers::{full, sparse};

/// A ledger of so many records, full ones and sparse ones.
fn ledger(count: usize) -> Arc<MemoryLedger> {
    let ledger = MemoryLedger::new(count, 1000);
    for number in 0..count {
        let mut record = if number % 3 == 0 { sparse() } else { full() };
        record.request_id = format!("r-{number}").into();
        record.received_at += std::time::Duration::from_millis(number as u64);
        ledger.record(&record);
    }
    Arc::new(ledger)
}

async fn export(ledger: &Arc<MemoryLedger>, format: Format) -> Vec<u8> {
    let mut export = Export::new(ledger.clone(), RecordQuery::first(1), format);
    let mut file = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        file.extend(piece);
    }
    file
}

fn newest_first(ledger: &MemoryLedger) -> Vec<UsageRecord> {
    ledger.recent(usize::MAX)
}

#[tokio::test]
async fn lines_of_json() {
    let ledger = ledger(2500);
    let file = export(&ledger, Format::JsonLines).await;
    let lines: Vec<serde_json::Value> =
        file.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!(lines.len(), 2500);
    assert_eq!((&lines[0]["request_id"], &lines[2499]["request_id"]), (&"r-2499".into(), &"r-0".into()));
}

#[tokio::test]
async fn values_separated_by_commas() {
    let file = String::from_utf8(export(&ledger(1200), Format::Csv).await).unwrap();
    let lines: Vec<&str> = file.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1201);
    assert!(lines[0].starts_with("request_id,received_us,key,path,tags,operation,stream,provider"), "{}", lines[0]);
    let shown = lines.iter().find(|line| line.starts_with("r-1,")).unwrap();
    assert!(shown.contains(r#","{""team"":""a \""quoted\"" one"",""app"":""ü""}","#), "{shown}");
    assert!(shown.contains(",1000,50,100,0,20,1,2,true,flex,123456,openai/gpt-4o@1,7,hit,semantic,5,6,"), "{shown}");
}

#[tokio::test]
async fn parquet_as_its_own_library_reads_it() {
    // More than a group, and a group that is not full.
    let ledger = ledger(25_000);
    let file = bytes::Bytes::from(export(&ledger, Format::Parquet).await);
    let reader = SerializedFileReader::new(file).unwrap();
    assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (3, 25_000));
    let rows: Vec<Row> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let records = newest_first(&ledger);
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(&records) {
        for ((name, field), column) in row.get_column_iter().zip(COLUMNS) {
            assert_eq!(name, column.name);
            let same = match (field, column.get(record)) {
                (Field::Null, Value::Null) => true,
                (Field::Long(a) | Field::TimestampMicros(a), Value::Integer(b)) => *a == b,
                (Field::Bool(a), Value::Flag(b)) => *a == b,
                (Field::Str(a), Value::Text(b)) => *a == b,
                _ => false,
            };
            assert!(same, "{name}: {field:?} is not {:?}", column.get(record));
        }
    }
}

#[tokio::test]
async fn nothing_is_a_file_too() {
    let nothing = ledger(0);
    assert!(export(&nothing, Format::JsonLines).await.is_empty());
    assert_eq!(export(&nothing, Format::Csv).await.split(|byte| *byte == b'\n').count(), 2);
    let reader = SerializedFileReader::new(bytes::Bytes::from(export(&nothing, Format::Parquet).await)).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}

#[test]
fn words() {
    assert_eq!(Format::parse("parquet"), Some(Format::Parquet));
    assert_eq!(Format::parse("jsonl"), Some(Format::JsonLines));
    assert_eq!(Format::parse("xls"), None);
}
