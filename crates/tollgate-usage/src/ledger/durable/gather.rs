//! From requests to the journal.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{LedgerState, Settings, WhenFull};
use crate::UsageRecord;
use crate::codec::encode;
use crate::ledger::Position;
use crate::ledger::journal::{self, Writer};

/// Gathers records in memory and writes them to the journal; tells the drain of it.
#[derive(Debug)]
pub(super) struct Gather {
    settings: Settings,
    /// Frames that are not written yet.
    frames: Mutex<Frames>,
    /// Told when there are some, and when it is time to stop.
    arrived: Condvar,
    /// Locked before `frames` by whoever locks both.
    writer: Mutex<Writer>,
    /// Where whole frames end in the journal.
    written: Mutex<Position>,
    /// Up to where the store has them.
    drained: Mutex<Position>,
    pub(super) recorded: AtomicU64,
    pub(super) stored: AtomicU64,
    dropped: AtomicU64,
    pub(super) spooled: AtomicU64,
    pub(super) is_away: AtomicBool,
    is_failing: AtomicBool,
    is_stopping: AtomicBool,
    /// Whether somebody waits for the store to have everything.
    pub(super) is_awaited: AtomicBool,
    /// Wakes the drain.
    pub(super) wake: Notify,
    /// Tells those who wait that the drain has got further, or cannot.
    pub(super) moved: Notify,
}

#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    count: u64,
}

/// So many bytes in memory are written without waiting for the window's end.
const ENOUGH: usize = 1024 * 1024;

/// The most bytes in memory while the disk takes none.
const MOST: usize = 16 * 1024 * 1024;

/// How long to wait before the disk is tried again.
const RETRY: Duration = Duration::from_millis(500);

// === impl Gather ===

impl Gather {
    pub(super) fn new(writer: Writer, settings: Settings) -> Self {
        Self {
            settings,
            frames: Mutex::default(),
            arrived: Condvar::new(),
            writer: Mutex::new(writer),
            written: Mutex::default(),
            drained: Mutex::default(),
            recorded: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            spooled: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            is_failing: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            is_awaited: AtomicBool::new(false),
            wake: Notify::new(),
            moved: Notify::new(),
        }
    }

    /// Writes a segment's beginning, to see whether that works.
    pub(super) fn probe(&self) -> io::Result<()> {
        let end = lock(&self.writer).append(&[])?;
        *lock(&self.written) = end;
        // There is nothing in it that the store lacks.
        *lock(&self.drained) = end;
        Ok(())
    }

    /// Starts the thread that writes when the window ends.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        let gather = self.clone();
        std::thread::Builder::new().name("ledger-journal".to_owned()).spawn(move || gather.run()).map(drop)
    }

    pub(super) fn record(&self, record: &UsageRecord) {
        if self.settings.when_full == WhenFull::Drop && !self.fits() {
            return self.drop_records(1);
        }
        let (was_empty, held) = {
            let mut frames = lock(&self.frames);
            if frames.bytes.len() >= MOST {
                drop(frames);
                return self.drop_records(1);
            }
            let was_empty = frames.count == 0;
            journal::put(&mut frames.bytes, |out| encode(record, out));
            frames.count += 1;
            (was_empty, frames.bytes.len())
        };
        self.recorded.fetch_add(1, Relaxed);
        let is_failing = self.is_failing.load(Relaxed);
        if (self.settings.window.is_zero() || held >= ENOUGH) && !is_failing {
            self.write();
        } else if was_empty {
            self.arrived.notify_one();
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.settings.when_full == WhenFull::Drop || self.fits()
    }

    fn fits(&self) -> bool {
        !self.is_failing.load(Relaxed) && self.spooled.load(Relaxed) < self.settings.max_spool
    }

    /// Where whole frames end.
    pub(super) fn written(&self) -> Position {
        *lock(&self.written)
    }

    /// So many bytes on the disk are there no longer.
    pub(super) fn freed(&self, bytes: u64) {
        let less = |spooled: u64| Some(spooled.saturating_sub(bytes));
        let _ = self.spooled.fetch_update(Relaxed, Relaxed, less);
    }

    /// The store has everything up to here.
    pub(super) fn drained(&self, to: Position) {
        *lock(&self.drained) = to;
        self.moved.notify_waiters();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Acquire)
    }

    /// Writes what there is and has both threads end.
    pub(super) fn stop(&self) {
        self.write();
        self.is_stopping.store(true, Release);
        // Under the lock, or the thread could look before this and wait after it.
        let frames = lock(&self.frames);
        self.arrived.notify_all();
        drop(frames);
        self.wake.notify_one();
    }

    /// Waits until the store has what was recorded; `false` if it is away.
    pub(super) async fn settled(&self) -> bool {
        self.write();
        let end = self.written();
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // From here on no news is missed.
            moved.as_mut().enable();
            if *lock(&self.drained) >= end {
                return true;
            }
            if self.is_away.load(Acquire) || self.is_stopping() {
                return false;
            }
            self.is_awaited.store(true, Release);
            self.wake.notify_one();
            moved.await;
        }
    }

    pub(super) fn state(&self) -> LedgerState {
        LedgerState {
            recorded: self.recorded.load(Relaxed),
            stored: self.stored.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            spooled_bytes: self.spooled.load(Relaxed),
            store_is_away: self.is_away.load(Relaxed),
            disk_is_full: self.is_failing.load(Relaxed),
        }
    }

    /// Writes whatever has been gathered, by whomever: those who wait for the lock find theirs written when they get it.
    fn write(&self) {
        let mut writer = lock(&self.writer);
        let Frames { mut bytes, count } = std::mem::take(&mut *lock(&self.frames));
        if count == 0 {
            return;
        }
        match writer.append(&bytes) {
            Ok(end) => {
                *lock(&self.written) = end;
                self.spooled.fetch_add(bytes.len() as u64, Relaxed);
                if self.is_failing.swap(false, Relaxed) {
                    tracing::info!("usage records can be written to the disk again");
                }
                bytes.clear();
                // The memory is used again, unless somebody has begun anew.
                let mut frames = lock(&self.frames);
                if frames.bytes.capacity() == 0 && bytes.capacity() <= ENOUGH {
                    frames.bytes = bytes;
                }
                drop(frames);
                self.wake.notify_one();
            }
            Err(error) => {
                let mut frames = lock(&self.frames);
                bytes.append(&mut frames.bytes);
                frames.bytes = bytes;
                frames.count += count;
                drop(frames);
                if !self.is_failing.swap(true, Relaxed) {
                    tracing::error!(%error, "usage records cannot be written to the disk and wait in memory");
                }
            }
        }
    }

    fn run(&self) {
        loop {
            let mut frames = lock(&self.frames);
            while frames.count == 0 && !self.is_stopping() {
                frames = self.arrived.wait(frames).unwrap_or_else(PoisonError::into_inner);
            }
            let wait = if self.is_failing.load(Relaxed) { RETRY } else { self.settings.window };
            if !self.is_stopping() && !wait.is_zero() {
                // Only the end cuts the wait short: whoever has gathered enough writes it himself.
                let still_on = |_: &mut Frames| !self.is_stopping();
                let waited = self.arrived.wait_timeout_while(frames, wait, still_on);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            } else {
                drop(frames);
            }
            self.write();
            if self.is_stopping() {
                return;
            }
        }
    }

    fn drop_records(&self, count: u64) {
        // One line for each power of two: the first is told at once, and a flood does not flood the log.
        let dropped = self.dropped.fetch_add(count, Relaxed) + count;
        if dropped.is_power_of_two() {
            tracing::error!(dropped, "there is no room for usage records, and they are lost");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
