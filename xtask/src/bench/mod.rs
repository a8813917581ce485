//! `cargo xtask bench`: the gateway beside a direct connection, a bare proxy, and whoever else wants to be compared.
//!
//! `docs/benchmarks.md` says what is measured and what may be concluded. In short: the runner starts a mock upstream
//! ([`mock`]), a bare proxy ([`floor`]) and the gateway as processes of their own, sends load from its own process, and
//! reads their processor time and memory from `/proc`. All targets take turns in every round, and differences and
//! ratios are formed within a round.

mod accounts;
mod args;
mod budget;
pub(crate) mod cache;
mod cache_faults;
mod cache_leaks;
pub(crate) mod cache_quality;
mod embed;
pub(crate) mod floor;
mod footprint;
mod launch;
mod ledger_crash;
mod load;
mod machine;
pub(crate) mod mock;
mod payload;
mod peer;
mod plan;
mod probe;
mod proc;
mod report;
mod results;
mod runner;
mod scan;
mod semantic;
mod serve;
mod stored;
mod summary;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::args::Args;
use self::args::{Builtin, Part};
use self::machine::Machine;
use self::plan::Plan;
use self::results::Results;
use self::runner::Runner;
use self::target::Programs;
use crate::Result;

/// Runs the benchmark, in a release build of this program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match &args.part {
        Some(Part::Accounts(args)) => return accounts::run(args),
        Some(Part::Budget(args)) => return budget::run(args),
        Some(Part::Embed(args)) => return embed::run(args),
        Some(Part::Cache(args)) => return cache::run(args),
        Some(Part::CacheQuality(args)) => {
            launch::relaunch(args.no_build, &["xtask"])?;
            return cache_quality::run(args).map(|()| ExitCode::SUCCESS);
        }
        Some(Part::Semantic(args)) => return semantic::run(args),
        Some(Part::CacheLeaks(args)) => return cache_leaks::run(args),
        Some(Part::CacheFaults(args)) => return cache_faults::run(args),
        Some(Part::LedgerCrash(args)) => return ledger_crash::run(args),
        None => {}
    }
    launch::relaunch(args.no_build, &packages(args))?;
    let plans: Vec<Plan> =
        args.workloads.iter().flat_map(|workload| workload.expand()).map(|each| Plan::new(each, args)).collect();
    require_open_files(&plans)?;
    let dir = Scratch::new()?;
    let results = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(bounded(args, &plans, &dir.path))
        .map_err(|error| dir.keep(&error))?;
    dir.remove();
    report::show(args, &results)
}

/// Takes a measurement of the gateway in a release build of this program, in a folder of its own that stays if it fails, and
/// says which machine it was taken on. Without a binary the gateway is built as well.
fn with_gateway<T>(
    no_build: bool,
    binary: Option<&Path>,
    deadline: Duration,
    measure: impl AsyncFnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let gateway = binary.is_none().then_some("gateway-server");
    launch::relaunch(no_build, &["xtask"].into_iter().chain(gateway).collect::<Vec<_>>())?;
    let dir = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(until(deadline, measure(&dir.path))).map_err(|error| dir.keep(&error))?;
    dir.remove();
    println!("{}\n", Machine::inspect().line());
    Ok(found)
}

/// What is built for a run.
fn packages(args: &Args) -> Vec<&'static str> {
    let needs_gateway = args.targets.contains(&Builtin::Tollgate) && args.tollgate_bin.is_none();
    // The gateway in a call of its own and last, since xtask uses it with more features than it is shipped with.
    ["xtask"].into_iter().chain(needs_gateway.then_some("gateway-server")).collect()
}

/// Runs the plans unless the deadline or a signal comes first. Either way the future is dropped, and with it go all
/// children.
async fn bounded(args: &Args, plans: &[Plan], dir: &Path) -> Result<Results> {
    let targets = args.targets.len() + args.peers.len();
    let turns = plans.iter().map(|plan| plan.rounds as usize * plan.steps.len() * targets).sum::<usize>();
    let work = async {
        let runner = Runner::new(args, programs(args, dir)?, progress(turns as u64)?).await?;
        runner.run(plans).await
    };
    until(args.deadline, work).await
}

fn programs(args: &Args, dir: &Path) -> Result<Programs> {
    let programs = Programs::new(args.tollgate_bin.as_deref(), dir)?;
    if args.targets.contains(&Builtin::Tollgate) {
        programs.require_gateway()?;
    }
    Ok(programs)
}

/// Work, unless its deadline or a signal comes first.
async fn until<T>(deadline: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        results = work => results,
        () = tokio::time::sleep(deadline) => Err("the deadline has passed (see --deadline)".into()),
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}

fn progress(turns: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{elapsed:>4} {bar:30} {pos}/{len} turns  {msg}")?;
    Ok(ProgressBar::new(turns).with_style(style))
}

/// Says so before the run if a target would run out of descriptors in it.
fn require_open_files(plans: &[Plan]) -> Result<()> {
    let needed = plans.iter().flat_map(|plan| &plan.steps).map(plan::Step::open_files).max().unwrap_or(0);
    match proc::open_files_limit() {
        Some(limit) if limit < needed => Err(format!(
            "at most {limit} files may be open, but these workloads need {needed}; \
             raise the hard limit (ulimit -H -n) or lower --concurrency"
        )
        .into()),
        _ => Ok(()),
    }
}

/// A directory for configuration and logs.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("tollgate-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self { path })
    }

    fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }

    /// Leaves the logs where they are and tells the reader so.
    fn keep(&self, error: &crate::Error) -> crate::Error {
        format!("{error}\n(configuration and logs are in {})", self.path.display()).into()
    }
}
