//! The machine and the moment, so that a result can be told from another.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// Where and when a run took place.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    cores: usize,
    cpu: String,
    kernel: String,
    /// Of the last minute, when the run began: other work shows here.
    load_average: Option<f64>,
    date: String,
    commit: String,
    /// Whether files differed from the commit.
    modified: bool,
}

impl Machine {
    pub(super) fn inspect() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            cpu: model.map_or("unknown", |(_, model)| model).to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_average: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()),
            date: output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            commit: output("git", &["rev-parse", "--short", "HEAD"]),
            modified: !output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty(),
        }
    }

    /// One line for the top of the report.
    pub(super) fn line(&self) -> String {
        let Self { cores, cpu, date, commit, .. } = self;
        let modified = if self.modified { " modified" } else { "" };
        let load = self.load_average.unwrap_or(0.0);
        format!("{date}  commit {commit}{modified}  {cores} × {cpu}  load average {load}")
    }
}

/// What a command prints, or nothing: a missing tool must not cost a run.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
