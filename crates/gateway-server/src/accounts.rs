//! Where usage is kept, from the configuration.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_usage::database::{DatabaseError, Postgres, Sqlite};
use tollgate_usage::{
    DurableLedger, Ledger, LedgerReader, LedgerState, LedgerStore, MemoryLedger, PostgresLedger, SqliteLedger,
    UsageRecord, WhenFull,
};

use crate::config::types::{LedgerStoreName, WhenFullName};
use crate::config::{Config, ConfigError, ConfigErrors};
use crate::managed::database::{FILE, make_private};

/// Keeps the records of all requests. Clones share what is behind them.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Kept>);

/// Not both: what is in a database need not take memory, nor time, a second time.
#[derive(Debug)]
enum Kept {
    /// The latest records, and the sums since the start.
    Memory(Arc<MemoryLedger>),
    Durable(DurableLedger, Database),
}

/// The database that what is kept for good is in, for all that have something to keep.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// How long an answer about usage waits for what has been recorded just now.
const SETTLE: Duration = Duration::from_secs(2);

/// How long the end of the server waits for the database. What is left is there for the next start.
const FINISH: Duration = Duration::from_secs(5);

const SPOOL: &str = "spool";

// === impl Accounts ===

impl Accounts {
    /// What a configuration asks for.
    ///
    /// # Errors
    /// If what somebody configured cannot be used. A default that cannot is done without, with a warning.
    pub async fn open(config: &Config) -> Result<Self, ConfigErrors> {
        let memory = || Self::in_memory(config.usage.recent, config.usage.max_groups);
        let store = config.ledger.store.unwrap_or(LedgerStoreName::Sqlite);
        if store == LedgerStoreName::Memory {
            return Ok(memory());
        }
        match durable(config, store).await {
            Ok((durable, database)) => Ok(Self(Arc::new(Kept::Durable(durable, database)))),
            Err(error) if config.ledger.store.is_none() && !config.data.is_given => {
                tracing::warn!(
                    "{}: {}. Usage is kept in memory alone and forgotten when the server stops; give it a folder with \
                     TOLLGATE_DATA, or write ledger: {{ store: memory }} if that is what you want",
                    error.key,
                    error.message
                );
                Ok(memory())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// In memory alone, for tests and for programs that keep records themselves.
    #[must_use]
    pub fn in_memory(max_recent: usize, max_groups: usize) -> Self {
        Self(Arc::new(Kept::Memory(Arc::new(MemoryLedger::new(max_recent, max_groups)))))
    }

    /// Who answers questions about usage: the database, or memory if there is none. What was recorded until now is in it,
    /// unless the database is away or slow.
    pub(crate) async fn reader(&self) -> Arc<dyn LedgerReader> {
        match &*self.0 {
            Kept::Memory(memory) => memory.clone(),
            Kept::Durable(durable, _) => {
                durable.settle(SETTLE).await;
                durable.store().clone()
            }
        }
    }

    /// How the ledger fares; `None` if there is only memory.
    #[must_use]
    pub fn state(&self) -> Option<LedgerState> {
        self.durable().map(DurableLedger::state)
    }

    /// The database, if there is one.
    pub(crate) fn database(&self) -> Option<&Database> {
        match &*self.0 {
            Kept::Memory(_) => None,
            Kept::Durable(_, database) => Some(database),
        }
    }

    fn durable(&self) -> Option<&DurableLedger> {
        match &*self.0 {
            Kept::Memory(_) => None,
            Kept::Durable(durable, _) => Some(durable),
        }
    }

    /// Brings what is on its way to the database, as far as that goes within a few seconds. Blocks; nothing may be recorded
    /// after it.
    pub fn finish(&self) {
        let Some(durable) = self.durable() else { return };
        if !durable.finish(FINISH) {
            tracing::warn!("some usage records are not in the database yet; they wait on the disk for the next start");
        }
    }
}

impl Ledger for Accounts {
    fn record(&self, record: &UsageRecord) {
        match &*self.0 {
            Kept::Memory(memory) => memory.record(record),
            Kept::Durable(durable, _) => durable.record(record),
        }
    }

    fn has_room(&self) -> bool {
        self.durable().is_none_or(Ledger::has_room)
    }
}

async fn durable(config: &Config, store: LedgerStoreName) -> Result<(DurableLedger, Database), ConfigError> {
    let folder = &config.data.path;
    make_private(folder).map_err(|error| unusable(folder, &error))?;
    let settings = &config.ledger;
    let refused = |error: DatabaseError| ConfigError::new("ledger", "ledger.url", error.to_string());
    let (ledger, database): (Arc<dyn LedgerStore>, Database) = match (store, &settings.url) {
        (LedgerStoreName::Postgres, Some(url)) => {
            let database = Postgres::new(&url.0).map_err(refused)?;
            let ledger = PostgresLedger::open(database.clone()).await.map_err(refused)?;
            (Arc::new(ledger), Database::Postgres(database))
        }
        _ => {
            let path = folder.join(FILE);
            let refused =
                |error| ConfigError::new("ledger", "data", format!("{} cannot be used: {error}", path.display()));
            let database = Sqlite::open(&path).map_err(refused)?;
            let ledger = SqliteLedger::open(database.clone(), settings.sync).await.map_err(refused)?;
            (Arc::new(ledger), Database::Sqlite(database))
        }
    };
    let keep = |span: crate::config::types::Span| (!span.is_zero()).then(|| span.get());
    let opened = DurableLedger::builder(ledger, folder.join(SPOOL))
        .window(settings.window.get())
        .sync(settings.sync)
        .max_spool(settings.max_spool.get())
        .when_full(match settings.when_full {
            WhenFullName::Refuse => WhenFull::Refuse,
            WhenFullName::Drop => WhenFull::Drop,
        })
        .keep_records(keep(settings.keep_records))
        .keep_sums(keep(settings.keep_sums))
        .open();
    opened.map(|ledger| (ledger, database)).map_err(|error| unusable(folder, &error))
}

fn unusable(folder: &Path, error: &io::Error) -> ConfigError {
    ConfigError::new("ledger", "data", format!("the folder {} cannot be written to: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Overrides, Source, load};

    fn config(yaml: &str) -> Config {
        let mut config = load(&Source::text("t.yaml", yaml), &BTreeMap::new(), &[], &Overrides::default()).unwrap();
        // No folder can be there.
        config.data.path = "/dev/null/data".into();
        config
    }

    #[tokio::test]
    async fn a_default_that_cannot_be_used_is_done_without() {
        let accounts = Accounts::open(&config("")).await.expect("a warning is enough");
        assert!(accounts.state().is_none() && accounts.database().is_none() && accounts.has_room());
    }

    #[tokio::test]
    async fn what_somebody_asked_for_is_not() {
        let error = Accounts::open(&config("ledger: { store: sqlite }")).await.expect_err("is refused");
        assert!(error.to_string().contains("/dev/null/data cannot be written to"), "{error}");
        let mut named = config("");
        named.data.is_given = true;
        Accounts::open(&named).await.expect_err("is refused");
    }
}
