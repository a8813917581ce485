//! A child process that listens on a port.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::PATIENCE;

/// A server process. Killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

// === impl Process ===

impl Process {
    /// Starts a program and waits until it is ready, as `is_ready` tells; `None` if it ends before, as when somebody else
    /// was faster to take its port.
    pub(super) async fn start(mut command: Command, is_ready: impl AsyncFn() -> bool) -> Option<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = command.spawn().unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        let mut process = Self { child };
        let deadline = Instant::now() + PATIENCE;
        // Whoever answers could be another process; this one must be there too, after it has had the time to find out
        // that it cannot listen.
        loop {
            let is_up = is_ready().await;
            if process.has_ended() {
                return None;
            }
            if is_up {
                return Some(process);
            }
            assert!(Instant::now() < deadline, "{program} did not come up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a signal by its name. By the command, since the call would need unsafe code.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the signal {name} was not sent");
    }

    /// Waits until it has ended.
    pub(super) fn wait(mut self) {
        let _ = self.child.wait();
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
