//! A store that is away, that says so though it is not, and a process that ends.

use std::path::Path;
use std::sync::atomic::AtomicU8;
use std::time::SystemTime;

use tollgate_core::BoxFuture;

use super::*;
use crate::database::DatabaseError;
use crate::ledger::{Batch, LedgerReader, MemoryLedger, Position, Prune, RecordPage, RecordQuery};
use crate::test_helpers::{full, sparse};
use crate::{Query, Summary};

const LONG: Duration = Duration::from_secs(20);

/// A store that fails as it is told to.
#[derive(Debug)]
struct Moody {
    inner: MemoryLedger,
    mood: AtomicU8,
}

const WELL: u8 = 0;
const AWAY: u8 = 1;
/// Keeps what it is given and says that it did not, once.
const LIES: u8 = 2;
/// Takes plain letters alone.
const PLAIN: u8 = 3;

impl Moody {
    fn new(mood: u8) -> Arc<Self> {
        Arc::new(Self { inner: MemoryLedger::new(100_000, 100_000), mood: AtomicU8::new(mood) })
    }

    fn turn(&self, mood: u8) {
        self.mood.store(mood, Relaxed);
    }

    fn requests(&self) -> u64 {
        self.inner.summary(&Query::default()).total.requests
    }

    fn mood(&self) -> Result<u8, DatabaseError> {
        match self.mood.load(Relaxed) {
            AWAY => Err(DatabaseError::unavailable("away")),
            mood => Ok(mood),
        }
    }
}

impl LedgerReader for Moody {
    fn summary<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Summary, DatabaseError>> {
        LedgerReader::summary(&self.inner, query)
    }

    fn records<'a>(&'a self, query: &'a RecordQuery) -> BoxFuture<'a, Result<RecordPage, DatabaseError>> {
        self.inner.records(query)
    }
}

impl LedgerStore for Moody {
    fn position<'a>(&'a self, journal: &'a str) -> BoxFuture<'a, Result<Position, DatabaseError>> {
        Box::pin(async move {
            self.mood()?;
            self.inner.position(journal).await
        })
    }

    fn append<'a>(&'a self, batch: &'a Arc<Batch>) -> BoxFuture<'a, Result<(), DatabaseError>> {
        Box::pin(async move {
            let is_plain = |record: &UsageRecord| record.tags.iter().all(|tag| tag.value.is_ascii());
            match self.mood()? {
                PLAIN if !batch.records.iter().all(is_plain) => Err(DatabaseError::refused("no such letter")),
                LIES => {
                    self.turn(WELL);
                    self.inner.append(batch).await?;
                    Err(DatabaseError::unavailable("the connection broke"))
                }
                _ => self.inner.append(batch).await,
            }
        })
    }

    fn prune<'a>(&'a self, prune: &'a Prune) -> BoxFuture<'a, Result<u64, DatabaseError>> {
        self.inner.prune(prune)
    }
}

fn builder(store: &Arc<Moody>, folder: &Path) -> DurableLedgerBuilder {
    DurableLedger::builder(store.clone(), folder.join("spool")).pause(Duration::ZERO)
}

/// Waits for something.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn journals(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("spool")).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
}

#[tokio::test]
async fn each_record_arrives_once() {
    for window in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(3600)] {
        let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(WELL));
        let ledger = Arc::new(builder(&store, folder.path()).window(window).batch(7).open().unwrap());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let ledger = ledger.clone();
                std::thread::spawn(move || (0..250).for_each(|_| ledger.record(&full())))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(ledger.settle(LONG).await, "with a window of {window:?}");
        assert_eq!(store.requests(), 1000, "with a window of {window:?}");
        let state = ledger.state();
        assert_eq!((state.recorded, state.stored, state.dropped), (1000, 1000, 0));
        assert!(ledger.finish(LONG));
        assert_eq!(journals(folder.path()), 0, "a journal that nobody needs is gone");
    }
}

#[test]
fn without_a_window_a_record_is_in_a_file_when_the_call_returns() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(AWAY));
    let ledger = builder(&store, folder.path()).window(Duration::ZERO).open().unwrap();
    for count in 1..=10 {
        ledger.record(&sparse());
        let mut seen = 0;
        for entry in std::fs::read_dir(folder.path().join("spool")).unwrap() {
            let journal = entry.unwrap().path();
            if journal.is_dir() {
                let mut reader = crate::ledger::journal::Reader::new(journal, Position::default());
                seen += reader.read(None, 100).unwrap().records.len();
            }
        }
        assert_eq!(seen, count);
    }
}

