//! Who changed what, and when.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_usage::directory;

use super::rest::{Call, Cursor, Failure, Json, Limit, Nothing, Page, Time, Word, page};

/// Which entries.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    /// Only those by this actor, such as `admin:default`.
    actor: Option<Word>,
    /// Only this action, such as `key.create`.
    action: Option<Word>,
    /// Only those about this kind, such as `key` or `budget`.
    kind: Option<Word>,
    /// Only those about the object with this id.
    object: Option<Word>,
    /// Only those at this time or later.
    from: Option<Time>,
    /// Only those before this time.
    until: Option<Time>,
    /// How many.
    #[serde(default)]
    limit: Limit,
    /// Where to go on.
    cursor: Option<Cursor>,
}

/// A change.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct AuditEntry {
    /// Its number; later entries have larger ones.
    id: u64,
    at: Time,
    /// Who did it, such as `admin:default`, `cli:alice`, `local` or `configuration`.
    actor: String,
    /// What was done, such as `key.create` or `budget.put`.
    action: String,
    /// The kind of what was changed.
    kind: String,
    /// Its id.
    object: String,
    /// The revision after it.
    revision: u64,
    /// How it was before; null if it was not there.
    before: Option<Value>,
    /// How it is after; null if it is not there any more.
    after: Option<Value>,
}

/// `GET audit`
pub(super) async fn list(call: Call<Nothing, AuditQuery>) -> Result<Json<Page<AuditEntry>>, Failure> {
    let directory = call.directory()?.clone();
    let AuditQuery { actor, action, kind, object, from, until, limit, cursor } = call.query;
    let filter = directory::AuditFilter {
        actor: actor.map(Into::into),
        action: action.map(Into::into),
        kind: kind.map(Into::into),
        object: object.map(Into::into),
        from: from.map(|time| time.0),
        until: until.map(|time| time.0),
    };
    Ok(Json(Page::of(directory.audit(&filter, &page(limit, cursor)).await?)))
}

impl From<directory::AuditEntry> for AuditEntry {
    fn from(entry: directory::AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: Time(entry.at),
            actor: entry.actor.to_string(),
            action: entry.action,
            kind: entry.kind,
            object: entry.object,
            revision: entry.revision,
            before: entry.before,
            after: entry.after,
        }
    }
}
