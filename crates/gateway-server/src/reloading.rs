//! Reloads when somebody asks for it or a file changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::gateway::{Gateway, Reloaded};

/// How often files are looked at. Polling sees every kind of change, also those that notifications miss: a mounted
/// configuration map is exchanged by renaming a folder.
const POLL: Duration = Duration::from_secs(1);

/// Reloads on SIGHUP and on file changes, for ever.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => Some(hangup),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP cannot be received; changed files are still noticed");
            None
        }
    };
    let mut failed_at = None;
    loop {
        let asked = async {
            match &mut hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = asked => {
                tracing::info!("reload asked for by signal");
                failed_at = reload(&gateway);
            }
            () = tokio::time::sleep(POLL) => {
                let fingerprint = gateway.source_fingerprint();
                // A broken file is complained about once and not every second.
                if fingerprint != gateway.loaded_fingerprint() && failed_at != Some(fingerprint) {
                    tracing::info!("the configuration has changed");
                    failed_at = reload(&gateway);
                }
            }
        }
    }
}

/// The fingerprint of what could not be loaded.
fn reload(gateway: &Gateway) -> Option<u64> {
    let fingerprint = gateway.source_fingerprint();
    match gateway.reload() {
        Ok(Reloaded::Unchanged) => tracing::info!("the configuration says the same as before"),
        Ok(Reloaded::Changed { needs_restart }) if needs_restart.is_empty() => tracing::info!("configuration reloaded"),
        Ok(Reloaded::Changed { needs_restart }) => {
            tracing::warn!(?needs_restart, "configuration reloaded, but for settings that need a restart");
        }
        Err(errors) => {
            tracing::error!("the configuration is not valid and was not loaded:\n{errors}");
            return Some(fingerprint);
        }
    }
    None
}
