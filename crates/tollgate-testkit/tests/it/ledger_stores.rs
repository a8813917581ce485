//! All stores of the ledger by the same suite, and each where it differs.

use std::sync::Arc;

use tollgate_core::Secret;
use tollgate_testkit::conformance;
use tollgate_testkit::servers::Postgres;
use tollgate_usage::database::{Postgres as PostgresDatabase, Sqlite};
use tollgate_usage::{MemoryLedger, PostgresLedger, SqliteLedger};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    conformance::ledger_store(Arc::new(MemoryLedger::new(10_000, 100_000))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = Sqlite::open(folder.path().join("t.db")).unwrap();
    conformance::ledger_store(Arc::new(SqliteLedger::open(database, false).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Some(server) = Postgres::start().await else { return };
    let database = PostgresDatabase::new(&Secret::new(server.url())).unwrap();
    conformance::ledger_store(Arc::new(PostgresLedger::open(database).await.unwrap())).await;
}
