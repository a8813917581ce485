//! What SQLite and PostgreSQL have in common: the questions, and how rows become objects.

use serde_json::Value;

use super::audit::{Actor, AuditEntry, AuditFilter};
use super::{Capture, CaptureFilter, DirectoryError, Object, ObjectQuery, Page, time};
use crate::database::DatabaseError;

/// Under which tables remember how often they were changed.
pub(super) const COMPONENT: &str = "directory";

pub(super) const OBJECTS: &str =
    "SELECT o.kind, o.id, o.name, o.path, o.body, o.version, o.created_at, o.changed_at, u.used_at
    FROM directory_objects o LEFT JOIN directory_uses u ON u.kind = o.kind AND u.id = o.id";

const ENTRIES: &str = "SELECT id, at, actor, action, kind, object, revision, before, after FROM directory_audit";

const CAPTURES: &str = "SELECT id, body FROM directory_captures";

/// A question that is being written, with the values that stand for its marks.
pub(super) struct Select {
    pub(super) text: String,
    pub(super) values: Vec<Parameter>,
    mark: char,
}

/// A value of a question.
#[derive(Debug)]
pub(super) enum Parameter {
    Text(String),
    Number(i64),
}

/// A row of the audit log.
pub(super) struct EntryRow {
    pub(super) numbers: [i64; 3],
    pub(super) texts: [String; 4],
    pub(super) values: [Option<String>; 2],
}

/// A row of an object.
pub(super) struct ObjectRow {
    pub(super) texts: [String; 3],
    pub(super) path: Option<String>,
    pub(super) body: String,
    pub(super) numbers: [i64; 3],
    pub(super) used_at: Option<i64>,
}

// === impl Select ===

impl Select {
    /// `mark` is the character before the number of a value: `?` in SQLite, `$` in PostgreSQL.
    fn new(mark: char, text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new(), mark }
    }

    pub(super) fn objects(mark: char, query: &ObjectQuery, page: &Page) -> Self {
        let mut select = Self::new(mark, OBJECTS);
        select.and("o.kind = #", Some(&query.kind));
        select.and("o.id = #", query.id.as_ref());
        select.and("o.name = #", query.name.as_ref());
        // In the order of bytes, what begins with `path/` is between that and `path0`, and an index finds it.
        select.and("(o.path = # OR o.path >= # || '/' AND o.path < # || '0')", query.within.as_ref());
        select.and("o.name > #", page.after.as_ref());
        select.end("o.name", page)
    }

    pub(super) fn entries(mark: char, filter: &AuditFilter, page: &Page) -> Self {
        let mut select = Self::new(mark, ENTRIES);
        select.and("actor = #", filter.actor.as_ref());
        select.and("action = #", filter.action.as_ref());
        select.and("kind = #", filter.kind.as_ref());
        select.and("object = #", filter.object.as_ref());
        select.and_number("at >= #", filter.from.map(|time| number(time::to_millis(time))));
        select.and_number("at < #", filter.until.map(|time| number(time::to_millis(time))));
        select.before(page)
    }

    pub(super) fn captures(mark: char, filter: &CaptureFilter, page: &Page) -> Self {
        let mut select = Self::new(mark, CAPTURES);
        select.and("request_id = #", filter.request_id.as_ref());
        select.and("client_key = #", filter.key.as_ref());
        select.and_number("at >= #", filter.from.map(|time| number(time::to_millis(time))));
        select.and_number("at < #", filter.until.map(|time| number(time::to_millis(time))));
        select.before(page)
    }

    fn before(mut self, page: &Page) -> Self {
        // A place that is no number is none that was handed out.
        let before = page.after.as_ref().map(|after| after.parse().unwrap_or(0));
        self.and_number("id < #", before);
        self.end("id DESC", page)
    }

    fn and(&mut self, condition: &str, value: Option<&String>) {
        self.and_parameter(condition, value.cloned().map(Parameter::Text));
    }

    fn and_number(&mut self, condition: &str, value: Option<i64>) {
        self.and_parameter(condition, value.map(Parameter::Number));
    }

    fn and_parameter(&mut self, condition: &str, value: Option<Parameter>) {
        let Some(value) = value else { return };
        self.text.push_str(if self.values.is_empty() { " WHERE " } else { " AND " });
        self.values.push(value);
        let mark = format!("{}{}", self.mark, self.values.len());
        self.text.push_str(&condition.replace('#', &mark));
    }

    /// One more than wanted, which tells whether there is another piece.
    fn end(mut self, order: &str, page: &Page) -> Self {
        self.text.push_str(&format!(" ORDER BY {order} LIMIT {}", page.size() + 1));
        self
    }
}

// === impl EntryRow ===

impl EntryRow {
    pub(super) fn read(self) -> Result<AuditEntry, DatabaseError> {
        let ([id, at, revision], [actor, action, kind, object], [before, after]) =
            (self.numbers, self.texts, self.values);
        let value = |text: Option<String>| text.as_deref().map(serde_json::from_str::<Value>).transpose();
        let unreadable = |_| DatabaseError::refused(format!("the entry {id} of the audit log cannot be read"));
        Ok(AuditEntry {
            id: positive(id),
            at: time::from_millis(positive(at)),
            actor: Actor::known_as(actor),
            action,
            kind,
            object,
            revision: positive(revision),
            before: value(before).map_err(unreadable)?,
            after: value(after).map_err(unreadable)?,
        })
    }
}

// === impl ObjectRow ===

impl ObjectRow {
    pub(super) fn read(self) -> Object {
        let ([kind, id, name], [version, created_at, changed_at]) = (self.texts, self.numbers);
        Object {
            kind,
            id,
            name,
            path: self.path,
            body: self.body,
            version: positive(version),
            created_at: time::from_millis(positive(created_at)),
            changed_at: time::from_millis(positive(changed_at)),
            last_used_at: self.used_at.map(|at| time::from_millis(positive(at))),
        }
    }
}

pub(super) fn capture(id: i64, body: &str) -> Result<Capture, DatabaseError> {
    let capture: Capture =
        serde_json::from_str(body).map_err(|_| DatabaseError::refused(format!("the capture {id} cannot be read")))?;
    Ok(Capture { id: positive(id), ..capture })
}

/// The body of a row of a capture.
pub(super) fn capture_body(capture: &Capture) -> String {
    serde_json::to_string(capture).unwrap_or_default()
}

/// Databases have signed numbers only.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn positive(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

// === impl DirectoryError ===

impl From<DatabaseError> for DirectoryError {
    fn from(error: DatabaseError) -> Self {
        Self::unavailable(error.to_string(), error)
    }
}
