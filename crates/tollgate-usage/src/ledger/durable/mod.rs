//! The ledger that forgets nothing.
//!
//! A record goes to a journal on the disk first and to the store, usually a database, later, in batches. So a request waits
//! for no database; when one is away, records wait on the disk; and when the process is killed, whoever starts next finds
//! them. The store keeps how far it has got in each journal together with the records, so that each is there once.
//!
//! What may be lost: if the process is killed, the records of the last *window*; of a window of zero, none whose answer
//! the client has seen the end of. If the machine loses power, also what its kernel had not written yet, unless
//! [`DurableLedgerBuilder::sync`] is set.

mod drain;
mod gather;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::drain::Drain;
use self::gather::Gather;
use super::journal::{Spool, Writer};
use super::{Ledger, LedgerStore};
use crate::UsageRecord;

/// Keeps records in a store by way of a journal.
pub struct DurableLedger {
    gather: Arc<Gather>,
    store: Arc<dyn LedgerStore>,
    /// Told when the threads have ended, with whether all records are in the store.
    ended: Mutex<Option<Receiver<bool>>>,
}

/// How a [`DurableLedger`] is to be.
#[derive(Debug)]
#[must_use = "nothing is opened before `open`"]
pub struct DurableLedgerBuilder {
    store: Arc<dyn LedgerStore>,
    spool: PathBuf,
    settings: Settings,
}

/// What becomes of requests when the spool is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// None are let in, because what they cost could not be told.
    #[default]
    Refuse,
    /// They are let in, and not recorded.
    Drop,
}

/// How a ledger fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerState {
    /// Records taken since the start.
    pub recorded: u64,
    /// Records that the store has taken since the start, those of earlier processes included.
    pub stored: u64,
    /// Records that were given up because there was no room for them.
    pub dropped: u64,
    /// Bytes of records on the disk; what the store has already is among them until its segment is full.
    pub spooled_bytes: u64,
    /// Whether the store does not take records at present.
    pub store_is_away: bool,
    /// Whether the disk does not take records at present.
    pub disk_is_full: bool,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    window: Duration,
    sync: bool,
    max_spool: u64,
    when_full: WhenFull,
    batch: usize,
    pause: Duration,
    keep_records: Option<Duration>,
    keep_sums: Option<Duration>,
}

/// A segment is at most this long, and at most an eighth of the spool, because it is deleted as a whole.
const SEGMENT: u64 = 16 * 1024 * 1024;

// === impl DurableLedgerBuilder ===

impl DurableLedgerBuilder {
    /// How long records may be in memory alone. Zero writes each before [`Ledger::record`] returns. Defaults to 100 ms.
    pub fn window(mut self, window: Duration) -> Self {
        self.settings.window = window;
        self
    }

    /// Whether records must have reached the disk itself when they count as written, so that they survive the loss of power.
    /// Costs a flush of the disk for each window, or, without a window, for each answer. Defaults to `false`.
    pub fn sync(mut self, sync: bool) -> Self {
        self.settings.sync = sync;
        self
    }

    /// How many bytes of records may wait on the disk. Defaults to 1 GiB.
    pub fn max_spool(mut self, bytes: u64) -> Self {
        self.settings.max_spool = bytes;
        self
    }

    /// What becomes of requests when the spool, or the disk, is full. Defaults to [`WhenFull::Refuse`].
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.settings.when_full = when_full;
        self
    }

    /// How many records go to the store at once. Defaults to 1000.
    pub fn batch(mut self, records: usize) -> Self {
        self.settings.batch = records.max(1);
        self
    }

    /// How long to wait between two batches that are not full, so that more is done at once. Defaults to 500 ms.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.settings.pause = pause;
        self
    }

    /// How long the store keeps records; `None`, the default, keeps them for ever.
    pub fn keep_records(mut self, keep: Option<Duration>) -> Self {
        self.settings.keep_records = keep;
        self
    }

    /// How long the store keeps the sums of hours; `None`, the default, keeps them for ever.
    pub fn keep_sums(mut self, keep: Option<Duration>) -> Self {
        self.settings.keep_sums = keep;
        self
    }

    /// Makes a journal in the spool and starts the threads that write it, and that bring records to the store, those of
    /// journals that nobody holds first.
    ///
    /// # Errors
    /// If the spool cannot be written to, or a thread cannot be started.
    pub fn open(self) -> io::Result<DurableLedger> {
        let Self { store, spool, settings } = self;
        let spool = Spool::open(spool)?;
        let own = spool.create()?;
        let segment_size = SEGMENT.min(settings.max_spool / 8);
        let writer = Writer::new(own.folder().to_owned(), segment_size, settings.sync);
        let gather = Arc::new(Gather::new(writer, settings));
        // At once, so that a disk that takes nothing is found now and not by the first request.
        gather.probe()?;
        gather.start()?;
        let ended = Drain::start(spool, own, store.clone(), gather.clone(), settings)?;
        Ok(DurableLedger { gather, store, ended: Mutex::new(Some(ended)) })
    }
}

// === impl DurableLedger ===

impl DurableLedger {
    /// A ledger that brings records to `store`, by way of journals in the folder `spool`, which other processes may share.
    pub fn builder(store: Arc<dyn LedgerStore>, spool: impl Into<PathBuf>) -> DurableLedgerBuilder {
        let settings = Settings {
            window: Duration::from_millis(100),
            sync: false,
            max_spool: 1024 * 1024 * 1024,
            when_full: WhenFull::Refuse,
            batch: 1000,
            pause: Duration::from_millis(500),
            keep_records: None,
            keep_sums: None,
        };
        DurableLedgerBuilder { store, spool: spool.into(), settings }
    }

    /// Where the records go, for whoever asks about them.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn LedgerStore> {
        &self.store
    }

    /// Waits until the store has everything that was recorded before; gives up after `limit`, and at once if the store is
    /// away. Whether it has.
    pub async fn settle(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.gather.settled()).await.unwrap_or(false)
    }

    /// How it fares.
    #[must_use]
    pub fn state(&self) -> LedgerState {
        self.gather.state()
    }

    /// Writes everything to the disk, and brings as much as it can within `limit` to the store. Whether that was all; the
    /// rest is there for the next start. Blocks. Nothing may be recorded after it.
    pub fn finish(&self, limit: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.gather.stop();
        match ended.map(|ended| ended.recv_timeout(limit)) {
            Some(Ok(is_all)) => is_all,
            Some(Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) | None => false,
        }
    }
}

impl Ledger for DurableLedger {
    fn record(&self, record: &UsageRecord) {
        self.gather.record(record);
    }

    fn has_room(&self) -> bool {
        self.gather.has_room()
    }
}

impl Drop for DurableLedger {
    fn drop(&mut self) {
        self.gather.stop();
    }
}

impl fmt::Debug for DurableLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableLedger").field("recorded", &self.gather.recorded.load(Relaxed)).finish_non_exhaustive()
    }
}