#[tokio::test]
async fn a_store_that_is_away_gets_everything_when_it_is_back() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(WELL));
    let ledger = builder(&store, folder.path()).open().unwrap();
    ledger.record(&full());
    assert!(ledger.settle(LONG).await);
    store.turn(AWAY);
    (0..500).for_each(|_| ledger.record(&full()));
    assert!(!ledger.settle(LONG).await, "nobody waits for a store that is away");
    assert!(ledger.state().store_is_away && ledger.has_room());
    assert_eq!(store.requests(), 1);
    store.turn(WELL);
    eventually("the store", || store.requests() == 501).await;
    assert!(ledger.settle(LONG).await && !ledger.state().store_is_away);
    assert_eq!(store.requests(), 501);
}

#[tokio::test]
async fn a_store_that_kept_what_it_says_it_did_not_gets_nothing_twice() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(LIES));
    let ledger = builder(&store, folder.path()).batch(10).open().unwrap();
    for _ in 0..5 {
        store.turn(LIES);
        (0..25).for_each(|_| ledger.record(&full()));
        eventually("the store", || ledger.state().recorded > 0 && store.mood.load(Relaxed) == WELL).await;
        eventually("a settled ledger", || store.requests() == ledger.state().recorded).await;
    }
    assert_eq!(store.requests(), 125);
}

#[tokio::test]
async fn what_a_process_has_left_is_brought_by_the_next() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(AWAY));
    let killed = builder(&store, folder.path()).open().unwrap();
    (0..30).for_each(|_| killed.record(&full()));
    assert!(!killed.finish(LONG), "the store is away");
    drop(killed);
    assert_eq!(journals(folder.path()), 1);
    store.turn(WELL);
    let next = builder(&store, folder.path()).batch(8).open().unwrap();
    next.record(&full());
    eventually("what was left", || store.requests() == 31).await;
    eventually("the end of the old journal", || journals(folder.path()) == 1).await;
    assert!(next.settle(LONG).await);
    assert_eq!(store.requests(), 31);
}

#[tokio::test]
async fn a_full_spool_lets_nobody_in_until_there_is_room() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(AWAY));
    let ledger = builder(&store, folder.path()).window(Duration::ZERO).max_spool(20_000).open().unwrap();
    let mut taken = 0;
    while ledger.has_room() {
        ledger.record(&full());
        taken += 1;
    }
    // Those who were let in before are recorded nevertheless.
    (0..10).for_each(|_| ledger.record(&full()));
    assert!(taken > 20 && ledger.state().spooled_bytes >= 20_000);
    store.turn(WELL);
    eventually("room", || ledger.has_room()).await;
    assert!(ledger.settle(LONG).await);
    assert_eq!((store.requests(), ledger.state().dropped), (taken + 10, 0));
}

#[tokio::test]
async fn a_full_spool_may_also_forget() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(AWAY));
    let builder = builder(&store, folder.path()).window(Duration::ZERO).max_spool(20_000);
    let ledger = builder.when_full(WhenFull::Drop).open().unwrap();
    (0..500).for_each(|_| ledger.record(&full()));
    assert!(ledger.has_room());
    let state = ledger.state();
    assert!(state.dropped > 0 && state.recorded + state.dropped == 500, "{state:?}");
    store.turn(WELL);
    eventually("the rest", || store.requests() == state.recorded).await;
}

#[tokio::test]
async fn a_letter_that_a_store_has_not_holds_nobody_up() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(PLAIN));
    let ledger = builder(&store, folder.path()).open().unwrap();
    // The tags of the first and the last have letters that are not plain.
    ledger.record(&full());
    (0..20).for_each(|_| ledger.record(&sparse()));
    ledger.record(&full());
    eventually("all of them", || store.requests() == 22).await;
    let page = store.records(&RecordQuery::first(100)).await.unwrap();
    assert_eq!(page.records.iter().filter(|record| record.tags.iter().any(|tag| &*tag.value == "?")).count(), 2);
}

#[tokio::test]
async fn what_is_too_old_is_deleted() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(WELL));
    let mut old = full();
    old.received_at = SystemTime::now() - Duration::from_secs(40 * 24 * 3600);
    let first = builder(&store, folder.path()).open().unwrap();
    first.record(&old);
    first.record(&full());
    assert!(first.finish(LONG));
    assert_eq!(store.inner.recent(10).len(), 2);
    let keep = Some(Duration::from_secs(30 * 24 * 3600));
    let _next = builder(&store, folder.path()).keep_records(keep).open().unwrap();
    eventually("the end of what is too old", || store.inner.recent(10).len() == 1).await;
    assert_eq!(store.requests(), 2, "sums are kept for longer");
}

#[test]
fn a_spool_that_cannot_be_written_to_is_found_at_once() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Moody::new(WELL));
    std::fs::write(folder.path().join("spool"), "a file").unwrap();
    builder(&store, folder.path()).open().unwrap_err();
}
