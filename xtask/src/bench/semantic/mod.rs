//! `cargo xtask bench semantic`: what looking for the answer to a rephrased request costs.
//!
//! Times are those of the gateway's parts: its keys, its rules on texts, its index, its decisions and its encoder, on one
//! thread. Most of the stored prompts get vectors that are made of their words, because embedding all would take minutes;
//! those that are found again, and every request, are embedded. Memory is that of the gateway itself, with all vectors from
//! the encoder. What a provider would have answered is made up.

mod memory;
mod setup;
mod texts;
mod timing;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::report::table::{Column, render};
use super::with_gateway;
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
    /// Only what it takes of memory.
    #[arg(long)]
    memory_only: bool,
    /// A gateway binary other than target/release/gateway-server.
    #[arg(long)]
    tollgate_bin: Option<PathBuf>,
    /// Do not build first.
    #[arg(long)]
    no_build: bool,
    /// Stop, and kill everything that was started, after this time.
    #[arg(long, default_value = "15m", value_parser = super::args::duration)]
    deadline: Duration,
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

/// Runs the benchmark, in a release build of this program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(entries) = args.only_memory {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(memory::report(&args.model, entries))?;
        return Ok(ExitCode::SUCCESS);
    }
    let gateway = args.tollgate_bin.as_deref();
    let lines = with_gateway(args.no_build, gateway, args.deadline, async |dir| measure(args, dir).await)?;
    println!("{}", table(&lines));
    let is_missed = lines.iter().any(|line| line.target.as_ref().is_some_and(|(_, is_met)| !is_met));
    Ok(if args.check && is_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure(args: &Args, dir: &Path) -> Result<Vec<Line>> {
    let (entries, requests, resident) =
        if args.quick { (10_000, 100, RESIDENT / 10) } else { (args.entries, args.requests, RESIDENT) };
    let mut lines = Vec::new();
    if !args.memory_only {
        lines.extend(timing::measure(&args.model, entries, requests).await?);
    }
    lines.extend(memory::alone(&args.model, resident)?);
    lines.extend(memory::gateway(args.tollgate_bin.as_deref(), dir, &args.model, resident).await?);
    Ok(lines)
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
