//! The ledger in PostgreSQL.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::future::try_join_all;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row, RowStream, Transaction};
use tollgate_core::BoxFuture;

use super::schema::{self, Dialect, HourRow, Parameter};
use super::{Batch, Cursor, LedgerReader, LedgerStore, Position, Prune, RecordPage, RecordQuery};
use crate::column::{COLUMNS, Kind, Value, blank, clamped, micros_of};
use crate::database::{DatabaseError, Migrations, Postgres};
use crate::rollup::Sums;
use crate::sketch::Sketch;
use crate::summary::Summarizer;
use crate::{Query, Summary, UsageRecord};

const MIGRATIONS: Migrations =
    Migrations { component: "ledger", steps: &[include_str!("postgres.sql"), include_str!("kinds.sql")] };

const DIALECT: Dialect = Dialect { find: "strpos" };

/// Records in PostgreSQL, which replicas may share.
#[derive(Clone, Debug)]
pub struct PostgresLedger {
    database: Postgres,
}

// === impl PostgresLedger ===

impl PostgresLedger {
    /// The ledger in a database, whose tables are made if need be.
    ///
    /// # Errors
    /// If the tables cannot be made, or are those of a newer version. Not if the server is away: they are made when it is
    /// back.
    pub async fn open(database: Postgres) -> Result<Self, DatabaseError> {
        match database.migrate(MIGRATIONS).await {
            Err(error) if !error.is_unavailable() => Err(error),
            Ok(()) | Err(_) => Ok(Self { database }),
        }
    }
}

impl LedgerReader for PostgresLedger {
    fn summary<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Summary, DatabaseError>> {
        let query = query.clone();
        self.database.read(move |client| Box::pin(async move { summary(client, &query).await }))
    }

    fn records<'a>(&'a self, query: &'a RecordQuery) -> BoxFuture<'a, Result<RecordPage, DatabaseError>> {
        let query = query.clone();
        self.database.read(move |client| Box::pin(async move { records(client, &query).await }))
    }
}

impl LedgerStore for PostgresLedger {
    fn position<'a>(&'a self, journal: &'a str) -> BoxFuture<'a, Result<Position, DatabaseError>> {
        let journal = journal.to_owned();
        self.database.write(move |client| Box::pin(async move { position(client, &journal).await }))
    }

    fn append<'a>(&'a self, batch: &'a Arc<Batch>) -> BoxFuture<'a, Result<(), DatabaseError>> {
        let batch = batch.clone();
        self.database.write(move |client| Box::pin(async move { append(client, &batch).await }))
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> BoxFuture<'a, Result<u64, DatabaseError>> {
        let statements = schema::prune(prune);
        self.database.write(move |client| {
            Box::pin(async move {
                let mut deleted = 0;
                for statement in statements {
                    deleted += client.execute(&statement.text, &parameters(&statement.parameters)).await?;
                }
                Ok(deleted)
            })
        })
    }
}

async fn position(client: &Client, journal: &str) -> Result<Position, DatabaseError> {
    let row = client.query_opt("SELECT segment, at_byte FROM usage_journals WHERE journal = $1", &[&journal]).await?;
    row.map_or(Ok(Position::default()), |row| Ok(Position { segment: unsigned(&row, 0)?, offset: unsigned(&row, 1)? }))
}

async fn append(client: &mut Client, batch: &Batch) -> Result<(), DatabaseError> {
    let transaction = client.transaction().await?;
    move_on(&transaction, batch).await?;
    copy_records(&transaction, &batch.records).await?;
    add_sums(&transaction, batch).await?;
    Ok(transaction.commit().await?)
}

