//! One file, in SQLite's write-ahead-log mode.
//!
//! SQLite's calls block, so each handle has two threads: one writes, one reads, and with a write-ahead log neither waits
//! for the other. Several processes may share the file; a writer then waits for the other's transaction.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tollgate_core::BoxFuture;

use super::{DatabaseError, Kind, Migrations};

/// How long a write waits for another process's.
const BUSY: Duration = Duration::from_secs(10);

/// Jobs that may wait for a thread before those who bring more are held back.
const QUEUED: usize = 64;

/// An SQLite file. Clones share its threads, which end with the last of them.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Lane,
    reader: Lane,
}

/// A thread with a connection.
struct Lane {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

// === impl Sqlite ===

impl Sqlite {
    /// Opens a file, or makes it, readable by its owner alone.
    ///
    /// # Errors
    /// If it cannot be opened, or is no database.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DatabaseError> {
        let path = path.into();
        make_private(&path)?;
        let writer = connect(&path)?;
        // Remembered in the file; the others find it so.
        writer.pragma_update(None, "journal_mode", "wal")?;
        let reader = connect(&path)?;
        let inner = Inner {
            writer: Lane::start("sqlite-writer", writer)?,
            reader: Lane::start("sqlite-reader", reader)?,
            path,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Makes the tables of a component, or brings them up to date.
    pub(crate) fn migrate(&self, migrations: Migrations) -> BoxFuture<'static, Result<(), DatabaseError>> {
        self.write(move |connection| migrate(connection, migrations))
    }

    /// Has the thread that writes do something, usually a transaction. It is done though nobody should wait for it.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DatabaseError>> {
        self.0.writer.run(job)
    }

    /// Has the thread that reads do something.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DatabaseError>> {
        self.0.reader.run(job)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.0.path).finish()
    }
}

// === impl Lane ===

impl Lane {
    fn start(name: &str, mut connection: Connection) -> Result<Self, DatabaseError> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUED);
        let run = move || {
            while let Some(job) = waiting.blocking_recv() {
                job(&mut connection);
            }
        };
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        started.map_err(|error| DatabaseError::unavailable("a thread could not be started").with_source(error))?;
        Ok(Self { jobs })
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DatabaseError>> {
        let jobs = self.jobs.clone();
        Box::pin(async move {
            let gone = || DatabaseError::unavailable("the database's thread has ended");
            let (answer, answered) = oneshot::channel();
            let job: Job = Box::new(move |connection| {
                // Who asked may have gone.
                let _ = answer.send(job(connection));
            });
            jobs.send(job).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        })
    }
}

// === impl DatabaseError ===

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        let (kind, message) = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (Kind::Unavailable, "the database is busy"),
            Some(ErrorCode::DiskFull) => (Kind::Unavailable, "the disk is full"),
            Some(ErrorCode::SystemIoFailure) => (Kind::Unavailable, "the database's file cannot be read or written"),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                (Kind::Configuration, "the database's file cannot be opened for writing")
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                (Kind::Configuration, "the database's file is damaged, or no database")
            }
            Some(ErrorCode::ConstraintViolation) => (Kind::Conflict, "something of the same name is there already"),
            _ => (Kind::Refused, "the database refused a statement"),
        };
        Self::new(kind, message).with_source(error)
    }
}

/// It holds what people asked for and spent, which is nobody else's business.
fn make_private(path: &Path) -> Result<(), DatabaseError> {
    use std::os::unix::fs::OpenOptionsExt;
    let opened = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let unusable = |error| {
        DatabaseError::configuration(format!("{} cannot be opened for writing", path.display())).with_source(error)
    };
    opened.map(drop).map_err(unusable)
}

fn connect(path: &Path) -> Result<Connection, DatabaseError> {
    // Each connection stays on its thread, so SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // A power cut may then undo the last transactions, but not damage the file (SQLite's documentation of the pragma).
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // In KiB if negative. The default of 2 MB a connection is more than an idle gateway should keep.
    connection.pragma_update(None, "cache_size", -256)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn migrate(connection: &mut Connection, migrations: Migrations) -> Result<(), DatabaseError> {
    // Immediate, so that of two processes the second waits and then finds everything done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS tollgate_schema (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
    )?;
    let known: rusqlite::Result<i64> = transaction.query_row(
        "SELECT version FROM tollgate_schema WHERE component = ?1",
        [migrations.component],
        |row| row.get(0),
    );
    let known = match known {
        Err(rusqlite::Error::QueryReturnedNoRows) => 0,
        known => usize::try_from(known?).unwrap_or(usize::MAX),
    };
    if known > migrations.steps.len() {
        return Err(DatabaseError::newer_schema(migrations.component));
    }
    for step in &migrations.steps[known..] {
        transaction.execute_batch(step)?;
    }
    let version = i64::try_from(migrations.steps.len()).unwrap_or(i64::MAX);
    transaction.execute(
        "INSERT INTO tollgate_schema (component, version) VALUES (?1, ?2)
         ON CONFLICT (component) DO UPDATE SET version = excluded.version",
        (migrations.component, version),
    )?;
    Ok(transaction.commit()?)
}
