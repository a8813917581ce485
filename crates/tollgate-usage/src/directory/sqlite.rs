//! A directory in an SQLite file.

use std::time::SystemTime;

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Row, ToSql, Transaction, TransactionBehavior, params, params_from_iter};
use tollgate_core::BoxFuture;

use super::memory::changed_meanwhile;
use super::sql::{self, COMPONENT, EntryRow, ObjectRow, Parameter, Select, number, positive};
use super::store::{AuditLog, CaptureStore, Change, Commit, DirectoryStore, Object, ObjectQuery};
use super::{AuditEntry, AuditFilter, Capture, CaptureFilter, DirectoryError, Listed, Page, time};
use crate::database::{DatabaseError, Migrations, Sqlite};

/// Keeps a directory in an SQLite file, which several processes of one machine may share.
#[derive(Clone, Debug)]
pub struct SqliteDirectory {
    database: Sqlite,
}

const MIGRATIONS: Migrations = Migrations { component: COMPONENT, steps: &[include_str!("sqlite_1.sql")] };

// === impl SqliteDirectory ===

impl SqliteDirectory {
    /// The directory in a database, whose tables are made if they are not there.
    ///
    /// # Errors
    /// If the file cannot be written, or a newer version has written it.
    pub async fn open(database: Sqlite) -> Result<Self, DatabaseError> {
        database.migrate(MIGRATIONS).await?;
        Ok(Self { database })
    }

    /// Has the thread that reads do something.
    fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DirectoryError>> {
        let answer = self.database.read(job);
        Box::pin(async move { Ok(answer.await?) })
    }

    /// Has the thread that writes do something in a transaction. It is immediate, because one that reads first and writes
    /// then fails at once if another process has written meanwhile.
    fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DirectoryError>> {
        let answer = self.database.write(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = job(&transaction)?;
            transaction.commit()?;
            Ok(result)
        });
        Box::pin(async move { Ok(answer.await?) })
    }
}

impl DirectoryStore for SqliteDirectory {
    fn revision(&self) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        self.read(|db| Ok(positive(db.prepare_cached(REVISION)?.query_row([], |row| row.get(0))?)))
    }

    fn objects<'a>(
        &'a self,
        query: &'a ObjectQuery,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Object>, DirectoryError>> {
        let (select, size) = (Select::objects('?', query, page), page.size());
        self.read(move |db| {
            let objects = rows(db, select, object_row)?.into_iter().map(ObjectRow::read).collect();
            Ok(Listed::of(objects, size, |object: &Object| object.name.clone()))
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        // What is refused is an answer like any other: the database has done its part.
        let done = self.database.write(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            match commit_in(&transaction, commit)? {
                Ok(revision) => {
                    transaction.commit()?;
                    Ok(Ok(revision))
                }
                Err(refused) => Ok(Err(refused)),
            }
        });
        Box::pin(async move { done.await? })
    }

    fn touch<'a>(
        &'a self,
        kind: &'a str,
        uses: &'a [(String, SystemTime)],
    ) -> BoxFuture<'a, Result<(), DirectoryError>> {
        let (kind, uses) = (kind.to_owned(), uses.to_vec());
        self.write(move |db| {
            for (id, at) in uses {
                db.prepare_cached(TOUCH)?.execute(params![kind, id, number(time::to_millis(at))])?;
            }
            Ok(())
        })
    }
}

impl AuditLog for SqliteDirectory {
    fn entries<'a>(
        &'a self,
        filter: &'a AuditFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<AuditEntry>, DirectoryError>> {
        let (select, size) = (Select::entries('?', filter, page), page.size());
        self.read(move |db| {
            let entries = rows(db, select, entry_row)?.into_iter().map(EntryRow::read).collect::<Result<_, _>>()?;
            Ok(Listed::of(entries, size, |entry: &AuditEntry| entry.id.to_string()))
        })
    }

    fn forget_entries(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let before = number(time::to_millis(before));
        self.write(move |db| {
            db.execute("UPDATE directory_state SET forget_before = ?1", [before])?;
            let count = db.execute("DELETE FROM directory_audit WHERE at < ?1", [before])?;
            db.execute("UPDATE directory_state SET forget_before = 0", [])?;
            Ok(count as u64)
        })
    }
}

impl CaptureStore for SqliteDirectory {
    fn keep<'a>(&'a self, captures: &'a [Capture]) -> BoxFuture<'a, Result<(), DirectoryError>> {
        let captures = captures.to_vec();
        self.write(move |db| {
            let mut insert = db.prepare_cached(KEEP)?;
            for capture in &captures {
                let at = number(time::to_millis(capture.at));
                insert.execute(params![at, capture.request_id, capture.key, sql::capture_body(capture)])?;
            }
            Ok(())
        })
    }

    fn captures<'a>(
        &'a self,
        filter: &'a CaptureFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Capture>, DirectoryError>> {
        let (select, size) = (Select::captures('?', filter, page), page.size());
        self.read(move |db| {
            let found = rows(db, select, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let captures = found.iter().map(|(id, body): &(i64, String)| sql::capture(*id, body));
            let captures = captures.collect::<Result<_, _>>()?;
            Ok(Listed::of(captures, size, |capture: &Capture| capture.id.to_string()))
        })
    }

    fn forget_captures(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let before = number(time::to_millis(before));
        self.write(move |db| Ok(db.execute("DELETE FROM directory_captures WHERE at < ?1", [before])? as u64))
    }
}

