//! Who may use the gateway and what of, which outlives every reload.

use std::sync::Arc;

use tollgate_usage::directory::{AuditEntry, Directory, MemoryDirectory};

/// What is managed while the gateway runs.
pub(crate) struct Accounts {
    pub(crate) directory: Directory,
}

impl Accounts {
    /// Accounts that end with the process.
    pub(crate) fn in_memory() -> Self {
        Self { directory: Directory::new(Arc::new(MemoryDirectory::new())) }
    }

    /// Writes down what has been done and is no change of the directory. It cannot be undone, so a directory that does not
    /// answer is only logged.
    pub(crate) async fn remember(&self, entry: AuditEntry) {
        let action = entry.action.clone();
        if let Err(error) = self.directory.record(entry).await {
            tracing::error!(error = &error as &dyn std::error::Error, action, "the audit log lacks this");
        }
    }
}
