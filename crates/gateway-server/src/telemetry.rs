//! Logs: what happens, to standard error; one line of usage for each request, to standard output.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tollgate_usage::{Ledger, LineLedger};
use tracing::level_filters::LevelFilter;

use crate::config::types::{Log, LogFormat};

/// How long lines are gathered before they are written together: one system call for many requests.
const GATHER: Duration = Duration::from_millis(50);

/// How many bytes are written at once at the latest. As many as stay in a core's second cache between being gathered and being
/// written, since each time the thread is woken costs what tens of lines do.
const WRITE_AT: usize = 192 * 1024;

/// How long the last lines may take at the end.
const FINISH: Duration = Duration::from_secs(2);

/// How much may wait while standard output does not take anything. What comes after that is dropped and counted.
const MAX_WAITING: usize = 4 * 1024 * 1024;

/// Starts writing the log.
pub(crate) fn init(log: &Log) {
    let level = log.level.as_str().parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    // Fails only if somebody has set another one up, which is then what is wanted.
    let _ = match log.format {
        LogFormat::Text => {
            let subscriber = builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).finish();
            tracing::subscriber::set_global_default(subscriber)
        }
        LogFormat::Json => tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish()),
    };
}

/// The ledger that writes usage lines, and what writes the last of them at the end.
pub(crate) fn usage_lines(log: &Log) -> (Arc<dyn Ledger>, Option<Flusher>) {
    if !log.usage {
        return (Arc::new(None::<Arc<dyn Ledger>>), None);
    }
    let waiting = Arc::new(Waiting::default());
    let flusher = Flusher::start(waiting.clone());
    (
        Arc::new(LineLedger::new(Gatherer { waiting, thread: flusher.as_ref().map(|f| f.thread.thread().clone()) })),
        flusher,
    )
}

/// Lines that are not written yet.
#[derive(Default)]
struct Waiting {
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    dropped: u64,
    closed: bool,
}

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes lines without ever waiting for whoever reads them.
struct Gatherer {
    waiting: Arc<Waiting>,
    thread: Option<std::thread::Thread>,
}

impl Write for Gatherer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.waiting.lock();
        if lines.bytes.len() + line.len() > MAX_WAITING {
            lines.dropped += 1;
            return Ok(line.len());
        }
        let before = lines.bytes.len();
        lines.bytes.extend_from_slice(line);
        let after = lines.bytes.len();
        drop(lines);
        // Only a batch's first line and the one that fills it wake the thread; waking costs more than a line.
        let wakes = before == 0 || (before < WRITE_AT && after >= WRITE_AT);
        if let Some(thread) = self.thread.as_ref().filter(|_| wakes) {
            thread.unpark();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that writes.
pub(crate) struct Flusher {
    waiting: Arc<Waiting>,
    thread: JoinHandle<()>,
}

impl Flusher {
    fn start(waiting: Arc<Waiting>) -> Option<Self> {
        let shared = waiting.clone();
        let thread = std::thread::Builder::new().name("usage-lines".to_owned()).spawn(move || write_lines(&shared));
        match thread {
            Ok(thread) => Some(Self { waiting, thread }),
            Err(error) => {
                tracing::error!(%error, "usage lines cannot be written");
                None
            }
        }
    }

    /// Writes what is left and ends the thread, unless nobody takes it: a reader that is stuck must not keep the process.
    pub(crate) fn finish(self) {
        self.waiting.lock().closed = true;
        self.thread.thread().unpark();
        let until = Instant::now() + FINISH;
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn write_lines(waiting: &Waiting) {
    let mut spare = Vec::new();
    loop {
        let mut lines = waiting.lock();
        std::mem::swap(&mut lines.bytes, &mut spare);
        let dropped = std::mem::take(&mut lines.dropped);
        let closed = lines.closed;
        drop(lines);
        if dropped > 0 {
            tracing::warn!(dropped, "usage lines were dropped because standard output did not take them in time");
        }
        if spare.is_empty() {
            if closed {
                return;
            }
            std::thread::park();
            gather(waiting);
            continue;
        }
        let mut stdout = io::stdout().lock();
        if stdout.write_all(&spare).and_then(|()| stdout.flush()).is_err() {
            // Nobody reads them any more. The sums in memory go on.
            tracing::warn!("standard output is closed; usage lines are no longer written");
            return;
        }
        spare.clear();
        // A burst should not keep its memory for ever.
        spare.shrink_to(2 * WRITE_AT);
    }
}

/// Waits until there is enough to write, or for long enough.
fn gather(waiting: &Waiting) {
    let until = Instant::now() + GATHER;
    loop {
        let lines = waiting.lock();
        if lines.closed || lines.bytes.len() >= WRITE_AT {
            return;
        }
        drop(lines);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}