/// Takes the journal's row, so that whoever should work on the same journal waits, and then finds that it has moved.
async fn move_on(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), DatabaseError> {
    let now = clamped(micros_of(std::time::SystemTime::now()));
    transaction
        .execute(
            "INSERT INTO usage_journals (journal, segment, at_byte, updated_us) VALUES ($1, 0, 0, $2)
             ON CONFLICT (journal) DO NOTHING",
            &[&batch.journal, &now],
        )
        .await?;
    let places = [batch.to.segment, batch.to.offset, batch.from.segment, batch.from.offset].map(clamped);
    let moved = transaction
        .execute(
            "UPDATE usage_journals SET segment = $2, at_byte = $3, updated_us = $6
             WHERE journal = $1 AND segment = $4 AND at_byte = $5",
            &[&batch.journal, &places[0], &places[1], &places[2], &places[3], &now],
        )
        .await?;
    if moved == 0 { Err(DatabaseError::moved_on()) } else { Ok(()) }
}

async fn copy_records(transaction: &Transaction<'_>, records: &[UsageRecord]) -> Result<(), DatabaseError> {
    if records.is_empty() {
        return Ok(());
    }
    let types: Vec<Type> = COLUMNS.iter().map(|column| type_of(column.kind)).collect();
    let names = schema::record_columns();
    let sink = transaction.copy_in(&format!("COPY usage_records ({names}) FROM STDIN (FORMAT binary)")).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for record in records {
        let cells: Vec<Cell<'_>> = COLUMNS.iter().map(|column| Cell(column.get(record))).collect();
        let cells: Vec<&(dyn ToSql + Sync)> = cells.iter().map(|cell| cell as _).collect();
        writer.as_mut().write(&cells).await?;
    }
    writer.finish().await?;
    Ok(())
}

/// Adds to the sums of the journal, which nobody else writes.
async fn add_sums(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), DatabaseError> {
    let mut rows = schema::hour_rows(&batch.records);
    let hours: Vec<i64> = rows.iter().map(|row| row.hour).collect();
    let hashes: Vec<&[u8]> = rows.iter().map(|row| &*row.hash).collect();
    let select = format!(
        "SELECT hour, hash, {} FROM usage_hours
         JOIN UNNEST($2::BIGINT[], $3::BYTEA[]) AS wanted (hour, hash) USING (hour, hash) WHERE journal = $1",
        schema::sum_columns()
    );
    let known = transaction.query(&select, &[&batch.journal, &hours, &hashes]).await?;
    for known in &known {
        let (hour, hash): (i64, &[u8]) = (known.try_get(0)?, known.try_get(1)?);
        let sums = read_sums(known, 2)?;
        if let Ok(at) = rows.binary_search_by(|row| (row.hour, &*row.hash).cmp(&(hour, hash))) {
            rows[at].sums.add(&sums);
        }
    }
    let upsert = transaction.prepare(&schema::upsert_hour()).await?;
    // All are sent before the first is answered.
    try_join_all(rows.iter().map(async |row| write_hour(transaction, &upsert, &batch.journal, row).await)).await?;
    Ok(())
}

async fn write_hour(
    transaction: &Transaction<'_>,
    upsert: &tokio_postgres::Statement,
    journal: &str,
    row: &HourRow,
) -> Result<(), DatabaseError> {
    let text = |text: &Option<String>| text.as_deref().map(|text| schema::without_nul(text).into_owned());
    let texts = row.dimensions.each_ref().map(text);
    let totals = row.sums.totals.fields().map(|(_, sum)| clamped(sum));
    let (latency, first) = (row.sums.latency.to_bytes(), row.sums.time_to_first_token.to_bytes());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&journal, &row.hour, &row.hash];
    values.extend(texts.iter().map(|text| text as &(dyn ToSql + Sync)));
    values.extend(totals.iter().map(|sum| sum as &(dyn ToSql + Sync)));
    values.extend([&latency as &(dyn ToSql + Sync), &first]);
    transaction.execute(upsert, &values).await?;
    Ok(())
}

