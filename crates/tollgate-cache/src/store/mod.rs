//! Where answers are kept.

mod file;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;

use std::sync::Arc;

use tollgate_core::BoxFuture;

use crate::{Entry, Key};

/// A place for answers that several processes may share. It is a convenience: whatever fails in it is a miss, after a bounded
/// time, and never fails a request.
pub trait Store: Send + Sync {
    /// The entry of a key.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Arc<Entry>>>;

    /// Keeps an entry until it is of no use.
    fn put(&self, key: Key, entry: Arc<Entry>) -> BoxFuture<'_, ()>;

    /// Forgets an entry; whether there was one.
    fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, bool>;
}

/// Epochs by the names of what they are of.
pub type NamedEpochs = Vec<(Arc<str>, u64)>;

/// What was invalidated, as all processes that share a store see it.
pub trait SharedEpochs: Send + Sync {
    /// The epoch of everything that was ever invalidated; `None` if it cannot be had now.
    fn load(&self) -> BoxFuture<'_, Option<NamedEpochs>>;

    /// Begins a new epoch, and gives it; `None` if it cannot be done now.
    fn advance<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<u64>>;
}
