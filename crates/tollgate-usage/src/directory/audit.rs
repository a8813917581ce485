//! Who changed what, and when.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::time;

/// Who does something, such as `admin:default`, `cli:alice` or `configuration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Actor(String);

/// One line of the audit log. What it tells of an object holds no secret, and of a key's secret not even the digest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Its number; later entries have larger ones. Set by the store.
    pub id: u64,
    /// When it happened.
    #[serde(with = "time")]
    pub at: SystemTime,
    /// Who did it.
    pub actor: Actor,
    /// What was done: the kind and a word, such as `key.create`, `budget.put` or `configuration.reload`.
    pub action: String,
    /// The kind of what was changed.
    pub kind: String,
    /// Its id.
    pub object: String,
    /// The revision after it. Set by the store.
    pub revision: u64,
    /// How it was before; `None` if it was not there.
    pub before: Option<Value>,
    /// How it is now; `None` if it is not there any more.
    pub after: Option<Value>,
}

/// Which entries are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those by this actor.
    pub actor: Option<String>,
    /// Only this action, such as `key.create`.
    pub action: Option<String>,
    /// Only those about this kind.
    pub kind: Option<String>,
    /// Only those about the object with this id.
    pub object: Option<String>,
    /// Only those at this time or later.
    pub from: Option<SystemTime>,
    /// Only those before this time.
    pub until: Option<SystemTime>,
}

// === impl Actor ===

impl Actor {
    /// Somebody with an admin key, by the key's name.
    #[must_use]
    pub fn admin(key: &str) -> Self {
        Self(format!("admin:{key}"))
    }

    /// Somebody at the command line, by the user's name.
    #[must_use]
    pub fn cli(user: &str) -> Self {
        Self(format!("cli:{user}"))
    }

    /// Whoever changed the configuration's file.
    #[must_use]
    pub fn configuration() -> Self {
        Self("configuration".to_owned())
    }

    /// An actor as a store has kept it.
    #[must_use]
    pub fn known_as(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The actor as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl AuditEntry ===

impl AuditEntry {
    /// An entry about something that happens now to an object; `action` is a word such as `create`.
    #[must_use]
    pub fn new(actor: &Actor, kind: &str, object: &str, action: &str) -> Self {
        Self {
            id: 0,
            at: time::now(),
            actor: actor.clone(),
            action: format!("{kind}.{action}"),
            kind: kind.to_owned(),
            object: object.to_owned(),
            revision: 0,
            before: None,
            after: None,
        }
    }

    /// Says how it was before. Defaults to not being there.
    #[must_use]
    pub fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    /// Says how it is after. Defaults to not being there.
    #[must_use]
    pub fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }
}

// === impl AuditFilter ===

impl AuditFilter {
    pub(crate) fn matches(&self, entry: &AuditEntry) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        is(&self.actor, entry.actor.as_str())
            && is(&self.action, &entry.action)
            && is(&self.kind, &entry.kind)
            && is(&self.object, &entry.object)
            && self.from.is_none_or(|from| entry.at >= from)
            && self.until.is_none_or(|until| entry.at < until)
    }
}
