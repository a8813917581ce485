//! The server as a child process.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Call, PATIENCE, eventually};

/// A running server. Killed when dropped; what it wrote to its standard error is shown if the test failed.
pub struct Gateway {
    child: Child,
    url: String,
    stdout: Lines,
    stderr: Lines,
    folder: TempDir,
    /// How many usage records were handed out by [`Gateway::next_record`].
    taken: usize,
}

/// A server to be started, or a command of its program to be run.
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `start` or `run`"]
pub struct GatewayBuilder {
    program: PathBuf,
    config: Option<String>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    host: Option<String>,
    health: String,
}

/// A command that has run to its end.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// The lines of a pipe, gathered by a thread of their own.
#[derive(Clone)]
struct Lines(Arc<Mutex<Vec<String>>>);

const CONFIG: &str = "tollgate.yaml";

// === impl GatewayBuilder ===

impl GatewayBuilder {
    /// Writes a configuration file into a temporary folder and names it with `--config`. Without it there is none.
    pub fn config(mut self, yaml: impl Into<String>) -> Self {
        self.config = Some(yaml.into());
        self
    }

    /// Sets a variable. No others are there.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets the host to listen on. Defaults to `127.0.0.1`; the port is always a free one.
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// Sets the path that is asked whether the server is up. Defaults to `/health`.
    pub fn health(mut self, path: &str) -> Self {
        path.clone_into(&mut self.health);
        self
    }

    /// Starts the server and waits until it is up.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start(mut self) -> Gateway {
        let host = self.host.as_deref().unwrap_or("127.0.0.1");
        // The system chooses the port and the server tells which, so no two tests can be given the same one.
        self.arguments.extend(["--listen".into(), format!("{host}:0").into()]);
        let (child, folder) = self.spawn();
        let mut gateway = Gateway::watch(child, folder);
        let deadline = Instant::now() + PATIENCE;
        while !gateway.is_up(&self.health).await {
            let is_running = gateway.is_running() && Instant::now() < deadline;
            assert!(is_running, "the server did not come up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway
    }

    /// Runs the program with no other arguments than those given, until it ends by itself.
    ///
    /// # Panics
    /// If it does not end.
    #[must_use]
    pub fn run(self) -> Finished {
        let (child, folder) = self.spawn();
        let mut gateway = Gateway::watch(child, folder);
        let status = gateway.wait_exit_blocking();
        let [stdout, stderr] = [&gateway.stdout, &gateway.stderr].map(Lines::to_end);
        Finished { code: status.code(), stdout, stderr }
    }

    fn spawn(&self) -> (Child, TempDir) {
        let folder = TempDir::with_prefix("tollgate-test-").expect("a temporary folder");
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        // A build that measures coverage is told where to write.
        command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
        command.current_dir(folder.path()).args(&self.arguments);
        if let Some(config) = &self.config {
            let file = folder.path().join(CONFIG);
            std::fs::write(&file, config).expect("the configuration is written");
            command.arg("--config").arg(file);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = self.program.display();
        (command.spawn().unwrap_or_else(|error| panic!("{program} cannot be started: {error}")), folder)
    }
}

// === impl Gateway ===

impl Gateway {
    /// A server to be started. `program` is the binary, from a test crate `env!("CARGO_BIN_EXE_gateway-server")`; the
    /// variable `TOLLGATE_BIN` wins over it.
    pub fn builder(program: impl Into<PathBuf>) -> GatewayBuilder {
        GatewayBuilder {
            program: std::env::var_os("TOLLGATE_BIN").map_or_else(|| program.into(), PathBuf::from),
            config: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            host: None,
            health: "/health".to_owned(),
        }
    }

    fn watch(mut child: Child, folder: TempDir) -> Self {
        let stdout = Lines::gather(child.stdout.take().expect("its output is a pipe"));
        let stderr = Lines::gather(child.stderr.take().expect("its errors are a pipe"));
        Self { child, url: String::new(), stdout, stderr, folder, taken: 0 }
    }

    async fn is_up(&mut self, health: &str) -> bool {
        let Some(port) = announced_port(&self.stderr()) else { return false };
        self.url = format!("http://127.0.0.1:{port}");
        let answer = Call::get(format!("{}{health}", self.url)).try_send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// Its address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, for connections by hand.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// A call of a path.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(method, format!("{}{path}", self.url))
    }

    /// A `GET` of a path.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A `POST` of JSON to a path.
    pub fn post(&self, path: &str, body: impl ToString) -> Call {
        Call::post(format!("{}{path}", self.url), body)
    }

    /// A `POST` to `/v1/chat/completions`.
    pub fn chat(&self, body: impl ToString) -> Call {
        self.post("/v1/chat/completions", body)
    }

    /// Everything on its standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Everything on its standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until its standard error holds a text.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn wait_stderr(&self, text: &str) {
        eventually(&format!("{text:?} on the standard error"), || self.stderr().contains(text).then_some(())).await;
    }

    /// The usage records so far.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let is_record = |value: &Value| value["event"] == "usage";
        self.stdout.each(|line| serde_json::from_str(line).ok().filter(is_record))
    }

    /// Waits until there are `count` usage records, and returns all there are.
    ///
    /// # Panics
    /// If they do not come.
    pub async fn usage_records(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} usage records"), || Some(self.records()).filter(|all| all.len() >= count)).await
    }

    /// The next usage record: the first call returns the first, and so on. Waits for it.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn next_record(&mut self) -> Value {
        self.taken += 1;
        self.usage_records(self.taken).await.swap_remove(self.taken - 1)
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join(CONFIG)
    }

    /// Replaces its configuration file, in one step, as editors and orchestrators do.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write_config(&self, yaml: &str) {
        let new = self.folder.path().join("tollgate.yaml.new");
        std::fs::write(&new, yaml).expect("the configuration is written");
        std::fs::rename(&new, self.config_path()).expect("the configuration is replaced");
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `SIGHUP`.
    ///
    /// # Panics
    /// If there is no `kill` command.
    pub fn sighup(&self) {
        self.signal("HUP");
    }

    /// Sends `SIGTERM`.
    ///
    /// # Panics
    /// If there is no `kill` command.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name. By the command, since the call would need unsafe code.
    ///
    /// # Panics
    /// If there is no `kill` command.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {name} is not sent");
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn wait_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the end of the server", || child.try_wait().expect("its state is known")).await
    }

    fn wait_exit_blocking(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state is known") {
                return status;
            }
            assert!(Instant::now() < deadline, "the program does not end: {}", self.stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The memory it has in use, in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory it ever had in use, in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("/proc has the process");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line is there");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kilobytes") * 1024
    }
}

impl Drop for Gateway {
    #[allow(clippy::print_stderr, reason = "the test harness shows it with the test that failed")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- standard error of the server ---\n{}---", self.stderr.to_end());
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The port in `listening on http://127.0.0.1:4711`.
fn announced_port(stderr: &str) -> Option<u16> {
    let (_, address) = stderr.split_once("listening on http://")?;
    let address = address.split(|byte: char| byte.is_whitespace() || byte == '"').next()?;
    address.rsplit_once(':')?.1.parse().ok()
}

// === impl Lines ===

impl Lines {
    fn gather(pipe: impl Read + Send + 'static) -> Self {
        let lines = Self(Arc::default());
        let gathered = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                gathered.lock().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        lines
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, once the process has ended: its pipes end after it.
    fn to_end(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Arc::strong_count(&self.0) > 1 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.text()
    }

    fn text(&self) -> String {
        self.lock().iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    fn each<T>(&self, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        self.lock().iter().filter_map(|line| read(line)).collect()
    }
}
