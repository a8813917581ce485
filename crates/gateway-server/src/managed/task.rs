//! The task between the database and memory.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tollgate_usage::directory::{AuditEntry, Capture, DirectoryError};

use super::{Managed, Waiting};

/// What the task needs to know, as the configuration has it at the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How often it is looked whether somebody has changed something.
    pub(crate) poll: Duration,
    /// How long the audit log is kept; `None` for ever.
    pub(crate) audit_retention: Option<Duration>,
    /// How long captured requests are kept, also when none are captured any more.
    pub(crate) capture_retention: Duration,
}

/// How often it is written down when keys were used. Nobody needs to know it to the second, and a write for each request
/// would be one too many.
const USES: Duration = Duration::from_secs(60);

/// How often what is too old is removed.
const RETENTION: Duration = Duration::from_secs(3600);

/// Keeps memory like the database and the database like memory until `stop` says so, and writes what is owed then.
pub(crate) async fn run(managed: Arc<Managed>, settings: impl Fn() -> Settings, mut stop: watch::Receiver<bool>) {
    let Some(mut waiting) = managed.take_waiting() else { return };
    let mut is_away = false;
    let mut uses_at = Instant::now() + USES;
    let mut retention_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = async { drop(stop.wait_for(|stop| *stop).await) } => break,
            Some(entry) = waiting.entries.recv() => write(&managed, entry).await,
            arrived = waiting.captures.arrived() => {
                let captures = waiting.captures.batch(arrived).await;
                keep(&managed, &captures).await;
            }
            () = sleep_until(uses_at) => {
                tell_lost(&waiting);
                note("when keys were used is not written down", managed.write_uses().await);
                uses_at = Instant::now() + USES;
            }
            () = sleep_until(retention_at) => {
                forget(&managed, settings()).await;
                retention_at = Instant::now() + RETENTION;
            }
            () = sleep(settings().poll) => is_away = poll(&managed, is_away).await,
        }
    }
    finish(&managed, &mut waiting).await;
}

/// Says once that the database is away, and once that it is back.
async fn poll(managed: &Managed, was_away: bool) -> bool {
    match managed.refresh().await {
        Ok(()) if was_away => tracing::info!("the database answers again"),
        Err(error) if !was_away => {
            tracing::error!(%error, cause = ?std::error::Error::source(&error), "changes of keys are not seen");
            return true;
        }
        Ok(()) => {}
        Err(_) => return true,
    }
    false
}

async fn write(managed: &Managed, entry: AuditEntry) {
    if let Some(directory) = managed.directory() {
        note("an entry for the audit log is lost", directory.record(entry).await);
    }
}

async fn forget(managed: &Managed, settings: Settings) {
    let before = |retention: Duration| SystemTime::now().checked_sub(retention);
    let Some(directory) = managed.directory() else { return };
    if let Some(before) = settings.audit_retention.and_then(before) {
        note("old entries of the audit log are not removed", directory.forget_entries(before).await.map(drop));
    }
    if let Some(before) = before(settings.capture_retention) {
        note("old captures are not removed", directory.forget_captures(before).await.map(drop));
    }
}

async fn keep(managed: &Managed, captures: &[Capture]) {
    if let Some(directory) = managed.directory().filter(|_| !captures.is_empty()) {
        note("captured requests are lost", directory.keep_captures(captures).await);
    }
}

fn tell_lost(waiting: &Waiting) {
    let lost = waiting.captures.take_lost();
    if lost > 0 {
        tracing::warn!(lost, "requests were not captured, because too many wait for the database");
    }
}

async fn finish(managed: &Managed, waiting: &mut Waiting) {
    while let Ok(entry) = waiting.entries.try_recv() {
        write(managed, entry).await;
    }
    loop {
        let captures = waiting.captures.batch(None).await;
        if captures.is_empty() {
            break;
        }
        keep(managed, &captures).await;
    }
    tell_lost(waiting);
    note("when keys were used is not written down", managed.write_uses().await);
}

fn note(what: &str, done: Result<(), DirectoryError>) {
    if let Err(error) = done {
        tracing::error!(%error, cause = ?std::error::Error::source(&error), "{what}");
    }
}
