//! `cargo xtask bench accounts`: what keys, limits, budgets and the ledger cost together.
//!
//! Two gateways of the same binary take turns: `plain` keeps no accounts but the sums in memory that are always there,
//! `accounts` asks for a virtual key, counts towards limits, reserves from a budget and writes to a ledger. Processor time
//! is that of the whole process from its first request until the ledger has everything, since the ledger is written beside
//! the requests and a little after them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use hyper::header::HeaderValue;
use indicatif::ProgressBar;

use super::args::Builtin;
use super::load::{Arrival, Expect};
use super::mock::Settings;
use super::plan::Step;
use super::proc::CpuTime;
use super::runner::turn;
use super::target::{Programs, Target};
use super::{payload, probe, progress, with_gateway};
use crate::Result;

/// What accounts cost.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// A gateway binary other than target/release/gateway-server.
    #[arg(long)]
    tollgate_bin: Option<PathBuf>,
    /// Rounds; each measures both once.
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    /// Requests of each gateway and step, over all rounds.
    #[arg(long, short = 'n', default_value_t = 40_000)]
    requests: u64,
    /// Small numbers: shows that everything works, measures nothing.
    #[arg(long)]
    quick: bool,
    /// Do not build first.
    #[arg(long)]
    no_build: bool,
    /// Stop, and kill everything that was started, after this time.
    #[arg(long, default_value = "10m", value_parser = super::args::duration)]
    deadline: Duration,
    /// Seed of the order in which the two take their turns.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fail where a target of the project is missed.
    #[arg(long)]
    check: bool,
}

/// What accounts may cost: processor time over that of the gateway without.
const MOST_RATIO: f64 = 1.25;
const CONCURRENCY: usize = 10;
const CHUNKS: usize = 64;
const TEXT: usize = 700;
const LIMIT: Duration = Duration::from_secs(120);
const TIMEOUT: Duration = Duration::from_secs(30);

/// For the ledger to write what it was told last.
const SETTLE: Duration = Duration::from_secs(2);

/// What was found for one kind of request: processor time in microseconds a request.
struct Found {
    step: &'static str,
    plain: f64,
    accounts: f64,
    failed: u64,
}

/// Runs the benchmark, in a release build of this program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let gateway = args.tollgate_bin.as_deref();
    let found = with_gateway(args.no_build, gateway, args.deadline, async |dir| measure(args, dir).await)?;
    Ok(show(args, &found))
}

