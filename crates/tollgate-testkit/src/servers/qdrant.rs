//! Qdrant.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::Process;
use crate::{Call, component, free_port};

/// Qdrant's engine behind its REST interface on a loopback port, by `tests/servers/qdrant.py`. It starts empty.
#[derive(Debug)]
pub struct Qdrant {
    python: PathBuf,
    arguments: Vec<String>,
    port: u16,
    process: Option<Process>,
    folder: TempDir,
}

const ATTEMPTS: usize = 5;

// === impl Qdrant ===

impl Qdrant {
    /// A server, by the Python of the variable `TOLLGATE_PYTHON`. Without it there is none.
    ///
    /// # Panics
    /// If it is there and does not start, or is not there and `TOLLGATE_REQUIRE_COMPONENTS=1`.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with arguments, such as `["--api-key", "secret"]`.
    ///
    /// # Panics
    /// As [`Qdrant::start`].
    pub async fn start_with(arguments: &[&str]) -> Option<Self> {
        let python = component("TOLLGATE_PYTHON", "python with qdrant-edge-py")?;
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let folder = TempDir::with_prefix("tollgate-qdrant-").expect("a temporary folder");
        let mut qdrant = Self { python, arguments, port: 0, process: None, folder };
        for _ in 0..ATTEMPTS {
            qdrant.port = free_port();
            qdrant.process = qdrant.spawn().await;
            if qdrant.process.is_some() {
                return Some(qdrant);
            }
        }
        panic!("qdrant did not start, or found no port");
    }

    /// Its address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills it. Connections break, and new ones are refused.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, empty, on the same port; kills it before if it runs.
    ///
    /// # Panics
    /// If somebody else has taken the port, or it does not come up.
    pub async fn restart(&mut self) {
        self.stop();
        self.process = self.spawn().await;
        assert!(self.process.is_some(), "qdrant did not come up again");
    }

    /// Stops the process without ending it: connections stay and new ones are accepted by the system, but nothing is
    /// answered.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pause(&self) {
        self.running().signal("STOP");
    }

    /// Ends what [`Qdrant::pause`] began.
    ///
    /// # Panics
    /// If it does not run.
    pub fn resume(&self) {
        self.running().signal("CONT");
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("qdrant runs")
    }

    async fn spawn(&self) -> Option<Process> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/qdrant.py");
        let mut command = Command::new(&self.python);
        command.arg(script).args(["--port", &self.port.to_string(), "--folder"]).arg(self.folder.path());
        command.args(&self.arguments);
        let ready = format!("{}/readyz", self.url());
        Process::start(command, async || {
            Call::get(ready.as_str()).try_send().await.is_ok_and(|answer| answer.status() == 200)
        })
        .await
    }
}
