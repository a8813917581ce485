//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::process::Process;
use crate::component::folder_with;
use crate::free_port;

/// A PostgreSQL server on a loopback port of its own, with an empty cluster in a temporary folder. The machine's own
/// cluster, if there is one, is not touched.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    process: Option<Process>,
    folder: TempDir,
}

const ATTEMPTS: usize = 5;

/// It refuses to run as the superuser, so that for one it runs as somebody who may do nothing else.
const UNPRIVILEGED: [&str; 4] = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"];

// === impl Postgres ===

impl Postgres {
    /// A server, by the folder of programs in the variable `TOLLGATE_POSTGRES`, or else by those of `PATH` or of Debian.
    /// Without them there is none.
    ///
    /// # Panics
    /// If they are there and do not work, or are not there and `TOLLGATE_REQUIRE_COMPONENTS=1`.
    pub async fn start() -> Option<Self> {
        let programs = folder_with("TOLLGATE_POSTGRES", &["initdb", "postgres"], "postgresql")?;
        let folder = TempDir::with_prefix("tollgate-postgres-").expect("a temporary folder");
        let mut postgres = Self { programs, port: 0, process: None, folder };
        postgres.make_cluster();
        for _ in 0..ATTEMPTS {
            postgres.port = free_port();
            postgres.process = postgres.spawn().await;
            if postgres.process.is_some() {
                return Some(postgres);
            }
        }
        panic!("postgresql did not start, or found no port");
    }

    /// Its address, `postgres://tollgate@127.0.0.1:PORT/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://tollgate@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Kills it. Connections break, and new ones are refused. What was committed is still there after a restart.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            // At once, which ends its children too; a killed parent would leave them behind for a moment.
            process.signal("QUIT");
            process.wait();
        }
    }

    /// Starts it again on the same port, with what it had; stops it before if it runs.
    ///
    /// # Panics
    /// If somebody else has taken the port, or it does not come up.
    pub async fn restart(&mut self) {
        self.stop();
        self.process = self.spawn().await;
        assert!(self.process.is_some(), "postgresql did not come up again");
    }

    fn make_cluster(&self) {
        if is_superuser() {
            run(Command::new("chown").arg("nobody:nogroup").arg(self.folder.path()));
        }
        let mut command = self.program("initdb");
        command.arg("-D").arg(self.cluster());
        // Trust is for loopback alone, and synchronisation for machines that lose power.
        command.args(["--username=tollgate", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        run(&mut command);
    }

    async fn spawn(&self) -> Option<Process> {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.cluster()).args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        // No socket in a folder that others share.
        command.args(["-c", "unix_socket_directories=", "-c", "shared_buffers=16MB", "-c", "log_min_messages=panic"]);
        Process::start(command, async || accepts(self.port).await).await
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_superuser() {
            let mut command = Command::new(UNPRIVILEGED[0]);
            command.args(&UNPRIVILEGED[1..]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }

    fn cluster(&self) -> PathBuf {
        self.folder.path().join("cluster")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(command: &mut Command) {
    let finished = command.stdin(Stdio::null()).output().expect("the program can be started");
    assert!(finished.status.success(), "{command:?}: {}", String::from_utf8_lossy(&finished.stderr));
}

/// By the owner of its own entry, since the call would need unsafe code.
fn is_superuser() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|process| process.uid() == 0)
}

/// Whether it lets a client in: a server that still starts answers with an error.
async fn accepts(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let parameters = b"\0\x03\0\0user\0tollgate\0database\0postgres\0\0";
    let length = u32::try_from(parameters.len() + 4).expect("is short").to_be_bytes();
    let mut answer = [0; 1];
    stream.write_all(&[&length[..], parameters].concat()).await.is_ok()
        && stream.read_exact(&mut answer).await.is_ok()
        && answer == *b"R"
}
