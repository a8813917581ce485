//! The ledger in an SQLite file.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, ToSql, Transaction, TransactionBehavior};
use tollgate_core::BoxFuture;

use super::schema::{self, Dialect, HourRow, Parameter};
use super::{Batch, Cursor, LedgerReader, LedgerStore, Position, Prune, RecordPage, RecordQuery};
use crate::column::{COLUMNS, Kind, Value, blank, clamped, micros_of};
use crate::database::{DatabaseError, Migrations, Sqlite};
use crate::rollup::Sums;
use crate::sketch::Sketch;
use crate::summary::Summarizer;
use crate::{Query, Summary, UsageRecord};

const MIGRATIONS: Migrations =
    Migrations { component: "ledger", steps: &[include_str!("sqlite.sql"), include_str!("kinds_sqlite.sql")] };

const DIALECT: Dialect = Dialect { find: "instr" };

/// Records in an SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteLedger {
    database: Sqlite,
}

// === impl SqliteLedger ===

impl SqliteLedger {
    /// The ledger in a file, whose tables are made if need be. With `sync` a transaction is on the disk itself when it counts
    /// as done, which a journal needs to know that is itself to survive the loss of power.
    ///
    /// # Errors
    /// If the tables cannot be made, or are those of a newer version.
    pub async fn open(database: Sqlite, sync: bool) -> Result<Self, DatabaseError> {
        database.migrate(MIGRATIONS).await?;
        if sync {
            database.write(|connection| Ok(connection.pragma_update(None, "synchronous", "full")?)).await?;
        }
        Ok(Self { database })
    }
}

impl LedgerReader for SqliteLedger {
    fn summary<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Summary, DatabaseError>> {
        let query = query.clone();
        self.database.read(move |connection| summary(connection, &query))
    }

    fn records<'a>(&'a self, query: &'a RecordQuery) -> BoxFuture<'a, Result<RecordPage, DatabaseError>> {
        let query = query.clone();
        self.database.read(move |connection| records(connection, &query))
    }
}

impl LedgerStore for SqliteLedger {
    fn position<'a>(&'a self, journal: &'a str) -> BoxFuture<'a, Result<Position, DatabaseError>> {
        let journal = journal.to_owned();
        // With the connection that writes, so that it comes after everything that was asked for before.
        self.database.write(move |connection| position(connection, &journal))
    }

    fn append<'a>(&'a self, batch: &'a Arc<Batch>) -> BoxFuture<'a, Result<(), DatabaseError>> {
        let batch = batch.clone();
        self.database.write(move |connection| append(connection, &batch))
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> BoxFuture<'a, Result<u64, DatabaseError>> {
        let statements = schema::prune(prune);
        self.database.write(move |connection| {
            let mut deleted = 0;
            for statement in statements {
                let mut prepared = connection.prepare_cached(&statement.text)?;
                deleted += prepared.execute(rusqlite::params_from_iter(&statement.parameters))? as u64;
            }
            Ok(deleted)
        })
    }
}

fn position(connection: &Connection, journal: &str) -> Result<Position, DatabaseError> {
    let mut statement = connection.prepare_cached("SELECT segment, at_byte FROM usage_journals WHERE journal = $1")?;
    let mut rows = statement.query([journal])?;
    let Some(row) = rows.next()? else { return Ok(Position::default()) };
    Ok(Position { segment: unsigned(row, 0)?, offset: unsigned(row, 1)? })
}

fn append(connection: &mut Connection, batch: &Batch) -> Result<(), DatabaseError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if position(&transaction, &batch.journal)? != batch.from {
        return Err(DatabaseError::moved_on());
    }
    transaction
        .prepare_cached(
            "INSERT INTO usage_journals (journal, segment, at_byte, updated_us) VALUES ($1, $2, $3, $4)
             ON CONFLICT (journal) DO UPDATE SET
             segment = excluded.segment, at_byte = excluded.at_byte, updated_us = excluded.updated_us",
        )?
        .execute((
            &batch.journal,
            clamped(batch.to.segment),
            clamped(batch.to.offset),
            clamped(micros_of(std::time::SystemTime::now())),
        ))?;
    insert_records(&transaction, &batch.records)?;
    add_sums(&transaction, batch)?;
    Ok(transaction.commit()?)
}

