//! `cargo xtask bench budget`: whether a hard budget holds, and how much of it can be used.
//!
//! Many clients at once send requests with random limits on their answers, whole and streamed, until the budget lets nothing
//! through any more. The upstream draws what each answer takes, somewhere below the limit, and keeps its own count, in the
//! same prices: that is what was really spent. Once with one gateway that counts in memory, once with three that share a
//! Redis.

mod clients;
mod upstream;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use self::clients::{Asked, Clients};
use self::upstream::Upstream;
use super::target::{Programs, Target};
use super::with_gateway;
use crate::Result;

/// Whether a budget holds.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// A gateway binary other than target/release/gateway-server.
    #[arg(long)]
    tollgate_bin: Option<PathBuf>,
    /// A Redis server to start; else the variable `TOLLGATE_REDIS_SERVER`, else `redis-server`.
    #[arg(long)]
    redis_server: Option<PathBuf>,
    /// Clients at the same time.
    #[arg(long, default_value_t = 200)]
    clients: usize,
    /// The budget, in nano-dollars. The default is enough for some thousand answers.
    #[arg(long, default_value_t = 1_000_000_000)]
    budget: u64,
    /// Gateways in the second run.
    #[arg(long, default_value_t = 3)]
    replicas: usize,
    /// Do not build first.
    #[arg(long)]
    no_build: bool,
    /// Stop, and kill everything that was started, after this time.
    #[arg(long, default_value = "10m", value_parser = super::args::duration)]
    deadline: Duration,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fail where a target of the project is missed.
    #[arg(long)]
    check: bool,
}

/// What came of one run.
struct Found {
    name: &'static str,
    spent: u64,
    answers: u64,
    asked: Asked,
    took: Duration,
}

/// Prices in nano-dollars for a token, which `PRICES` says in dollars for a million.
const INPUT: u64 = 150;
const OUTPUT: u64 = 600;
const PRICES: &str = "prices:\n  mock/mock-model: {input: 0.15, output: 0.60}\n";

/// How far beyond the budget spending may go, and how much of it must be usable.
const MOST_OVER: f64 = 0.001;
const LEAST_USABLE: f64 = 0.95;

/// Runs the benchmark, in a release build of this program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let gateway = args.tollgate_bin.as_deref();
    let found = with_gateway(args.no_build, gateway, args.deadline, async |dir| measure(args, dir).await)?;
    Ok(show(args, &found))
}

fn show(args: &Args, found: &[Found]) -> ExitCode {
    let mut missed = false;
    for Found { name, spent, answers, asked, took } in found {
        #[expect(clippy::cast_precision_loss, reason = "shares are shown with two decimals")]
        let share = *spent as f64 / args.budget as f64;
        println!(
            "{name:>18}: {:.3} % of the budget spent, by {answers} answers to {} clients in {:.1} s; refused {}, told to try \
             again {}, failed {}",
            share * 100.0,
            args.clients,
            took.as_secs_f64(),
            asked.refused,
            asked.again,
            asked.failed,
        );
        let is_over = share > 1.0 + MOST_OVER;
        if is_over {
            println!("MISS  {name}: more than {} % over the budget", MOST_OVER * 100.0);
        }
        if share < LEAST_USABLE {
            println!("MISS  {name}: less than {} % of the budget could be used", LEAST_USABLE * 100.0);
        }
        if asked.failed > 0 {
            println!("MISS  {name}: {} requests failed", asked.failed);
        }
        missed |= is_over || share < LEAST_USABLE || asked.failed > 0;
    }
    if args.check && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn measure(args: &Args, dir: &Path) -> Result<Vec<Found>> {
    let mut found = vec![one_run(args, dir, "1 gateway, memory", 1, "").await?];
    let (_redis, url) = redis(args, dir).await?;
    let quota = format!("quota:\n  redis: {{url: \"{url}\", read_timeout: 1s}}\n");
    found.push(one_run(args, dir, "gateways, Redis", args.replicas.max(1), &quota).await?);
    Ok(found)
}

async fn one_run(args: &Args, dir: &Path, name: &'static str, replicas: usize, quota: &str) -> Result<Found> {
    let upstream = Upstream::start(args.seed).await?;
    let gateways: Vec<Target> =
        (0..replicas).map(|at| gateway(args, dir, &upstream, at, quota)).collect::<Result<_>>()?;
    let start = Instant::now();
    let clients = Clients { count: args.clients, seed: args.seed };
    let asked = clients.run(gateways.iter().map(|gateway| gateway.address).collect()).await;
    let (spent, answers) = upstream.spent();
    Ok(Found { name, spent, answers, asked, took: start.elapsed() })
}

fn gateway(args: &Args, dir: &Path, upstream: &Upstream, at: usize, quota: &str) -> Result<Target> {
    let kind = if quota.is_empty() { "memory" } else { "redis" };
    let dir = dir.join(format!("{kind}-{at}"));
    std::fs::create_dir_all(&dir)?;
    let dollars = tollgate_core::NanoUsd(args.budget);
    let sections =
        format!("ledger: {{store: memory}}\n{PRICES}budgets:\n  all: {{limit: \"{dollars}\", per: total}}\n{quota}");
    let programs = Programs::new(args.tollgate_bin.as_deref(), &dir)?.sections(sections);
    Ok(programs.gateway(upstream.address)?.0)
}

/// An empty Redis on a port of its own.
async fn redis(args: &Args, dir: &Path) -> Result<(Child, String)> {
    let named = args.redis_server.clone().or_else(|| std::env::var_os("TOLLGATE_REDIS_SERVER").map(PathBuf::from));
    let program = named.unwrap_or_else(|| "redis-server".into());
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let mut command = Command::new(&program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "\"\"", "--appendonly", "no"]);
    command.current_dir(dir).stdout(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok((child, format!("redis://127.0.0.1:{port}")));
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Err("redis did not start".into())
}
