//! What a database does before anybody keeps anything in it.

use super::*;

const FIRST: Migrations = Migrations { component: "test", steps: &["CREATE TABLE a (x INTEGER) STRICT"] };
const SECOND: Migrations = Migrations {
    component: "test",
    steps: &["CREATE TABLE a (x INTEGER) STRICT", "INSERT INTO a VALUES (1); CREATE TABLE b (y TEXT) STRICT"],
};

fn open() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = Sqlite::open(folder.path().join("t.db")).expect("opens");
    (folder, sqlite)
}

#[tokio::test]
async fn each_step_is_taken_once() {
    let (_folder, sqlite) = open();
    sqlite.migrate(FIRST).await.expect("the first");
    sqlite.migrate(SECOND).await.expect("the second");
    sqlite.migrate(SECOND).await.expect("nothing to do");
    let rows: u32 =
        sqlite.read(|db| Ok(db.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?)).await.expect("reads");
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn tables_of_a_newer_version_are_left_alone() {
    let (_folder, sqlite) = open();
    sqlite.migrate(SECOND).await.expect("migrates");
    let error = sqlite.migrate(FIRST).await.expect_err("is older");
    assert!(error.is_configuration(), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.db");
    std::fs::write(&path, "hello, hello, hello").expect("writes");
    assert!(Sqlite::open(&path).expect_err("is none").is_configuration());
    let missing = Sqlite::open(folder.path().join("no/such/folder.db")).expect_err("has no folder");
    assert!(missing.is_configuration());
}

#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, sqlite) = open();
    let mode = std::fs::metadata(sqlite.path()).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn an_address_that_leads_nowhere_is_not_told() {
    use tollgate_core::Secret;
    let refused = Postgres::new(&Secret::new("postgres://u:hunter2@:x")).expect_err("is none");
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    // Nobody listens on port 1.
    let away = Postgres::new(&Secret::new("postgres://u:hunter2@127.0.0.1:1/d")).expect("an address");
    let error = away.migrate(FIRST).await.expect_err("nobody is there");
    assert!(error.is_unavailable() && !format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}
