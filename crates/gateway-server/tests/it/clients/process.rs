//! Child processes that are not the server.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// How many lines of output are shown. llama.cpp writes ten for each request.
const SHOWN: usize = 60;

/// A child process. Killed when dropped; what it wrote is shown if the test failed.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// A file and not a pipe, so that nobody has to read for the child to go on.
    output: NamedTempFile,
}

impl Process {
    pub(crate) fn start(name: &'static str, mut command: Command) -> Self {
        let output = NamedTempFile::new().expect("a temporary file");
        // Two handles of one file share their position, so neither stream overwrites the other.
        let [stdout, stderr] = [(); 2].map(|()| output.as_file().try_clone().expect("another handle"));
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
        Self { name, child: child.unwrap_or_else(|error| panic!("{name} cannot be started: {error}")), output }
    }

    /// Everything on its standard output and error so far.
    pub(crate) fn output(&self) -> String {
        let bytes = std::fs::read(self.output.path()).expect("the output is there");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its state is known")
    }

    /// Looks at it again and again until there is something to see.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl AsyncFnMut(&mut Self) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(seen) = look(self).await {
                return seen;
            }
            assert!(Instant::now() < deadline, "{}: waited in vain for {what}", self.name);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    #[allow(clippy::print_stderr, reason = "the test harness shows it with the test that failed")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let end = &lines[lines.len().saturating_sub(SHOWN)..];
            eprintln!("--- output of {} ---\n{}\n---", self.name, end.join("\n"));
        }
    }
}
