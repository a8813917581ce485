//! A PostgreSQL server that many replicas share.
//!
//! One thread with a runtime of its own holds two connections, one for those who write and one for those who read, so
//! that a long question holds up nobody who writes. A connection is made when it is needed, and again after it broke.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tollgate_core::{BoxFuture, Secret};
use tollgate_remote::tls;

use super::{DatabaseError, Kind, Migrations};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one job may take; what takes longer has lost its server.
const ANSWER: Duration = Duration::from_secs(30);

/// Jobs that may wait for a connection before those who bring more are held back.
const QUEUED: usize = 64;

/// The lock that lets only one replica change tables at a time: any number that is always the same.
const MIGRATION_LOCK: i64 = 0x746f_6c6c_6761_7465;

/// A PostgreSQL server. Clones share its connections, which end with the last of them.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    writer: mpsc::Sender<Job>,
    reader: mpsc::Sender<Job>,
    /// What every new connection is brought up to date with.
    migrations: Arc<Mutex<Vec<Migrations>>>,
}

/// Something to do with a connection; told why there is none otherwise. Answers whether the connection may be used again.
type Job = Box<dyn for<'a> FnOnce(Result<&'a mut Client, DatabaseError>) -> BoxFuture<'a, Next> + Send>;

enum Next {
    Reuse,
    Reconnect,
}

/// A connection, made when it is needed.
struct Lane {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    migrations: Arc<Mutex<Vec<Migrations>>>,
    client: Option<Client>,
}

// === impl Postgres ===

impl Postgres {
    /// The server at an address such as `postgres://user:password@host:5432/database?sslmode=require`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// If the address cannot be understood.
    pub fn new(url: &Secret) -> Result<Self, DatabaseError> {
        // The cause would show the address, and with it perhaps the password.
        let unusable = |_| {
            DatabaseError::configuration(
                "the address of PostgreSQL is not like postgres://user:password@host:5432/database",
            )
        };
        let mut config: Config = url.expose().parse().map_err(unusable)?;
        config.connect_timeout(CONNECT);
        if config.get_application_name().is_none() {
            config.application_name("tollgate");
        }
        let migrations = Arc::<Mutex<Vec<Migrations>>>::default();
        let (writer, for_writer) = mpsc::channel(QUEUED);
        let (reader, for_reader) = mpsc::channel(QUEUED);
        let lanes = [for_writer, for_reader].map(|jobs| (Lane::new(config.clone(), migrations.clone()), jobs));
        start(lanes)?;
        Ok(Self(Arc::new(Inner { writer, reader, migrations })))
    }

    /// Makes the tables of a component, or brings them up to date. If the server is away it is done as soon as it is back.
    pub(crate) fn migrate(&self, migrations: Migrations) -> BoxFuture<'static, Result<(), DatabaseError>> {
        let mut all = self.0.migrations.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.iter().any(|known| known.component == migrations.component) {
            all.push(migrations);
        }
        drop(all);
        self.write(move |client| Box::pin(migrate(client, migrations)))
    }

    /// Has the connection that writes do something, usually a transaction.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        job: impl for<'a> FnOnce(&'a mut Client) -> BoxFuture<'a, Result<T, DatabaseError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DatabaseError>> {
        run(self.0.writer.clone(), job)
    }

    /// Has the connection that reads do something.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        job: impl for<'a> FnOnce(&'a mut Client) -> BoxFuture<'a, Result<T, DatabaseError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DatabaseError>> {
        run(self.0.reader.clone(), job)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

fn run<T: Send + 'static>(
    jobs: mpsc::Sender<Job>,
    job: impl for<'a> FnOnce(&'a mut Client) -> BoxFuture<'a, Result<T, DatabaseError>> + Send + 'static,
) -> BoxFuture<'static, Result<T, DatabaseError>> {
    let gone = || DatabaseError::unavailable("the thread of PostgreSQL has ended");
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |client| {
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                let _ = answer.send(Err(error));
                return Box::pin(std::future::ready(Next::Reconnect));
            }
        };
        Box::pin(async move {
            let late = DatabaseError::unavailable("PostgreSQL did not answer in time");
            let result = tokio::time::timeout(ANSWER, job(client)).await.unwrap_or(Err(late));
            let is_broken = result.as_ref().err().is_some_and(DatabaseError::is_unavailable);
            // Who asked may have gone.
            let _ = answer.send(result);
            if is_broken { Next::Reconnect } else { Next::Reuse }
        })
    });
    Box::pin(async move {
        jobs.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    })
}

