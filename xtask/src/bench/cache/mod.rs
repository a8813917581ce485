//! `cargo xtask bench cache`: what an answer from the cache costs, beside a bare table of answers.
//!
//! - `hits`: processor time and latency of an exact hit, whole and streamed, over those of [`floor`]; beside the gateway as it
//!   comes also one that keeps its accounts in memory and logs no requests, to tell apart what those take.
//! - `shared`: equal streams at once while one answer arrives for all of them.
//! - `memory`: resident memory, idle and with answers stored.

pub(crate) mod floor;
mod hits;
mod memory;
mod shared;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;

use self::memory::Memory;
use self::shared::Shared;
use super::mock::Settings;
use super::results::{Outcome, Row};
use super::target::{Programs, Target};
use super::{probe, progress, report, with_gateway};
use crate::Result;

/// The cache beside a table of answers.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// A gateway binary other than target/release/gateway-server.
    #[arg(long)]
    tollgate_bin: Option<PathBuf>,
    /// Rounds; each measures the floor and the gateway once.
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    /// Hits per target and step, over all rounds.
    #[arg(long, short = 'n', default_value_t = 20_000)]
    requests: u64,
    /// Equal streams at once.
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// Different answers to store.
    #[arg(long, default_value_t = 10_000)]
    entries: usize,
    /// Small numbers: shows that everything works, measures nothing.
    #[arg(long)]
    quick: bool,
    /// Only the hits, such as for a profile.
    #[arg(long)]
    only_hits: bool,
    /// Do not build first.
    #[arg(long)]
    no_build: bool,
    /// Stop, and kill everything that was started, after this time.
    #[arg(long, default_value = "10m", value_parser = super::args::duration)]
    deadline: Duration,
    /// Seed of the order in which the targets take their turns.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fail where a target of the project is missed.
    #[arg(long)]
    check: bool,
}

/// What the parts share.
struct Bench<'a> {
    programs: &'a Programs,
    /// The same, of a gateway that keeps no accounts.
    lean: &'a Programs,
    mock: Target,
    order: fastrand::Rng,
    progress: ProgressBar,
}

/// Everything that was found.
struct Found {
    hits: Outcome,
    others: Option<(Shared, Memory)>,
}

const CONFIG: &str = "cache:\n  mode: exact\n";
const LEAN: &str = "cache:\n  mode: exact\nledger:\n  store: memory\nlog:\n  usage: false\n";

/// What is wanted of a hit: processor time over the floor's, the slowest of a hundred in microseconds; and of the whole
/// process without any load, in bytes.
const MOST_RATIO: f64 = 1.2;
const MOST_P99: f64 = 1000.0;
const MOST_IDLE: u64 = 10_000_000;

/// Runs the benchmark, in a release build of this program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let gateway = args.tollgate_bin.as_deref();
    let found = with_gateway(args.no_build, gateway, args.deadline, async |dir| measure(args, dir).await)?;
    Ok(show(args, &found))
}

async fn measure(args: &Args, dir: &Path) -> Result<Found> {
    let programs = Programs::new(args.tollgate_bin.as_deref(), dir)?.sections(CONFIG);
    programs.require_gateway()?;
    let folder = dir.join("lean");
    std::fs::create_dir(&folder)?;
    let lean = Programs::new(args.tollgate_bin.as_deref(), &folder)?.sections(LEAN);
    let rounds = if args.quick { 2 } else { args.rounds.max(1) };
    let requests = if args.quick { 400 } else { args.requests };
    let mut bench = Bench {
        programs: &programs,
        lean: &lean,
        mock: programs.mock(([127, 0, 0, 1], 0).into()).await?,
        order: fastrand::Rng::with_seed(args.seed),
        progress: progress(u64::from(rounds) * 2 + if args.only_hits { 0 } else { 2 })?,
    };
    let extent = hits::Extent { rounds, requests: requests.div_ceil(rounds.into()) };
    let hits = hits::measure(&mut bench, &extent).await?;
    if args.only_hits {
        return Ok(Found { hits, others: None });
    }
    let (streams, entries) = if args.quick { (50, 200) } else { (args.streams, args.entries) };
    let shared = shared::measure(&mut bench, streams).await?;
    let memory = memory::measure(&mut bench, entries).await?;
    Ok(Found { hits, others: Some((shared, memory)) })
}

fn show(args: &Args, found: &Found) -> ExitCode {
    println!("{}", report::workload::outcome(&found.hits));
    if let Some((shared, memory)) = &found.others {
        let Shared { clients, upstream_calls, right, last_after_ms } = shared;
        println!("{clients} equal streams: {upstream_calls} calls of the upstream, {right} right answers,");
        println!("  the last client ended {last_after_ms:.1} ms after the upstream\n");
        let Memory { entries, forgotten, .. } = memory;
        let [idle, filled, used] = [memory.idle, memory.filled, memory.used].map(report::workload::to_megabytes);
        println!("memory: {idle:.1} MB idle, {filled:.1} MB with {entries} answers stored,");
        println!("  {used:.1} MB once all were asked for again, of which {forgotten} were no hits\n");
    }
    let missed = missed(found);
    missed.iter().for_each(|missed| println!("MISS  {missed}"));
    if args.check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The targets of the project that were missed, in words.
fn missed(found: &Found) -> Vec<String> {
    let mut missed = Vec::new();
    for row in found.hits.rows.iter().filter(|row| row.target == "tollgate") {
        let Row { step, summary, .. } = row;
        if let Some(ratio) = summary.floor_ratio.filter(|ratio| *ratio > MOST_RATIO) {
            missed.push(format!("{step}: processor time is {ratio:.2} × floor (at most {MOST_RATIO})"));
        }
        if let Some(p99) = summary.p99.filter(|p99| *p99 >= MOST_P99) {
            missed.push(format!("{step}: p99 is {p99:.0} µs (less than {MOST_P99})"));
        }
        if summary.errors > 0 {
            missed.push(format!("{step}: {} requests failed", summary.errors));
        }
    }
    if let Some((shared, memory)) = &found.others {
        if shared.upstream_calls != 1 || shared.right != shared.clients {
            missed.push("equal streams: one call, and every answer right".to_owned());
        }
        if memory.idle > MOST_IDLE {
            missed.push(format!("memory, idle: {} bytes (at most {MOST_IDLE})", memory.idle));
        }
    }
    missed
}

// === impl Bench ===

impl Bench<'_> {
    fn mock(&self, settings: &Settings) -> Result<()> {
        match probe::post(self.mock.address, "/__settings", &serde_json::to_string(settings)?) {
            Some(200) => Ok(()),
            status => Err(format!("the mock refused its settings: {status:?}").into()),
        }
    }

    /// What the upstream has served so far.
    fn stats(&self) -> Result<Value> {
        let stats = probe::body(self.mock.address, "/__stats").ok_or("the mock tells no statistics")?;
        Ok(serde_json::from_str(&stats)?)
    }

    fn upstream_calls(&self) -> Result<u64> {
        self.stats()?["requests"].as_u64().ok_or_else(|| "the mock counts no requests".into())
    }
}