async fn summary(client: &Client, query: &Query) -> Result<Summary, DatabaseError> {
    let mut summarizer = Summarizer::new(query);
    let statement = schema::select_hours(&summarizer.hours(), &query.filter, DIALECT);
    let mut rows = pin!(rows(client, &statement).await?);
    while let Some(row) = next(rows.as_mut()).await? {
        let mut texts = [None; 8];
        for (index, text) in (1..).zip(&mut texts) {
            *text = row.try_get::<_, Option<&str>>(index)?;
        }
        summarizer.add(unsigned(&row, 0)?, &schema::dimensions(texts), &read_sums(&row, 9)?);
    }
    Ok(summarizer.finish())
}

async fn records(client: &Client, query: &RecordQuery) -> Result<RecordPage, DatabaseError> {
    let statement = schema::select_records(query, DIALECT);
    let mut rows = pin!(rows(client, &statement).await?);
    let mut page = RecordPage::default();
    let mut last = None;
    while let Some(row) = next(rows.as_mut()).await? {
        if page.records.len() == query.limit {
            page.next = last;
            break;
        }
        let record = read_record(&row)?;
        last = Some(Cursor { received_us: micros_of(record.received_at), id: unsigned(&row, 0)? });
        page.records.push(record);
    }
    Ok(page)
}

async fn rows(client: &Client, statement: &schema::Statement) -> Result<RowStream, DatabaseError> {
    Ok(client.query_raw(&statement.text, parameters(&statement.parameters)).await?)
}

async fn next(rows: std::pin::Pin<&mut RowStream>) -> Result<Option<Row>, DatabaseError> {
    use futures_util::TryStreamExt as _;
    let mut rows = rows;
    Ok(rows.try_next().await?)
}

fn read_sums(row: &Row, first: usize) -> Result<Sums, DatabaseError> {
    let mut sums = Sums::default();
    let mut index = first;
    for (_, sum) in sums.totals.fields_mut() {
        *sum = unsigned(row, index)?;
        index += 1;
    }
    sums.latency = Sketch::from_bytes(row.try_get(index)?);
    sums.time_to_first_token = Sketch::from_bytes(row.try_get(index + 1)?);
    Ok(sums)
}

fn read_record(row: &Row) -> Result<UsageRecord, DatabaseError> {
    let mut record = blank();
    for (index, column) in (1..).zip(COLUMNS) {
        let value = match column.kind {
            Kind::Integer => row.try_get::<_, Option<i64>>(index)?.map(Value::Integer),
            Kind::Flag => row.try_get::<_, Option<bool>>(index)?.map(Value::Flag),
            Kind::Text => row.try_get::<_, Option<&str>>(index)?.map(|text| Value::Text(text.into())),
        };
        column.set(&mut record, value.unwrap_or(Value::Null));
    }
    Ok(record)
}

/// A number that is never negative.
fn unsigned(row: &Row, index: usize) -> Result<u64, DatabaseError> {
    Ok(u64::try_from(row.try_get::<_, i64>(index)?).unwrap_or(0))
}

fn parameters(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    fn each(parameter: &Parameter) -> &(dyn ToSql + Sync) {
        match parameter {
            Parameter::Text(text) => text,
            Parameter::Integer(number) => number,
        }
    }
    parameters.iter().map(each).collect()
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Integer => Type::INT8,
        Kind::Flag => Type::BOOL,
        Kind::Text => Type::TEXT,
    }
}

/// A value on its way to PostgreSQL.
#[derive(Debug)]
struct Cell<'a>(Value<'a>);

impl ToSql for Cell<'_> {
    fn to_sql(&self, to: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => number.to_sql(to, out),
            Value::Flag(flag) => flag.to_sql(to, out),
            Value::Text(text) => schema::without_nul(text).to_sql(to, out),
        }
    }

    fn accepts(to: &Type) -> bool {
        [Type::INT8, Type::BOOL, Type::TEXT].contains(to)
    }

    to_sql_checked!();
}