fn start(lanes: [(Lane, mpsc::Receiver<Job>); 2]) -> Result<(), DatabaseError> {
    let failed = |error| DatabaseError::unavailable("a thread could not be started").with_source(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let run = move || {
        let [writer, reader] = lanes.map(|(lane, jobs)| lane.run(jobs));
        runtime.block_on(async {
            let reading = tokio::spawn(reader);
            writer.await;
            let _ = reading.await;
        });
    };
    std::thread::Builder::new().name("postgres".to_owned()).spawn(run).map(drop).map_err(failed)
}

// === impl Lane ===

impl Lane {
    fn new(config: Config, migrations: Arc<Mutex<Vec<Migrations>>>) -> Self {
        let tls = (config.get_ssl_mode() != SslMode::Disable).then(|| MakeRustlsConnect::new(tls::system().clone()));
        Self { config, tls, migrations, client: None }
    }

    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            let next = match self.connected().await {
                Ok(client) => job(Ok(client)).await,
                Err(error) => job(Err(error)).await,
            };
            if matches!(next, Next::Reconnect) {
                self.client = None;
            }
        }
    }

    async fn connected(&mut self) -> Result<&mut Client, DatabaseError> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            let mut client = tokio::time::timeout(CONNECT, self.connect()).await.unwrap_or_else(|_| {
                Err(DatabaseError::unavailable("PostgreSQL did not accept a connection in time"))
            })?;
            let migrations = self.migrations.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for migrations in migrations {
                migrate(&mut client, migrations).await?;
            }
            self.client = Some(client);
        }
        self.client.as_mut().ok_or_else(|| DatabaseError::unavailable("there is no connection to PostgreSQL"))
    }

    async fn connect(&self) -> Result<Client, DatabaseError> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = self.config.connect(tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }
}

async fn migrate(client: &mut Client, migrations: Migrations) -> Result<(), DatabaseError> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS tollgate_schema (component TEXT PRIMARY KEY, version BIGINT NOT NULL)",
        )
        .await?;
    let known = transaction
        .query_opt("SELECT version FROM tollgate_schema WHERE component = $1", &[&migrations.component])
        .await?
        .map_or(0, |row| row.get::<_, i64>(0));
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    if known > migrations.steps.len() {
        return Err(DatabaseError::newer_schema(migrations.component));
    }
    for step in &migrations.steps[known..] {
        transaction.batch_execute(step).await?;
    }
    let version = i64::try_from(migrations.steps.len()).unwrap_or(i64::MAX);
    transaction
        .execute(
            "INSERT INTO tollgate_schema (component, version) VALUES ($1, $2)
             ON CONFLICT (component) DO UPDATE SET version = excluded.version",
            &[&migrations.component, &version],
        )
        .await?;
    Ok(transaction.commit().await?)
}

// === impl DatabaseError ===

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else {
            // No answer of the server at all.
            return Self::new(Kind::Unavailable, "PostgreSQL could not be reached").with_source(error);
        };
        let (kind, message) = match state {
            &SqlState::UNIQUE_VIOLATION => (Kind::Conflict, "something of the same name is there already"),
            &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                (Kind::Configuration, "PostgreSQL refused the credentials")
            }
            &SqlState::UNDEFINED_DATABASE => (Kind::Configuration, "PostgreSQL has no such database"),
            &SqlState::INSUFFICIENT_PRIVILEGE => (Kind::Configuration, "PostgreSQL refused: not permitted"),
            &SqlState::DISK_FULL => (Kind::Unavailable, "PostgreSQL's disk is full"),
            &SqlState::TOO_MANY_CONNECTIONS | &SqlState::T_R_DEADLOCK_DETECTED | &SqlState::QUERY_CANCELED => {
                (Kind::Unavailable, "PostgreSQL is busy")
            }
            // Classes 08 and 57: the connection, and a server that stops or starts.
            state if state.code().starts_with("08") || state.code().starts_with("57") => {
                (Kind::Unavailable, "PostgreSQL is not ready")
            }
            _ => (Kind::Refused, "PostgreSQL refused a statement"),
        };
        Self::new(kind, message).with_source(error)
    }
}
