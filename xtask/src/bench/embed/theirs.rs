//! onnxruntime, in a Python of its own that answers line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Result;

pub(super) struct Theirs {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What starting it took, as a line.
    pub(super) started: String,
}

/// What it says about a list of tokens.
#[derive(Deserialize)]
pub(super) struct Answer {
    /// Processor time of a pass.
    pub(super) ms: f64,
    pub(super) vector: Vec<f32>,
}

#[derive(Deserialize)]
struct Started {
    version: String,
    load_ms: f64,
    resident: f64,
}

/// Variables by which a machine may have been told to compute more slowly, or otherwise, than it can.
const UNSET: [&str; 3] = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS"];

// === impl Theirs ===

impl Theirs {
    pub(super) fn start(python: &Path, model: &Path) -> Result<Self> {
        let mut command = Command::new(python);
        command.args(["-c", include_str!("reference.py")]).arg(model).stdin(Stdio::piped()).stdout(Stdio::piped());
        for variable in UNSET {
            command.env_remove(variable);
        }
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", python.display()))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the other side has no pipes".into());
        };
        let mut theirs = Self { child, requests, answers: BufReader::new(answers), started: String::new() };
        let Started { version, load_ms, resident } = theirs.read()?;
        theirs.started =
            format!("{version}, f32, one thread: opened in {load_ms:.0} ms, {:.1} MB resident", resident / 1e6);
        Ok(theirs)
    }

    /// Runs each list of tokens so many times.
    pub(super) fn run(&mut self, tokens: &[Vec<u32>], passes: usize) -> Result<Vec<Answer>> {
        writeln!(self.requests, "{}", json!({ "tokens": tokens, "passes": passes }))?;
        self.requests.flush()?;
        self.read()
    }

    fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(
                "the other side has ended; has the Python what xtask/src/bench/embed/requirements.txt names?".into()
            );
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
