//! The task between the database and memory.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tollgate_usage::directory::{AuditEntry, DirectoryError};

use super::Managed;

/// What the task needs to know, as the configuration has it at the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How often it is looked whether somebody has changed something.
    pub(crate) poll: Duration,
    /// How long the audit log is kept; `None` for ever.
    pub(crate) audit_retention: Option<Duration>,
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
            Some(entry) = waiting.recv() => write(&managed, entry).await,
            () = sleep_until(uses_at) => {
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
    if let (Some(directory), Some(before)) = (managed.directory(), settings.audit_retention.and_then(before)) {
        note("old entries of the audit log are not removed", directory.forget_entries(before).await.map(drop));
    }
}

async fn finish(managed: &Managed, waiting: &mut mpsc::Receiver<AuditEntry>) {
    while let Ok(entry) = waiting.try_recv() {
        write(managed, entry).await;
    }
    note("when keys were used is not written down", managed.write_uses().await);
}

fn note(what: &str, done: Result<(), DirectoryError>) {
    if let Err(error) = done {
        tracing::error!(%error, cause = ?std::error::Error::source(&error), "{what}");
    }
}
