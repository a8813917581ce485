//! Where answers are kept.

pub mod memory;

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
