//! Redis and Valkey.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::process::Process;
use crate::{component, free_port};

/// A Redis server on a loopback port of its own, which keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
    process: Option<Process>,
    folder: TempDir,
}

/// Somebody else may take a port between its choice and its use.
const ATTEMPTS: usize = 5;

// === impl Redis ===

impl Redis {
    /// Redis 8, which has vector sets, by the variable `TOLLGATE_REDIS_SERVER`. Without it there is none.
    ///
    /// # Panics
    /// If it is there and does not start, or is not there and `TOLLGATE_REQUIRE_COMPONENTS=1`.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with arguments, such as `["--requirepass", "secret"]`.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub async fn start_with(arguments: &[&str]) -> Option<Self> {
        Some(Self::launch(component("TOLLGATE_REDIS_SERVER", "redis 8")?, arguments).await)
    }

    /// Redis 7, which has no vector sets, by the variable `TOLLGATE_REDIS7_SERVER`. Without it there is none.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub async fn start_version_7() -> Option<Self> {
        Some(Self::launch(component("TOLLGATE_REDIS7_SERVER", "redis 7")?, &[]).await)
    }

    /// Valkey, which has no vector sets either, by the variable `TOLLGATE_VALKEY_SERVER`. Without it there is none.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub async fn start_valkey() -> Option<Self> {
        Some(Self::launch(component("TOLLGATE_VALKEY_SERVER", "valkey")?, &[]).await)
    }

    async fn launch(program: PathBuf, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let folder = TempDir::with_prefix("tollgate-redis-").expect("a temporary folder");
        let mut redis = Self { program, arguments, port: 0, process: None, folder };
        for _ in 0..ATTEMPTS {
            redis.port = free_port();
            redis.process = redis.spawn().await;
            if redis.process.is_some() {
                return redis;
            }
        }
        panic!("{} found no port", redis.program.display());
    }

    /// Its address, `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port, which stays the same.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its working directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
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
        assert!(self.process.is_some(), "redis did not come up again");
    }

    /// Stops the process without ending it: connections stay and new ones are accepted by the system, but nothing is
    /// answered.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pause(&self) {
        self.running().signal("STOP");
    }

    /// Ends what [`Redis::pause`] began. Whatever was sent meanwhile is answered now.
    ///
    /// # Panics
    /// If it does not run.
    pub fn resume(&self) {
        self.running().signal("CONT");
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("redis runs")
    }

    async fn spawn(&self) -> Option<Process> {
        // On the command line, versions differ in what an empty value is.
        let config = self.folder.path().join("redis.conf");
        std::fs::write(&config, "save \"\"\nappendonly no\n").expect("a configuration is written");
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path()).arg(config);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]).args(&self.arguments);
        Process::start(command, async || answers(self.port).await).await
    }
}

/// Whether it answers at all; a server that wants a password answers with an error.
async fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut answer = [0; 5];
    stream.write_all(b"PING\r\n").await.is_ok()
        && stream.read_exact(&mut answer).await.is_ok()
        && [b"+PONG", b"-NOAU"].contains(&&answer)
}
