//! From journals to the store.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use super::Settings;
use super::gather::Gather;
use crate::UsageRecord;
use crate::column::{COLUMNS, Kind, Value};
use crate::database::DatabaseError;
use crate::ledger::journal::{Chunk, Claim, Reader, Spool};
use crate::ledger::{Batch, LedgerStore, Position, Prune};

/// Brings records to the store, on a thread of its own.
pub(super) struct Drain {
    spool: Spool,
    store: Arc<dyn LedgerStore>,
    gather: Arc<Gather>,
    settings: Settings,
    own: Source,
    /// What earlier processes have left.
    left_over: Vec<Source>,
    outage: Option<Outage>,
    next_look: Instant,
    next_prune: Instant,
}

/// A journal, and how far the store has got in it.
struct Source {
    claim: Claim,
    /// `None` if only the store knows.
    reader: Option<Reader>,
    /// So many records are to be brought one at a time, because the store has refused them together.
    one_by_one: usize,
    size: u64,
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There may be more at once.
    Full,
    /// There will be more when more is recorded.
    Empty,
}

/// The time since the store was there last.
struct Outage {
    since: Instant,
    failures: u32,
}

/// How often to look for journals that other processes have left.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Deleted at once: as much as takes a few milliseconds.
const PRUNED_AT_ONCE: u32 = 2000;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

// === impl Drain ===

impl Drain {
    /// Starts the thread. What is returned is told when it ends whether the store has everything.
    pub(super) fn start(
        spool: Spool,
        own: Claim,
        store: Arc<dyn LedgerStore>,
        gather: Arc<Gather>,
        settings: Settings,
    ) -> io::Result<Receiver<bool>> {
        let now = Instant::now();
        let mut own = Source::new(own);
        // Nobody else writes it and no store has anything of it yet.
        own.reader = Some(Reader::new(own.claim.folder().to_owned(), Position::default()));
        let mut drain = Self {
            spool,
            store,
            gather,
            settings,
            own,
            left_over: Vec::new(),
            outage: None,
            next_look: now,
            next_prune: now,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ended, told) = mpsc::sync_channel(1);
        let run = move || {
            let is_all = runtime.block_on(drain.run());
            drain.end(is_all, &ended);
        };
        std::thread::Builder::new().name("ledger-drain".to_owned()).spawn(run)?;
        Ok(told)
    }

    async fn run(&mut self) -> bool {
        loop {
            // Asked before the step, because what was written before the end is to be brought away.
            let is_stopping = self.gather.is_stopping();
            self.look_for_journals(is_stopping);
            match self.step().await {
                Ok(Step::Full) => {}
                Ok(Step::Empty) if is_stopping => return true,
                Ok(Step::Empty) => {
                    self.maintain().await;
                    self.rest().await;
                }
                Err(error) => {
                    let wait = self.failed(&error);
                    if is_stopping {
                        return false;
                    }
                    let _ = tokio::time::timeout(wait, self.urgent()).await;
                }
            }
        }
    }

    /// Brings what is in this process's own journal to the store, and a batch of each that was left over. In this order, so
    /// that one that cannot be read holds up nobody.
    async fn step(&mut self) -> Result<Step, DatabaseError> {
        let end = self.gather.written();
        loop {
            let (step, freed) = self.own.step(Some(end), &*self.store, &self.gather, self.settings.batch).await?;
            self.recovered();
            self.gather.freed(freed);
            if step == Step::Empty {
                break;
            }
        }
        self.gather.drained(end);
        let mut step = Step::Empty;
        let mut index = 0;
        while index < self.left_over.len() {
            let source = &mut self.left_over[index];
            let (done, freed) = source.step(None, &*self.store, &self.gather, self.settings.batch).await?;
            self.gather.freed(freed);
            if done == Step::Full {
                step = Step::Full;
                index += 1;
            } else {
                self.finish_journal(index);
            }
        }
        Ok(step)
    }

    /// Everything in it is in the store, and nobody writes it.
    fn finish_journal(&mut self, index: usize) {
        let source = self.left_over.remove(index);
        let name = source.claim.name().to_owned();
        self.gather.freed(source.size);
        match source.claim.remove() {
            Ok(()) => tracing::info!(journal = name, "the usage records of an earlier process are in the ledger"),
            // The store knows that it has them, so that finding them again does no harm.
            Err(error) => tracing::warn!(%error, journal = name, "a journal of usage records cannot be deleted"),
        }
    }

    fn look_for_journals(&mut self, is_stopping: bool) {
        if is_stopping || Instant::now() < self.next_look {
            return;
        }
        self.next_look = Instant::now() + LOOK_EVERY;
        match self.spool.adopt() {
            Ok(claims) => {
                for source in claims.into_iter().map(Source::new) {
                    self.gather.spooled.fetch_add(source.size, Relaxed);
                    self.left_over.push(source);
                }
            }
            Err(error) => tracing::warn!(%error, "the spool of usage records cannot be looked through"),
        }
    }

    /// Deletes what is too old, a little at a time.
    async fn maintain(&mut self) {
        if Instant::now() < self.next_prune {
            return;
        }
        let before = |keep: Option<Duration>| keep.and_then(|keep| SystemTime::now().checked_sub(keep));
        let prune = Prune {
            records_before: before(self.settings.keep_records),
            sums_before: before(self.settings.keep_sums),
            limit: PRUNED_AT_ONCE,
        };
        let again = match self.store.prune(&prune).await {
            Ok(deleted) if deleted >= u64::from(PRUNED_AT_ONCE) => Duration::ZERO,
            Ok(_) => PRUNE_EVERY,
            Err(error) => {
                tracing::warn!(%error, "usage records that are too old cannot be deleted");
                PRUNE_EVERY
            }
        };
        self.next_prune = Instant::now() + again;
    }

