//! `cargo xtask bench semantic`: what looking for the answer to a rephrased request costs.
//!
//! The parts are those of the gateway: its keys, its rules on texts, its index, its decisions and its encoder, on one
//! thread. What a provider would have answered is made up. Most of the stored prompts get vectors that are made of their
//! words, because embedding all would take minutes; those that are found again, and every request, are embedded.

mod setup;
mod texts;
mod timing;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use self::setup::{Setup, Vectors};
use super::launch;
use super::proc::Process;
use super::report::table::{Column, render};
use crate::Result;

/// What looking for the answer to a rephrased request costs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of all-MiniLM-L6-v2.
    #[arg(long)]
    model: PathBuf,
    /// Prompts that are stored in the one namespace.
    #[arg(long, default_value_t = 100_000)]
    entries: usize,
    /// Requests of each kind.
    #[arg(long, short = 'n', default_value_t = 1000)]
    requests: usize,
    /// Small numbers: shows that everything works, measures little.
    #[arg(long)]
    quick: bool,
    /// Do not build first.
    #[arg(long)]
    no_build: bool,
    /// Fail if a target of the project is missed.
    #[arg(long)]
    check: bool,
    /// Only fill a cache and say what memory that took; a process of its own, so that nothing else is measured.
    #[arg(long, hide = true)]
    only_memory: Option<usize>,
}

/// A line of what was measured.
#[derive(Clone, Debug)]
struct Line {
    name: &'static str,
    cells: [String; 3],
    /// What is wanted, and whether it is so.
    target: Option<(String, bool)>,
}

/// Prompts whose memory is measured.
const RESIDENT: usize = 10_000;
/// Megabytes that they may take together with the model and the process.
const MOST_RESIDENT: f64 = 48.0;

/// Runs the benchmark, in a release build of this program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(entries) = args.only_memory {
        runtime.block_on(report_memory(args, entries))?;
        return Ok(ExitCode::SUCCESS);
    }
    launch::relaunch(args.no_build, &["xtask"])?;
    let (entries, requests, resident) =
        if args.quick { (10_000, 100, RESIDENT / 10) } else { (args.entries, args.requests, RESIDENT) };
    let mut lines = runtime.block_on(timing::measure(&args.model, entries, requests))?;
    lines.extend(memory(args, resident)?);
    println!("{}", table(&lines));
    let is_missed = lines.iter().any(|line| line.target.as_ref().is_some_and(|(_, is_met)| !is_met));
    Ok(if args.check && is_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Fills a cache in this process and prints its resident megabytes before, with the model, and in the end.
async fn report_memory(args: &Args, entries: usize) -> Result<()> {
    let resident = || megabytes(Process::single(std::process::id()).rss());
    let before = resident();
    let setup = Setup::new(&args.model)?;
    setup.embedder.vector("a text that opens what is opened at first use");
    let with_model = resident();
    for number in 0..entries {
        setup.store(&texts::stored(number), number, Vectors::Embedded).await?;
    }
    println!("{}", serde_json::to_string(&[before, with_model, resident()])?);
    Ok(())
}

fn memory(args: &Args, entries: usize) -> Result<Vec<Line>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "semantic", "--model"]).arg(&args.model).args(["--only-memory", &entries.to_string()]);
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("memory was not measured: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let [before, with_model, after]: [f64; 3] = serde_json::from_slice(&output.stdout)?;
    let line = |name, value: f64, target| Line {
        name,
        cells: [format!("{value:.1} MB"), String::new(), entries.to_string()],
        target,
    };
    let target = (format!("<= {MOST_RESIDENT} MB"), after <= MOST_RESIDENT);
    Ok(vec![
        line("resident: process", before, None),
        line("resident: and the model", with_model, None),
        line("resident: and the prompts", after, Some(target)),
    ])
}

fn table(lines: &[Line]) -> String {
    let column = |heading, cell: &dyn Fn(&Line) -> String| Column { heading, cells: lines.iter().map(cell).collect() };
    let verdict = |line: &Line| match &line.target {
        Some((_, true)) => "met".to_owned(),
        Some((_, false)) => "MISSED".to_owned(),
        None => String::new(),
    };
    render(&[
        column("", &|line| line.name.to_owned()),
        column("p50", &|line| line.cells[0].clone()),
        column("p99", &|line| line.cells[1].clone()),
        column("of", &|line| line.cells[2].clone()),
        column("target", &|line| line.target.as_ref().map_or(String::new(), |(target, _)| target.clone())),
        column("result", &verdict),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory stay below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