fn show(args: &Args, found: &[Found]) -> ExitCode {
    let mut missed = false;
    for Found { step, plain, accounts, failed } in found {
        let ratio = accounts / plain;
        println!(
            "{step:>8}: {plain:.1} µs of processor time a request without accounts, {accounts:.1} µs with: {ratio:.2} ×"
        );
        if ratio > MOST_RATIO {
            println!("MISS  {step}: {ratio:.2} × (at most {MOST_RATIO})");
        }
        if *failed > 0 {
            println!("MISS  {step}: {failed} requests failed");
        }
        missed |= ratio > MOST_RATIO || *failed > 0;
    }
    if args.check && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn measure(args: &Args, dir: &Path) -> Result<Vec<Found>> {
    let rounds = if args.quick { 2 } else { args.rounds.max(1) };
    let requests = if args.quick { 400 } else { args.requests }.div_ceil(rounds.into());
    let mut order = fastrand::Rng::with_seed(args.seed);
    let progress = progress(u64::from(rounds) * 4)?;
    let mut found = Vec::new();
    for (name, stream) in [("whole", false), ("streamed", true)] {
        let step = step(stream, if stream { requests.div_ceil(4) } else { requests });
        let programs = Programs::new(args.tollgate_bin.as_deref(), dir)?;
        let mock = programs.mock(([127, 0, 0, 1], 0).into()).await?;
        let settings = serde_json::to_string(&step.mock)?;
        if probe::post(mock.address, "/__settings", &settings) != Some(200) {
            return Err("the mock refused its settings".into());
        }
        let targets = [plain(args, dir, &mock, name)?, with_accounts(args, dir, &mock, name)?];
        let measured = measure_step(&step, &targets, rounds, &mut order, &progress).await?;
        found.push(Found { step: name, ..measured });
    }
    Ok(found)
}

async fn measure_step(
    step: &Step,
    targets: &[Target; 2],
    rounds: u32,
    order: &mut fastrand::Rng,
    progress: &ProgressBar,
) -> Result<Found> {
    let warm = Arrival::Closed { concurrency: CONCURRENCY, requests: 300, limit: LIMIT };
    for target in targets {
        let warm = Step { label: String::new(), arrival: warm, body: step.body.clone(), ..*step };
        let (round, error) = turn(&warm, target, None).await;
        if round.requests == 0 || error.is_some() {
            return Err(format!("{} does not answer: {}", target.name, error.unwrap_or_default()).into());
        }
    }
    tokio::time::sleep(SETTLE).await;
    let before: Vec<Option<CpuTime>> = cpu(targets);
    let (mut done, mut failed) = ([0; 2], 0);
    for _ in 0..rounds {
        let mut turns = [0, 1];
        order.shuffle(&mut turns);
        for at in turns {
            progress.set_message(targets[at].name.clone());
            let (round, _) = turn(step, &targets[at], None).await;
            done[at] += round.requests;
            failed += round.errors.values().sum::<u64>();
            progress.inc(1);
        }
    }
    tokio::time::sleep(SETTLE).await;
    let used = |at: usize, after: &[Option<CpuTime>]| -> Result<f64> {
        let (Some(before), Some(after)) = (&before[at], &after[at]) else { return Err("a gateway has gone".into()) };
        #[expect(clippy::cast_precision_loss, reason = "requests stay far below 2^52")]
        let requests = done[at] as f64;
        Ok(after.since(before).as_secs_f64() * 1e6 / requests)
    };
    let after = cpu(targets);
    Ok(Found { step: "", plain: used(0, &after)?, accounts: used(1, &after)?, failed })
}

fn cpu(targets: &[Target; 2]) -> Vec<Option<CpuTime>> {
    targets.iter().map(|target| target.process.as_ref().map(super::proc::Process::cpu)).collect()
}

fn step(stream: bool, requests: u64) -> Step {
    let mock = Settings { latency: Duration::ZERO, response_bytes: TEXT, chunks: CHUNKS, pace: Duration::ZERO };
    let expect = if stream { Expect::Stream { events: CHUNKS as u64 } } else { Expect::Whole { bytes: TEXT as u64 } };
    let arrival = Arrival::Closed { concurrency: CONCURRENCY, requests, limit: LIMIT };
    let body = payload::chat("mock-model", 1024, stream);
    Step { label: String::new(), mock, arrival, body, expect, timeout: TIMEOUT }
}

fn plain(args: &Args, dir: &Path, mock: &Target, step: &str) -> Result<Target> {
    let dir = folder(dir, &format!("plain-{step}"))?;
    let programs = Programs::new(args.tollgate_bin.as_deref(), &dir)?;
    programs.require_gateway()?;
    let data = dir.join("data");
    let programs = programs.sections(format!("data: {}\nledger:\n  store: memory\n", data.display()));
    let (mut target, _) = programs.gateway(mock.address)?;
    target.name = "plain".to_owned();
    Ok(target)
}

fn with_accounts(args: &Args, dir: &Path, mock: &Target, step: &str) -> Result<Target> {
    let dir = folder(dir, &format!("accounts-{step}"))?;
    let ledger = format!("data: {}\nledger:\n  store: sqlite\n", dir.join("data").display());
    let sections = ledger.clone()
        + "prices:
  mock/mock-model: {input: 0.15, output: 0.60}
rate_limits:
  requests-of-all: {requests: 1000000000/day}
  requests-of-a-key: {each: key, requests: 100000000/minute}
  tokens-of-a-team: {path: acme, tokens: 100000000000/minute}
budgets:
  month-of-a-team: {path: acme, limit: 1000000, per: month}
";
    let programs = Programs::new(args.tollgate_bin.as_deref(), &dir)?;
    let gateway = programs.binary(Builtin::Tollgate).ok_or("there is no gateway")?;
    let key = make_key(gateway, &dir, &ledger)?;
    let (mut target, _) = programs.sections(sections).gateway(mock.address)?;
    target.name = "accounts".to_owned();
    target.headers.insert("authorization", HeaderValue::try_from(format!("Bearer {key}"))?);
    Ok(target)
}

fn make_key(gateway: &Path, dir: &Path, ledger: &str) -> Result<String> {
    let config = dir.join("keys.yaml");
    std::fs::write(&config, ledger)?;
    let made = Command::new(gateway)
        .args(["keys", "create", "bench", "--path", "acme/search", "--config"])
        .arg(&config)
        .env_clear()
        .output()?;
    if !made.status.success() {
        return Err(format!("no key could be made: {}", String::from_utf8_lossy(&made.stderr)).into());
    }
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

fn folder(dir: &Path, name: &str) -> Result<PathBuf> {
    let folder = dir.join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
