//! `gateway-server model fetch`.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use tollgate_embed::hub::{ALL_MINILM_L6_V2, Hub, Progress};

use crate::config::{ProcessEnvironment, Variables};

/// Fetches the model into a folder, from where the argument, the environment or the default says.
pub(super) fn run(folder: &Path, endpoint: Option<String>) -> ExitCode {
    let endpoint = endpoint.or_else(|| ProcessEnvironment.get("HF_ENDPOINT")).filter(|endpoint| !endpoint.is_empty());
    let hub = endpoint.map_or_else(Hub::default, Hub::at);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let mut bar = Bar { is_terminal: std::io::stderr().is_terminal(), shown: None };
    let fetched = runtime.block_on(hub.fetch(&ALL_MINILM_L6_V2, folder, |progress| bar.show(progress)));
    bar.end();
    match fetched {
        Ok(()) => {
            super::say(&format!("The model is in {}.", folder.display()));
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    let mut text = format!("The model was not fetched: {error}");
    let mut cause = error.source();
    while let Some(known) = cause {
        text.push_str(&format!(": {known}"));
        cause = known.source();
    }
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

/// How far it is: a line that moves on a terminal, a line for every tenth elsewhere.
struct Bar {
    is_terminal: bool,
    shown: Option<u64>,
}

const WIDTH: u64 = 40;

impl Bar {
    fn show(&mut self, progress: Progress) {
        let step = if self.is_terminal { 100 } else { 10 };
        let done = (progress.done * step).checked_div(progress.total).unwrap_or(step);
        if self.shown == Some(done) {
            return;
        }
        self.shown = Some(done);
        let mut out = std::io::stderr();
        // Nobody is left to be told if the terminal is gone.
        if self.is_terminal {
            let filled = (progress.done * WIDTH).checked_div(progress.total).unwrap_or(WIDTH);
            let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { ' ' }).collect();
            let _ = write!(out, "\r[{bar}] {progress}");
            let _ = out.flush();
        } else {
            let _ = writeln!(out, "{progress}");
        }
    }

    fn end(&self) {
        if self.is_terminal && self.shown.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}