    /// Until something is recorded, and some time longer, so that there is more to do at once.
    async fn rest(&self) {
        let next = self.next_look.min(self.next_prune.max(Instant::now() + self.settings.pause));
        if tokio::time::timeout_at(next.into(), self.gather.wake.notified()).await.is_ok() {
            let _ = tokio::time::timeout(self.settings.pause, self.urgent()).await;
        }
    }

    /// Until somebody waits, or it is time to stop.
    async fn urgent(&self) {
        while !self.gather.is_awaited.swap(false, AcqRel) && !self.gather.is_stopping() {
            self.gather.wake.notified().await;
        }
    }

    /// Says once that the store is away; how long to wait before it is asked again.
    fn failed(&mut self, error: &DatabaseError) -> Duration {
        let outage = self.outage.get_or_insert_with(|| {
            tracing::warn!(%error, cause = ?std::error::Error::source(error), "the ledger takes no usage records; they wait on the disk");
            Outage { since: Instant::now(), failures: 0 }
        });
        outage.failures += 1;
        self.gather.is_away.store(true, Release);
        self.gather.moved.notify_waiters();
        let wait = FIRST_RETRY.saturating_mul(1 << outage.failures.min(10)).min(LONGEST_RETRY);
        // Replicas that lost the same store do not all come back to it at the same moment.
        wait.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    fn recovered(&mut self) {
        if let Some(outage) = self.outage.take() {
            let seconds = outage.since.elapsed().as_secs();
            tracing::info!(seconds, attempts = outage.failures, "the ledger takes usage records again");
            self.gather.is_away.store(false, Release);
        }
    }

    /// Leaves nothing behind that nobody needs. Whoever is told of the end can take over what is left.
    fn end(self, is_all: bool, ended: &SyncSender<bool>) {
        let Self { own, left_over, gather, .. } = self;
        drop(left_over);
        if !is_all {
            drop(own);
        } else if let Err(error) = own.claim.remove() {
            tracing::warn!(%error, "the journal of usage records cannot be deleted");
        }
        gather.moved.notify_waiters();
        // Nobody may be waiting.
        let _ = ended.send(is_all);
    }
}

// === impl Source ===

impl Source {
    fn new(claim: Claim) -> Self {
        let size = claim.size().unwrap_or(0);
        Self { claim, reader: None, one_by_one: 0, size }
    }

    /// Brings a batch to the store. Also tells how many bytes that were spooled are no longer.
    async fn step(
        &mut self,
        end: Option<Position>,
        store: &dyn LedgerStore,
        gather: &Gather,
        limit: usize,
    ) -> Result<(Step, u64), DatabaseError> {
        // Taken, because after an error only the store knows how far it has got.
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::new(self.claim.folder().to_owned(), store.position(self.claim.name()).await?),
        };
        let limit = if self.one_by_one > 0 { 1 } else { limit };
        let chunk = reader.read(end, limit).map_err(|error| unreadable(&error))?;
        self.report(&chunk);
        if chunk.to == reader.position() {
            self.reader = Some(reader);
            return Ok((Step::Empty, 0));
        }
        let stored = chunk.records.len() as u64;
        let mut batch = Arc::new(Batch {
            journal: self.claim.name().to_owned(),
            from: reader.position(),
            to: chunk.to,
            records: chunk.records,
        });
        match append(store, &mut batch).await {
            Err(error) if error.is_refused() && batch.records.len() > 1 => {
                self.one_by_one = batch.records.len();
                return Ok((Step::Full, 0));
            }
            result => result?,
        }
        self.one_by_one = self.one_by_one.saturating_sub(1);
        gather.stored.fetch_add(stored, Relaxed);
        reader.advance(chunk.to);
        let freed = self.claim.delete_before(chunk.to.segment).unwrap_or(0);
        self.size = self.size.saturating_sub(freed);
        self.reader = Some(reader);
        Ok((Step::Full, freed))
    }

    fn report(&self, chunk: &Chunk) {
        let journal = self.claim.name();
        if chunk.torn > 0 {
            tracing::info!(bytes = chunk.torn, journal, "a usage record was being written when its process ended");
        }
        if chunk.unreadable > 0 {
            tracing::error!(records = chunk.unreadable, journal, "usage records of another version cannot be read");
        }
    }
}

/// A single record that the store refuses is tried once more in plain letters: a database whose encoding lacks a letter must
/// not stop all that follows.
async fn append(store: &dyn LedgerStore, batch: &mut Arc<Batch>) -> Result<(), DatabaseError> {
    match store.append(batch).await {
        Err(error) if error.is_refused() && batch.records.len() == 1 => {
            Arc::make_mut(batch).records.iter_mut().for_each(in_plain_letters);
            store.append(batch).await
        }
        result => result,
    }
}

fn unreadable(error: &io::Error) -> DatabaseError {
    DatabaseError::unavailable(format!("the journal of usage records cannot be read: {error}"))
}

fn in_plain_letters(record: &mut UsageRecord) {
    let original = record.clone();
    for column in COLUMNS.iter().filter(|column| column.kind == Kind::Text) {
        if let Value::Text(text) = column.get(&original) {
            let plain: String = text.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect();
            column.set(record, Value::Text(plain.into()));
        }
    }
}
