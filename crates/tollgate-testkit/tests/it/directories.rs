//! All stores of a directory by the same suite, and each where it differs.

#![expect(clippy::unwrap_used, reason = "a test that meets a surprise should stop there")]

use std::sync::Arc;

use tollgate_testkit::conformance;
use tollgate_usage::database::Sqlite;
use tollgate_usage::directory::{Actor, Directory, MemoryDirectory, NewKey, SqliteDirectory};

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
