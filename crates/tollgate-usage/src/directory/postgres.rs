//! A directory on a PostgreSQL server.

use std::time::SystemTime;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Transaction};
use tollgate_core::BoxFuture;

use super::memory::changed_meanwhile;
use super::sql::{self, COMPONENT, EntryRow, ObjectRow, Parameter, Select, number, positive};
use super::store::{AuditLog, CaptureStore, Change, Commit, DirectoryStore, Object, ObjectQuery};
use super::{AuditEntry, AuditFilter, Capture, CaptureFilter, DirectoryError, Listed, Page, time};
use crate::database::{DatabaseError, Migrations, Postgres};

/// Keeps a directory on a PostgreSQL server, which many replicas share.
#[derive(Clone, Debug)]
pub struct PostgresDirectory {
    database: Postgres,
}

const MIGRATIONS: Migrations = Migrations { component: COMPONENT, steps: &[include_str!("postgres_1.sql")] };

// === impl PostgresDirectory ===

impl PostgresDirectory {
    /// The directory in a database, whose tables are made if they are not there.
    ///
    /// # Errors
    /// If the server does not answer, or a newer version has made its tables.
    pub async fn open(database: Postgres) -> Result<Self, DatabaseError> {
        database.migrate(MIGRATIONS).await?;
        Ok(Self { database })
    }

    /// The rows of a question.
    fn rows(&self, select: Select) -> BoxFuture<'static, Result<Vec<Row>, DatabaseError>> {
        self.database.read(move |client| {
            Box::pin(async move {
                let values: Vec<&(dyn ToSql + Sync)> = select.values.iter().map(Parameter::as_sql).collect();
                Ok(client.query(&select.text, &values).await?)
            })
        })
    }
}

impl DirectoryStore for PostgresDirectory {
    fn revision(&self) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let row = self.database.read(|client| {
            Box::pin(async { Ok(client.query_one("SELECT revision FROM directory_state", &[]).await?) })
        });
        Box::pin(async move { Ok(positive(row.await?.get(0))) })
    }

    fn objects<'a>(
        &'a self,
        query: &'a ObjectQuery,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Object>, DirectoryError>> {
        let rows = self.rows(Select::objects('$', query, page));
        Box::pin(async move {
            let objects = rows.await?.iter().map(|row| object_row(row).read()).collect();
            Ok(Listed::of(objects, page.size(), |object: &Object| object.name.clone()))
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let done = self.database.write(move |client| Box::pin(commit_with(client, commit)));
        // What is refused is an answer like any other: the database has done its part.
        Box::pin(async move { done.await? })
    }

    fn touch<'a>(
        &'a self,
        kind: &'a str,
        uses: &'a [(String, SystemTime)],
    ) -> BoxFuture<'a, Result<(), DirectoryError>> {
        let kind = kind.to_owned();
        // In the order of ids, so that two replicas never wait for each other in a circle.
        let mut uses = uses.to_vec();
        uses.sort();
        let (ids, times): (Vec<String>, Vec<i64>) =
            uses.into_iter().map(|(id, at)| (id, number(time::to_millis(at)))).unzip();
        let done = self
            .database
            .write(move |client| Box::pin(async move { Ok(client.execute(TOUCH, &[&kind, &ids, &times]).await?) }));
        Box::pin(async move { Ok(done.await.map(drop)?) })
    }
}

impl AuditLog for PostgresDirectory {
    fn entries<'a>(
        &'a self,
        filter: &'a AuditFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<AuditEntry>, DirectoryError>> {
        let rows = self.rows(Select::entries('$', filter, page));
        Box::pin(async move {
            let entries = rows.await?.iter().map(|row| entry_row(row).read()).collect::<Result<_, _>>()?;
            Ok(Listed::of(entries, page.size(), |entry: &AuditEntry| entry.id.to_string()))
        })
    }

    fn forget_entries(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let before = number(time::to_millis(before));
        let done = self.database.write(move |client| {
            Box::pin(async move {
                let transaction = client.transaction().await?;
                let set = "SELECT set_config('tollgate.forget_before', $1, true)";
                transaction.execute(set, &[&before.to_string()]).await?;
                let count = transaction.execute("DELETE FROM directory_audit WHERE at < $1", &[&before]).await?;
                transaction.commit().await?;
                Ok(count)
            })
        });
        Box::pin(async move { Ok(done.await?) })
    }
}

impl CaptureStore for PostgresDirectory {
    fn keep<'a>(&'a self, captures: &'a [Capture]) -> BoxFuture<'a, Result<(), DirectoryError>> {
        let times: Vec<i64> = captures.iter().map(|capture| number(time::to_millis(capture.at))).collect();
        let ids: Vec<String> = captures.iter().map(|capture| capture.request_id.clone()).collect();
        let keys: Vec<Option<String>> = captures.iter().map(|capture| capture.key.clone()).collect();
        let bodies: Vec<String> = captures.iter().map(sql::capture_body).collect();
        let done = self.database.write(move |client| {
            Box::pin(async move { Ok(client.execute(KEEP, &[&times, &ids, &keys, &bodies]).await?) })
        });
        Box::pin(async move { Ok(done.await.map(drop)?) })
    }