fn insert_records(transaction: &Transaction<'_>, records: &[UsageRecord]) -> Result<(), DatabaseError> {
    let names = schema::record_columns();
    let places = schema::placeholders(COLUMNS.len());
    let mut statement =
        transaction.prepare_cached(&format!("INSERT INTO usage_records ({names}) VALUES ({places})"))?;
    for record in records {
        // Most columns of most records are empty, and emptying all at once is faster than each.
        statement.clear_bindings();
        for (index, column) in (1..).zip(COLUMNS) {
            bind(&mut statement, index, &column.get(record))?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

fn bind(statement: &mut CachedStatement<'_>, index: usize, value: &Value<'_>) -> rusqlite::Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::Integer(number) => statement.raw_bind_parameter(index, number),
        Value::Flag(flag) => statement.raw_bind_parameter(index, flag),
        Value::Text(text) => statement.raw_bind_parameter(index, text.as_ref()),
    }
}

/// Adds to the sums of the journal, which nobody else writes.
fn add_sums(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), DatabaseError> {
    let sums = schema::sum_columns();
    let mut select = transaction
        .prepare_cached(&format!("SELECT {sums} FROM usage_hours WHERE hour = $1 AND journal = $2 AND hash = $3"))?;
    let mut upsert = transaction.prepare_cached(&schema::upsert_hour())?;
    for mut row in schema::hour_rows(&batch.records) {
        let mut found = select.query((row.hour, &batch.journal, &row.hash))?;
        if let Some(found) = found.next()? {
            row.sums.add(&read_sums(found, 0)?);
        }
        drop(found);
        write_hour(&mut upsert, &batch.journal, &row)?;
    }
    Ok(())
}

fn write_hour(upsert: &mut CachedStatement<'_>, journal: &str, row: &HourRow) -> rusqlite::Result<()> {
    upsert.clear_bindings();
    upsert.raw_bind_parameter(1, journal)?;
    upsert.raw_bind_parameter(2, row.hour)?;
    upsert.raw_bind_parameter(3, &row.hash)?;
    let mut index = 4;
    let mut bind = |value: &dyn ToSql| {
        let bound = upsert.raw_bind_parameter(index, value);
        index += 1;
        bound
    };
    row.dimensions.iter().try_for_each(|text| bind(text))?;
    row.sums.totals.fields().iter().try_for_each(|(_, sum)| bind(&clamped(*sum)))?;
    bind(&row.sums.latency.to_bytes())?;
    bind(&row.sums.time_to_first_token.to_bytes())?;
    upsert.raw_execute().map(drop)
}

fn read_sums(row: &Row<'_>, first: usize) -> rusqlite::Result<Sums> {
    let mut sums = Sums::default();
    let mut index = first;
    for (_, sum) in sums.totals.fields_mut() {
        *sum = unsigned(row, index)?;
        index += 1;
    }
    sums.latency = Sketch::from_bytes(row.get_ref(index)?.as_blob()?);
    sums.time_to_first_token = Sketch::from_bytes(row.get_ref(index + 1)?.as_blob()?);
    Ok(sums)
}

fn summary(connection: &Connection, query: &Query) -> Result<Summary, DatabaseError> {
    let mut summarizer = Summarizer::new(query);
    let statement = schema::select_hours(&summarizer.hours(), &query.filter, DIALECT);
    let mut prepared = connection.prepare_cached(&statement.text)?;
    let mut rows = prepared.query(rusqlite::params_from_iter(&statement.parameters))?;
    while let Some(row) = rows.next()? {
        let mut texts = [None; 8];
        for (index, text) in (1..).zip(&mut texts) {
            *text = row.get_ref(index)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        }
        summarizer.add(unsigned(row, 0)?, &schema::dimensions(texts), &read_sums(row, 9)?);
    }
    Ok(summarizer.finish())
}

fn records(connection: &Connection, query: &RecordQuery) -> Result<RecordPage, DatabaseError> {
    let statement = schema::select_records(query, DIALECT);
    let mut prepared = connection.prepare_cached(&statement.text)?;
    let mut rows = prepared.query(rusqlite::params_from_iter(&statement.parameters))?;
    let mut page = RecordPage::default();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.records.len() == query.limit {
            page.next = last;
            break;
        }
        let record = read_record(row)?;
        last = Some(Cursor { received_us: micros_of(record.received_at), id: unsigned(row, 0)? });
        page.records.push(record);
    }
    Ok(page)
}

fn read_record(row: &Row<'_>) -> rusqlite::Result<UsageRecord> {
    let mut record = blank();
    for (index, column) in (1..).zip(COLUMNS) {
        let value = match row.get_ref(index)? {
            ValueRef::Integer(number) if column.kind == Kind::Flag => Value::Flag(number != 0),
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text)),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => continue,
        };
        column.set(&mut record, value);
    }
    Ok(record)
}

/// A number that is never negative.
fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|number| u64::try_from(number).unwrap_or(0))
}

// === impl Parameter ===

impl ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Integer(number) => ToSqlOutput::Owned((*number).into()),
        })
    }
}
