//! What is managed while the gateway runs: virtual keys, rules and prices, who changed them, and captured requests.
//!
//! [`Directory`] is what programs use: it makes keys, checks what it is given, and writes down who did what. Below it is a
//! [`DirectoryStore`], which keeps [`Object`]s and knows nothing of what they mean. Every change and its [`AuditEntry`] are
//! one transaction, and every change raises the [revision](DirectoryStore::revision), so that replicas that share a store see
//! by one small question that there is something to read.
//!
//! [`KeyRing`] is what a request meets: all keys, in memory, found by the digest of what the client sent.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::SystemTime;
//! use tollgate_usage::directory::{Actor, Directory, KeyRing, MemoryDirectory, NewKey};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let directory = Directory::new(Arc::new(MemoryDirectory::new()));
//! let new = NewKey { name: "search-app".into(), path: Some("acme/search".parse()?), ..NewKey::default() };
//! let issued = directory.create_key(&Actor::cli("alice"), new).await?;
//!
//! let ring = KeyRing::new();
//! ring.replace(&directory.snapshot().await?);
//! let holder = ring.find(issued.secret.expose(), SystemTime::now()).unwrap();
//! assert_eq!(holder.identity().key.as_deref(), Some("search-app"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod audit;
mod capture;
mod document;
mod error;
mod facade;
mod key;
mod key_changes;
mod memory;
mod page;
mod path;
#[cfg(feature = "postgres")]
mod postgres;
mod redaction;
mod ring;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod time;
mod token;

pub use audit::{Actor, AuditEntry, AuditFilter};
pub use capture::{Capture, CaptureFilter, CapturedBody};
pub use document::{Document, Expected, kinds};
pub use error::DirectoryError;
pub use facade::{Directory, Snapshot};
pub use key::{KeyFilter, VirtualKey};
pub use key_changes::{IssuedKey, KeyUpdate, NewKey};
pub use memory::MemoryDirectory;
pub use page::{Listed, Page};
pub use path::{KeyPath, ParsePathError};
#[cfg(feature = "postgres")]
pub use postgres::PostgresDirectory;
pub use redaction::{BodyForm, Redaction, RedactionError};
pub use ring::{Holder, KeyRefusal, KeyRing};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteDirectory;
pub use store::{AuditLog, CaptureStore, Change, Commit, DirectoryStore, Object, ObjectQuery};
