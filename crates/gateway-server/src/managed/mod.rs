//! What is managed while the gateway runs, and how requests come to know of it.
//!
//! Keys and documents are in a database, which other replicas and the command line change as well. One task looks every so
//! often whether somebody has, reads everything and hands it on: to the key ring, which requests ask, and to whoever
//! [subscribes](Managed::subscribe).

mod captures;
pub(crate) mod database;
mod task;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tollgate_usage::directory::{AuditEntry, Directory, DirectoryError, KeyRing, Redaction, Snapshot};

use self::captures::{CaptureQueue, Captures};
pub(crate) use self::task::{Settings, run};
use crate::accounts::Database;
use crate::config::Config;

/// What is managed: the directory, and what of it is in memory.
pub struct Managed {
    /// None if the database cannot be used, and nothing was ever in it.
    directory: Option<Directory>,
    ring: Arc<KeyRing>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    owed: mpsc::Sender<AuditEntry>,
    captures: CaptureQueue,
    /// Taken by the task that writes.
    waiting: Mutex<Option<Waiting>>,
}

/// What waits to be written.
struct Waiting {
    entries: mpsc::Receiver<AuditEntry>,
    captures: Captures,
}

/// Entries that wait for the database. Reloads are rare; more than this means that it has been away for long.
const OWED: usize = 256;

// === impl Managed ===

impl Managed {
    /// Opens the database of a configuration, or uses one that is open already, and reads it.
    ///
    /// # Errors
    /// If there is a database that cannot be read. Who may come in is not known then.
    pub(crate) async fn open(
        config: &Config,
        shared: Option<&Database>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let directory = match database::open(config, shared).await {
            Ok(directory) => Some(directory),
            Err(error) if error.is_there => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "keys cannot be managed here");
                None
            }
        };
        let managed = Self::of(directory);
        managed.refresh().await?;
        Ok(managed)
    }

    fn of(directory: Option<Directory>) -> Self {
        let (owed, entries) = mpsc::channel(OWED);
        let (queue, captures) = captures::queue();
        Self {
            directory,
            ring: Arc::default(),
            snapshot: watch::channel(Arc::default()).0,
            owed,
            captures: queue,
            waiting: Mutex::new(Some(Waiting { entries, captures })),
        }
    }

    /// Where keys and documents are kept; `None` if there is no database.
    #[must_use]
    pub fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// The keys that requests are let in with.
    #[must_use]
    pub fn ring(&self) -> &Arc<KeyRing> {
        &self.ring
    }

    /// Everything that is managed, now and after each change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// Reads the database again if somebody has changed it, so that requests from now on know of it. Whoever changes
    /// something calls it, rather than wait until the task comes to it.
    ///
    /// # Errors
    /// If the database does not answer; then everything stays as it is.
    pub async fn refresh(&self) -> Result<(), DirectoryError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let known = self.snapshot.borrow().revision;
        if directory.revision().await? == known {
            return Ok(());
        }
        let snapshot = Arc::new(directory.snapshot().await?);
        self.snapshot.send_if_modified(|current| {
            // Two may have read at the same time; what is older must not win.
            let is_newer = snapshot.revision > current.revision;
            if is_newer {
                self.ring.replace(&snapshot);
                *current = snapshot.clone();
            }
            is_newer
        });
        Ok(())
    }

    /// Has something written into the audit log, soon and without waiting for it.
    pub(crate) fn record(&self, entry: AuditEntry) {
        if self.directory.is_some()
            && let Err(error) = self.owed.try_send(entry)
        {
            tracing::error!(%error, "an entry for the audit log is lost, because the database does not take it");
        }
    }

    /// Takes captures, with rules for what is taken out of them and a limit on the bytes that may wait.
    pub(crate) fn capture_queue(&self, redaction: Redaction, memory: usize) -> CaptureQueue {
        self.captures.with(redaction, memory)
    }

    fn take_waiting(&self) -> Option<Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Writes down when keys were used.
    async fn write_uses(&self) -> Result<(), DirectoryError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let uses = self.ring.take_uses();
        if uses.is_empty() { Ok(()) } else { directory.touch(&uses).await }
    }
}

impl fmt::Debug for Managed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Managed").field("directory", &self.directory).field("ring", &self.ring).finish_non_exhaustive()
    }
}