const REVISION: &str = "SELECT revision FROM directory_state";
const TOUCH: &str = "INSERT INTO directory_uses (kind, id, used_at)
    SELECT kind, id, ?3 FROM directory_objects WHERE kind = ?1 AND id = ?2
    ON CONFLICT (kind, id) DO UPDATE SET used_at = max(used_at, excluded.used_at)";
const KEEP: &str = "INSERT INTO directory_captures (at, request_id, client_key, body) VALUES (?1, ?2, ?3, ?4)";
const INSERT: &str = "INSERT INTO directory_objects (kind, id, name, path, body, version, created_at, changed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const REPLACE: &str = "UPDATE directory_objects
    SET name = ?3, path = ?4, body = ?5, version = ?6, created_at = ?7, changed_at = ?8
    WHERE kind = ?1 AND id = ?2 AND version = ?9";
const REMOVE: &str = "DELETE FROM directory_objects WHERE kind = ?1 AND id = ?2 AND version = ?3";
const ENTRY: &str = "INSERT INTO directory_audit (at, actor, action, kind, object, revision, before, after)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

fn commit_in(db: &Transaction<'_>, commit: Commit) -> Result<Result<u64, DirectoryError>, DatabaseError> {
    let step = i64::from(commit.change.is_some());
    let next = "UPDATE directory_state SET revision = revision + ?1 RETURNING revision";
    let revision: i64 = db.prepare_cached(next)?.query_row([step], |row| row.get(0))?;
    if let Some(change) = commit.change
        && let Err(refused) = change_in(db, change, revision)?
    {
        return Ok(Err(refused));
    }
    let entry = commit.entry;
    let [before, after] = [entry.before, entry.after].map(|value| value.map(|value| value.to_string()));
    let at = number(time::to_millis(entry.at));
    let values = params![at, entry.actor.as_str(), entry.action, entry.kind, entry.object, revision, before, after];
    db.prepare_cached(ENTRY)?.execute(values)?;
    Ok(Ok(positive(revision)))
}

fn change_in(db: &Transaction<'_>, change: Change, revision: i64) -> Result<Result<(), DirectoryError>, DatabaseError> {
    let (changed, kind) = match change {
        Change::Put { object, expected } => {
            let [created_at, changed_at] = [object.created_at, object.changed_at].map(|at| number(time::to_millis(at)));
            let Object { kind, id, name, path, body, .. } = &object;
            let done = match expected {
                None => db
                    .prepare_cached(INSERT)?
                    .execute(params![kind, id, name, path, body, revision, created_at, changed_at]),
                Some(version) => db.prepare_cached(REPLACE)?.execute(params![
                    kind,
                    id,
                    name,
                    path,
                    body,
                    revision,
                    created_at,
                    changed_at,
                    number(version)
                ]),
            };
            match done.map_err(DatabaseError::from) {
                Err(error) if error.is_conflict() => return Ok(Err(object.taken())),
                done => (done?, object.kind),
            }
        }
        Change::Remove { kind, id, expected } => {
            let removed = db.prepare_cached(REMOVE)?.execute(params![kind, id, number(expected)])?;
            db.execute("DELETE FROM directory_uses WHERE kind = ?1 AND id = ?2", params![kind, id])?;
            (removed, kind)
        }
    };
    Ok(if changed == 1 { Ok(()) } else { Err(changed_meanwhile(&kind)) })
}

fn rows<T>(
    db: &Connection,
    select: Select,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, DatabaseError> {
    let mut statement = db.prepare_cached(&select.text)?;
    let mut found = statement.query(params_from_iter(select.values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(read(row)?);
    }
    Ok(rows)
}

fn object_row(row: &Row<'_>) -> rusqlite::Result<ObjectRow> {
    Ok(ObjectRow {
        texts: [row.get(0)?, row.get(1)?, row.get(2)?],
        path: row.get(3)?,
        body: row.get(4)?,
        numbers: [row.get(5)?, row.get(6)?, row.get(7)?],
        used_at: row.get(8)?,
    })
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        numbers: [row.get(0)?, row.get(1)?, row.get(6)?],
        texts: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?],
        values: [row.get(7)?, row.get(8)?],
    })
}

impl ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Number(number) => number.to_sql(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Actor;

    async fn refused(directory: &SqliteDirectory, statement: &'static str) -> bool {
        directory.write(move |db| Ok(db.execute(statement, [])?)).await.is_err()
    }

    #[tokio::test]
    async fn the_audit_log_does_not_change_by_hand() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Sqlite::open(folder.path().join("t.db")).expect("opens");
        let directory = SqliteDirectory::open(database).await.expect("has tables");
        let entry = AuditEntry::new(&Actor::cli("a"), "configuration", "x", "reload");
        directory.commit(Commit { change: None, entry }).await.expect("is written down");
        for statement in [
            "UPDATE directory_audit SET actor = 'cli:b'",
            "DELETE FROM directory_audit",
            "REPLACE INTO directory_audit SELECT id, at, 'cli:b', action, kind, object, revision, before, after
                FROM directory_audit",
        ] {
            assert!(refused(&directory, statement).await, "{statement}");
        }
        let entries = directory.entries(&AuditFilter::default(), &Page::default()).await.expect("a list").items;
        assert_eq!((entries.len(), entries[0].actor.as_str()), (1, "cli:a"));
        assert_eq!(directory.forget_entries(SystemTime::now() + std::time::Duration::from_secs(9)).await.ok(), Some(1));
        let statement = "INSERT INTO directory_audit SELECT 9, 0, 'a', 'b', 'c', 'd', 0, NULL, NULL";
        assert!(!refused(&directory, statement).await, "new entries are no matter of the triggers");
        assert!(refused(&directory, "DELETE FROM directory_audit").await, "retention allows what it forgets alone");
    }
}
