//! The encoder of this workspace: opened in a process of its own, timed in this one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tollgate_embed::{Encoder, Model, Tokenizer};

use super::super::proc::Process;
use crate::Result;

pub(super) struct Ours {
    pub(super) encoder: Encoder,
    tokenizer: Tokenizer,
    /// What opening it took, as a line.
    pub(super) opened: String,
}

/// What a process of its own says about opening the model.
#[derive(Deserialize, Serialize)]
struct Opening {
    load_ms: f64,
    after_load: u64,
    after_passes: u64,
}

/// A folder for quantised weights that is deleted in the end.
struct Scratch(PathBuf);

/// Words of one token each; a text of n tokens is n - 2 of them.
const WORDS: &str =
    "the cat sat on a mat and saw how many small birds fly over an old house near our river while rain fell";

/// The texts of the crate's own tests: several languages, code, short and long.
pub(super) fn prompts() -> Result<Vec<String>> {
    let lines = include_str!("../../../../crates/tollgate-embed/tests/it/prompts.txt").lines();
    Ok(lines.map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

/// Opens the model in this process and prints what that took.
pub(super) fn report_opening(model: &Path, cache: &Path) -> Result<()> {
    let process = Process::single(std::process::id());
    let (before, start) = (process.rss(), Instant::now());
    let encoder = Model::at(model).cache_folder(cache).open_encoder()?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let after_load = process.rss().saturating_sub(before);
    for text in prompts()? {
        std::hint::black_box(encoder.embed(&text));
    }
    let after_passes = process.rss().saturating_sub(before);
    println!("{}", serde_json::to_string(&Opening { load_ms, after_load, after_passes })?);
    Ok(())
}

// === impl Ours ===

impl Ours {
    pub(super) fn open(model: &Path) -> Result<Self> {
        let scratch = Scratch(std::env::temp_dir().join(format!("tollgate-bench-embed-{}", std::process::id())));
        let quantising = opening(model, &scratch.0)?;
        let Opening { load_ms, after_load, after_passes } = opening(model, &scratch.0)?;
        let encoder = Model::at(model).cache_folder(&scratch.0).open_encoder()?;
        #[expect(clippy::cast_precision_loss, reason = "bytes of memory stay below 2^52")]
        let [after_load, after_passes] = [after_load, after_passes].map(|bytes| bytes as f64 / 1e6);
        let opened = format!(
            "{} on {}: opened in {load_ms:.0} ms ({:.0} ms the first time), {after_load:.1} MB resident, {after_passes:.1} MB after all texts",
            encoder.id(),
            encoder.kernel(),
            quantising.load_ms,
        );
        Ok(Self { encoder, tokenizer: Tokenizer::open(model)?, opened })
    }

    pub(super) fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode(text, self.encoder.max_tokens())
    }

    /// A text of so many tokens.
    pub(super) fn text_of(&self, tokens: usize) -> Result<String> {
        let words: Vec<&str> = WORDS.split(' ').cycle().take(tokens.saturating_sub(2)).collect();
        let text = words.join(" ");
        match self.encoder.count_tokens(&text) {
            found if found == tokens => Ok(text),
            found => Err(format!("a text of {found} tokens, not of {tokens}: is this the right vocabulary?").into()),
        }
    }

    /// The processor time of a pass in milliseconds.
    pub(super) fn time(&self, text: &str, passes: usize) -> f64 {
        let process = Process::single(std::process::id());
        // The kernel brings a thread's account up to date when it yields.
        thread::yield_now();
        let before = process.cpu();
        for _ in 0..passes {
            std::hint::black_box(self.encoder.embed(std::hint::black_box(text)));
        }
        thread::yield_now();
        #[expect(clippy::cast_precision_loss, reason = "passes are few")]
        let passes = passes as f64;
        process.cpu().since(&before).as_secs_f64() * 1e3 / passes
    }
}

fn opening(model: &Path, cache: &Path) -> Result<Opening> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "embed", "--python", "-", "--model"]).arg(model).arg("--only-open").arg(cache);
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("the model cannot be opened: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

// === impl Scratch ===

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is mapped stays readable until it is unmapped.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
