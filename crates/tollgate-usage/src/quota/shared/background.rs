//! The thread that tells the server what became of leases, and renews those that are held.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Shared;
use crate::quota::store::{Charge, LeaseId, Update};

/// The thread and what it has to do. Dropping it waits a short while for what is left.
pub(super) struct Background {
    work: Arc<Work>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    state: Mutex<State>,
    /// There is something to do.
    wake: Notify,
    /// Something was done.
    done: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Update>,
    held: HashMap<LeaseId, Held>,
    /// Whether a batch is on its way.
    is_sending: bool,
    is_closed: bool,
    dropped: u64,
}

struct Held {
    charges: Arc<[Charge]>,
    since: Instant,
}

/// Beyond this the oldest are given up: their leases lapse, and what they used is not counted.
const QUEUED: usize = 65_536;

const BATCH: usize = 64;

/// How long the end of the process is put off for what the server has not been told.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Between two tries to reach a server that is away, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

// === impl Background ===

impl Background {
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let work = Arc::new(Work { state: Mutex::default(), wake: Notify::new(), done: Notify::new() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let known = work.clone();
        let run = move || runtime.block_on(run(&shared, &known));
        let thread = thread::Builder::new().name("tollgate-quota".to_owned()).spawn(run)?;
        Ok(Self { work, thread: Some(thread) })
    }

    pub(super) fn push(&self, update: Update) {
        let mut state = self.work.lock();
        if let Update::Settle { lease, used, .. } = &update {
            state.held.remove(lease);
            if used.is_empty() {
                return;
            }
        }
        state.push(update);
        drop(state);
        self.work.wake.notify_one();
    }

    pub(super) fn hold(&self, lease: LeaseId, charges: &[Charge]) {
        let held = Held { charges: charges.into(), since: Instant::now() };
        self.work.lock().held.insert(lease, held);
    }

    pub(super) async fn flushed(&self, patience: Duration) -> bool {
        let empty = async {
            loop {
                let done = self.work.done.notified();
                if self.work.lock().is_idle() {
                    return;
                }
                done.await;
            }
        };
        tokio::time::timeout(patience, empty).await.is_ok()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.work.lock().is_closed = true;
        self.work.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }
}

// === impl Work ===

impl Work {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn push(&mut self, update: Update) {
        if self.queue.len() >= QUEUED {
            self.queue.pop_front();
            self.dropped += 1;
        }
        self.queue.push_back(update);
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.is_sending
    }

    fn batch(&mut self) -> Vec<Update> {
        let count = self.queue.len().min(BATCH);
        let batch: Vec<Update> = self.queue.drain(..count).collect();
        self.is_sending = !batch.is_empty();
        batch
    }

    /// Adds renewals of what has been held for a while. They are in the queue before whatever ends those leases.
    fn renew(&mut self, every: Duration) {
        let now = Instant::now();
        let mut due = Vec::new();
        for (lease, held) in &mut self.held {
            if now.duration_since(held.since) >= every {
                held.since = now;
                due.push(Update::Renew { lease: *lease, charges: held.charges.to_vec() });
            }
        }
        due.into_iter().for_each(|renewal| self.push(renewal));
    }
}

async fn run(shared: &Shared, work: &Work) {
    let every = shared.lease / 3;
    let mut next_renewal = Instant::now() + every;
    let mut sequence = 0;
    loop {
        if Instant::now() >= next_renewal {
            work.lock().renew(every / 2);
            next_renewal = Instant::now() + every;
        }
        let (batch, is_closed) = {
            let mut state = work.lock();
            (state.batch(), state.is_closed)
        };
        if batch.is_empty() {
            work.done.notify_waiters();
            if is_closed {
                return;
            }
            let pause = next_renewal.saturating_duration_since(Instant::now());
            let _ = tokio::time::timeout(pause, work.wake.notified()).await;
            continue;
        }
        sequence += 1;
        if !deliver(shared, work, sequence, &batch).await {
            tracing::error!(count = batch.len(), "what was used could not be told to redis before the end");
            return;
        }
        work.lock().is_sending = false;
    }
}

/// Sends a batch until the server has it; false if there is no time left for it.
async fn deliver(shared: &Shared, work: &Work, sequence: u64, batch: &[Update]) -> bool {
    let mut pause = PAUSES.0;
    let mut closed_since = None;
    let mut is_away = false;
    loop {
        match shared.send(sequence, batch).await {
            Ok(()) => {
                if is_away {
                    let dropped = std::mem::take(&mut work.lock().dropped);
                    tracing::info!(dropped, "redis is told again what was used");
                }
                return true;
            }
            // It would be refused for ever, and everything behind it with it.
            Err(error) if !error.is_timeout() && !error.is_unavailable() => {
                tracing::error!(%error, cause = ?error, "redis does not take what was used");
                return true;
            }
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(%error, "redis cannot be told what was used; it waits");
            }
            Err(_) => {}
        }
        if work.lock().is_closed && closed_since.get_or_insert_with(Instant::now).elapsed() >= LAST_WORDS {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}