    fn captures<'a>(
        &'a self,
        filter: &'a CaptureFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Capture>, DirectoryError>> {
        let rows = self.rows(Select::captures('$', filter, page));
        Box::pin(async move {
            let rows = rows.await?;
            let captures = rows.iter().map(|row| sql::capture(row.get(0), row.get(1))).collect::<Result<_, _>>()?;
            Ok(Listed::of(captures, page.size(), |capture: &Capture| capture.id.to_string()))
        })
    }

    fn forget_captures(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let before = number(time::to_millis(before));
        let done = self.database.write(move |client| {
            Box::pin(
                async move { Ok(client.execute("DELETE FROM directory_captures WHERE at < $1", &[&before]).await?) },
            )
        });
        Box::pin(async move { Ok(done.await?) })
    }
}

const TOUCH: &str = "INSERT INTO directory_uses (kind, id, used_at)
    SELECT o.kind, o.id, max(u.used_at) FROM unnest($2::TEXT[], $3::BIGINT[]) AS u (id, used_at)
    JOIN directory_objects o ON o.kind = $1 AND o.id = u.id GROUP BY o.kind, o.id ORDER BY o.id
    ON CONFLICT (kind, id) DO UPDATE SET used_at = greatest(directory_uses.used_at, excluded.used_at)";
const KEEP: &str = "INSERT INTO directory_captures (at, request_id, client_key, body)
    SELECT * FROM unnest($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::TEXT[])";
const INSERT: &str = "INSERT INTO directory_objects (kind, id, name, path, body, version, created_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const REPLACE: &str = "UPDATE directory_objects
    SET name = $3, path = $4, body = $5, version = $6, created_at = $7, changed_at = $8
    WHERE kind = $1 AND id = $2 AND version = $9";
const REMOVE: &str = "DELETE FROM directory_objects WHERE kind = $1 AND id = $2 AND version = $3";
const ENTRY: &str = "INSERT INTO directory_audit (at, actor, action, kind, object, revision, before, after)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

async fn commit_with(client: &mut Client, commit: Commit) -> Result<Result<u64, DirectoryError>, DatabaseError> {
    let transaction = client.transaction().await?;
    let step = i64::from(commit.change.is_some());
    // Also where nothing is added: it holds the row, so that entries get their numbers in the order of the revisions.
    let next = "UPDATE directory_state SET revision = revision + $1 RETURNING revision";
    let revision: i64 = transaction.query_one(next, &[&step]).await?.get(0);
    if let Some(change) = commit.change
        && let Err(refused) = change_in(&transaction, change, revision).await?
    {
        return Ok(Err(refused));
    }
    let entry = commit.entry;
    let [before, after] = [entry.before, entry.after].map(|value| value.map(|value| value.to_string()));
    let (at, actor) = (number(time::to_millis(entry.at)), entry.actor.as_str());
    let values: [&(dyn ToSql + Sync); 8] =
        [&at, &actor, &entry.action, &entry.kind, &entry.object, &revision, &before, &after];
    transaction.execute(ENTRY, &values).await?;
    transaction.commit().await?;
    Ok(Ok(positive(revision)))
}

async fn change_in(
    db: &Transaction<'_>,
    change: Change,
    revision: i64,
) -> Result<Result<(), DirectoryError>, DatabaseError> {
    let (changed, kind) = match change {
        Change::Put { object, expected } => {
            let [created_at, changed_at] = [object.created_at, object.changed_at].map(|at| number(time::to_millis(at)));
            let Object { kind, id, name, path, body, .. } = &object;
            let mut values: Vec<&(dyn ToSql + Sync)> =
                vec![kind, id, name, path, body, &revision, &created_at, &changed_at];
            let version = expected.map(number);
            let statement = if version.is_some() { REPLACE } else { INSERT };
            values.extend(version.iter().map(|version| version as &(dyn ToSql + Sync)));
            match db.execute(statement, &values).await.map_err(DatabaseError::from) {
                Err(error) if error.is_conflict() => return Ok(Err(object.taken())),
                done => (done?, object.kind),
            }
        }
        Change::Remove { kind, id, expected } => {
            let removed = db.execute(REMOVE, &[&kind, &id, &number(expected)]).await?;
            db.execute("DELETE FROM directory_uses WHERE kind = $1 AND id = $2", &[&kind, &id]).await?;
            (removed, kind)
        }
    };
    Ok(if changed == 1 { Ok(()) } else { Err(changed_meanwhile(&kind)) })
}

fn object_row(row: &Row) -> ObjectRow {
    ObjectRow {
        texts: [row.get(0), row.get(1), row.get(2)],
        path: row.get(3),
        body: row.get(4),
        numbers: [row.get(5), row.get(6), row.get(7)],
        used_at: row.get(8),
    }
}

fn entry_row(row: &Row) -> EntryRow {
    EntryRow {
        numbers: [row.get(0), row.get(1), row.get(6)],
        texts: [row.get(2), row.get(3), row.get(4), row.get(5)],
        values: [row.get(7), row.get(8)],
    }
}

impl Parameter {
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number,
        }
    }
}
