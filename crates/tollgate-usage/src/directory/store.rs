//! What keeps a directory.

use std::fmt;
use std::time::SystemTime;

use tollgate_core::BoxFuture;

use super::{AuditEntry, AuditFilter, Capture, CaptureFilter, DirectoryError, Listed, Page};

/// Something that is managed, as a store knows it: names to find it by, and a text that means nothing to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is, such as `key` or `budget`.
    pub kind: String,
    /// What tells it from others of its kind; never changes.
    pub id: String,
    /// Another name that no other of its kind has; lists are in the order of its bytes.
    pub name: String,
    /// Where it belongs, for filters.
    pub path: Option<String>,
    /// Its content, JSON.
    pub body: String,
    /// The revision that it has been like this since. Set by the store.
    pub version: u64,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was changed last.
    pub changed_at: SystemTime,
    /// When it was last of use, as far as somebody has [told](DirectoryStore::touch).
    pub last_used_at: Option<SystemTime>,
}

/// Which objects are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectQuery {
    /// Their kind.
    pub kind: String,
    /// Only that with this id.
    pub id: Option<String>,
    /// Only that with this name.
    pub name: Option<String>,
    /// Only those with this path or one below it.
    pub within: Option<String>,
}

/// A change of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes it, or replaces it.
    Put {
        /// How it is to be. Its version is of no interest.
        object: Object,
        /// The version that is to be replaced; `None` if it must not be there yet.
        expected: Option<u64>,
    },
    /// Removes it.
    Remove {
        /// Its kind.
        kind: String,
        /// Its id.
        id: String,
        /// The version that is to be removed.
        expected: u64,
    },
}

/// A change and what is to be remembered of it, which happen together or not at all.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The change; `None` if something is to be remembered that was not a change of an object.
    pub change: Option<Change>,
    /// What is to be remembered. Its id and revision are set by the store.
    pub entry: AuditEntry,
}

/// Keeps objects, and who changed them. Every implementation goes through the same suite, that of the crate
/// `tollgate-testkit`.
///
/// All futures may be dropped at any time; a change whose future was dropped has happened wholly or not at all.
///
/// # Errors
/// A store that does not answer fails with [`DirectoryError::is_unavailable`].
pub trait DirectoryStore: AuditLog + CaptureStore + fmt::Debug + Send + Sync {
    /// How often something was changed, by anybody. It never falls.
    fn revision(&self) -> BoxFuture<'_, Result<u64, DirectoryError>>;

    /// A piece of the list of objects, in the order of the bytes of their names.
    fn objects<'a>(
        &'a self,
        query: &'a ObjectQuery,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Object>, DirectoryError>>;

    /// Changes something and writes down who did, in one transaction. Returns the revision after it, which a change has
    /// raised.
    ///
    /// # Errors
    /// [`DirectoryError::is_conflict`] if the object has another version than expected or is not there,
    /// [`DirectoryError::is_exists`] if its id or its name is taken. Then nothing has changed.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, DirectoryError>>;

    /// Notes when objects of a kind, by id, were last of use. This is no change: neither the revision nor the audit log tells
    /// of it. Ids that are not there, and times before those that are known, are passed over.
    fn touch<'a>(
        &'a self,
        kind: &'a str,
        uses: &'a [(String, SystemTime)],
    ) -> BoxFuture<'a, Result<(), DirectoryError>>;
}

/// Keeps who changed what. Entries are added by [`DirectoryStore::commit`] alone and never change.
pub trait AuditLog {
    /// A piece of the log, the newest first.
    fn entries<'a>(
        &'a self,
        filter: &'a AuditFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<AuditEntry>, DirectoryError>>;

    /// Forgets entries older than a time, and returns how many. The one way by which entries go.
    fn forget_entries(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>>;
}

/// Keeps captured requests.
pub trait CaptureStore {
    /// Keeps captures. Their ids are set by the store.
    fn keep<'a>(&'a self, captures: &'a [Capture]) -> BoxFuture<'a, Result<(), DirectoryError>>;

    /// A piece of the list of captures, the newest first.
    fn captures<'a>(
        &'a self,
        filter: &'a CaptureFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Capture>, DirectoryError>>;

    /// Forgets captures older than a time, and returns how many.
    fn forget_captures(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>>;
}
