//! All stores of a directory by the same suite, and each where it differs.

#![expect(clippy::unwrap_used, reason = "a test that meets a surprise should stop there")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tollgate_core::Secret;
use tollgate_testkit::conformance;
use tollgate_testkit::servers::Postgres;
use tollgate_usage::database::{Postgres as PostgresDatabase, Sqlite};
use tollgate_usage::directory::{
    Actor, AuditEntry, AuditFilter, Directory, MemoryDirectory, NewKey, Page, PostgresDirectory, SqliteDirectory,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    conformance::directory_store(Arc::new(MemoryDirectory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = Sqlite::open(folder.path().join("tollgate.db")).unwrap();
    conformance::directory_store(Arc::new(SqliteDirectory::open(database).await.unwrap())).await;
}

#[tokio::test]
async fn sqlite_is_shared_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || {
        let database = Sqlite::open(folder.path().join("tollgate.db")).unwrap();
        Directory::new(Arc::new(SqliteDirectory::open(database).await.unwrap()))
    };
    let [one, other] = [open().await, open().await];
    let new = NewKey { name: "web".into(), ..NewKey::default() };
    let issued = one.create_key(&Actor::cli("suite"), new).await.unwrap();
    assert_eq!(other.revision().await.unwrap(), issued.key.version);
    assert_eq!(other.find_key("web").await.unwrap(), issued.key);
    drop((one, other));
    assert_eq!(open().await.find_key("web").await.unwrap(), issued.key);
}

async fn on(server: &Postgres) -> PostgresDirectory {
    PostgresDirectory::open(PostgresDatabase::new(&Secret::new(server.url())).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Some(server) = Postgres::start().await else { return };
    conformance::directory_store(Arc::new(on(&server).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_shared_by_replicas() {
    let Some(server) = Postgres::start().await else { return };
    // At the same time, as when all replicas start anew.
    let (one, other) = tokio::join!(on(&server), on(&server));
    let [one, other] = [one, other].map(|store| Directory::new(Arc::new(store)));
    let new = |name: String| NewKey { name, ..NewKey::default() };
    let (actor, mut makers) = (Actor::cli("suite"), Vec::new());
    for number in 0..20 {
        let (directory, actor) = (if number % 2 == 0 { one.clone() } else { other.clone() }, actor.clone());
        makers.push(tokio::spawn(async move { directory.create_key(&actor, new(format!("k{}", number / 2))).await }));
    }
    let mut made = 0;
    for maker in makers {
        match maker.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert!(error.is_exists(), "{error:?}"),
        }
    }
    assert_eq!((made, other.revision().await.unwrap()), (10, 10));
    assert_eq!(one.snapshot().await.unwrap().keys, other.snapshot().await.unwrap().keys);
}

#[tokio::test]
async fn postgres_that_is_away_is_an_error_and_comes_back() {
    let Some(mut server) = Postgres::start().await else { return };
    let directory = Directory::new(Arc::new(on(&server).await));
    let new = |name: &str| NewKey { name: name.into(), ..NewKey::default() };
    let issued = directory.create_key(&Actor::cli("suite"), new("web")).await.unwrap();
    server.stop();
    assert!(directory.revision().await.unwrap_err().is_unavailable());
    assert!(directory.create_key(&Actor::cli("suite"), new("lost")).await.unwrap_err().is_unavailable());
    server.restart().await;
    assert_eq!(directory.snapshot().await.unwrap().keys, [issued.key]);
    directory.create_key(&Actor::cli("suite"), new("found")).await.unwrap();
}

#[tokio::test]
async fn the_audit_log_of_postgres_does_not_change_by_hand() {
    let Some(server) = Postgres::start().await else { return };
    let directory = Directory::new(Arc::new(on(&server).await));
    directory.record(AuditEntry::new(&Actor::cli("a"), "configuration", "x", "reload")).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for statement in [
        "UPDATE directory_audit SET actor = 'cli:b'",
        "DELETE FROM directory_audit",
        "TRUNCATE directory_audit",
        "INSERT INTO directory_audit OVERRIDING SYSTEM VALUE SELECT * FROM directory_audit",
    ] {
        assert!(client.batch_execute(statement).await.is_err(), "{statement}");
    }
    let entries = directory.audit(&AuditFilter::default(), &Page::default()).await.unwrap().items;
    assert_eq!((entries.len(), entries[0].actor.as_str()), (1, "cli:a"));
    assert_eq!(directory.forget_entries(SystemTime::now() - Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(directory.forget_entries(SystemTime::now() + Duration::from_secs(9)).await.unwrap(), 1);
}
