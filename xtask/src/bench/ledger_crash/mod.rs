//! `cargo xtask bench ledger-crash`: whether a gateway that is killed forgets what it has answered.
//!
//! A real gateway stands between the mock upstream and clients that send whole and streamed requests, each with an id of its
//! own. At random moments it is killed with `SIGKILL` and started again. In the end the ledger must hold every answer that a
//! client has seen the end of, but for those of the last window before a kill; none twice; and none that the upstream does
//! not know of.

mod client;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use tollgate_core::Secret;
use tollgate_testkit::servers;
use tollgate_usage::database::{Postgres, Sqlite};
use tollgate_usage::{LedgerReader, LedgerStore, PostgresLedger, RecordQuery, SqliteLedger};

use self::client::Clients;
use self::verdict::{Kill, Verdict};
use super::target::{Programs, Target};
use super::{Scratch, launch, probe, until};
use crate::Result;

/// What to kill how often.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How often to kill the gateway.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Where the ledger is kept. PostgreSQL is started for the test, in a folder of its own.
    #[arg(long, default_value = "sqlite")]
    store: Store,
    /// The window of the ledger. With `0ms` no answer may be missing.
    #[arg(long, default_value = "100ms", value_parser = super::args::duration)]
    window: Duration,
    /// Clients, each with one request at a time.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// A gateway binary other than target/release/gateway-server.
    #[arg(long)]
    tollgate_bin: Option<PathBuf>,
    /// Do not build first.
    #[arg(long)]
    no_build: bool,
    /// Stop, and kill everything that was started, after this time.
    #[arg(long, default_value = "15m", value_parser = super::args::duration)]
    deadline: Duration,
    /// Seed of the moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A database.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Store {
    Sqlite,
    Postgres,
}

/// The gateway lives this long at least and at most: from before it has started to work until it has written several times.
const LIVES: std::ops::Range<u64> = 20..1500;

/// How long the last gateway may take to bring everything to the database.
const SETTLE: Duration = Duration::from_secs(60);

/// Runs the test, and fails if the ledger is wrong.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.tollgate_bin.is_none() && !args.no_build {
        launch::build(&["gateway-server"])?;
    }
    let dir = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let verdict = runtime.block_on(until(args.deadline, crash(args, &dir.path))).map_err(|error| dir.keep(&error))?;
    println!("{verdict}");
    if verdict.is_good(args.window) {
        dir.remove();
        return Ok(ExitCode::SUCCESS);
    }
    println!("(data and logs are in {})", dir.path.display());
    Ok(ExitCode::FAILURE)
}

async fn crash(args: &Args, dir: &Path) -> Result<Verdict> {
    let server = match args.store {
        Store::Sqlite => None,
        Store::Postgres => Some(servers::Postgres::start().await.ok_or("PostgreSQL is not there")?),
    };
    let url = server.as_ref().map(servers::Postgres::url);
    let programs = Programs::new(args.tollgate_bin.as_deref(), dir)?.sections(sections(args, url.as_deref()));
    programs.require_gateway()?;
    let mock = programs.mock(([127, 0, 0, 1], 0).into()).await?;
    let mut random = fastrand::Rng::with_seed(args.seed);
    let mut clients = Clients::start(args.clients);
    let mut kills = Vec::new();
    for number in 0..args.kills {
        let (target, _) = programs.gateway(mock.address)?;
        clients.turn_to(target.address);
        tokio::time::sleep(Duration::from_millis(random.u64(LIVES))).await;
        kills.push(kill(target).await?);
        println!("kill {}: {} answers so far", number + 1, clients.answered());
    }
    let answers = clients.stop();
    settle(&programs, &mock, dir).await?;
    let upstream = upstream_count(&mock)?;
    let ids = ids(&*reader(dir, url.as_deref()).await?).await?;
    Ok(Verdict::of(&answers, &kills, &ids, upstream))
}

fn sections(args: &Args, url: Option<&str>) -> String {
    let window = args.window.as_millis();
    let store = match url {
        None => "store: sqlite".to_owned(),
        Some(url) => format!("store: postgres, url: \"{url}\""),
    };
    format!("retry: {{ max_attempts: 1 }}\nlog: {{ usage: false }}\nledger: {{ {store}, window: {window}ms }}\n")
}

async fn kill(mut target: Target) -> Result<Kill> {
    let child = target.child.as_mut().ok_or("a gateway without a process")?;
    let before = Instant::now();
    child.kill().await?;
    Ok(Kill { before, after: Instant::now() })
}

/// Has a last gateway bring everything to the database, and stops it as one does.
async fn settle(programs: &Programs, mock: &Target, dir: &Path) -> Result<()> {
    let (mut target, _) = programs.gateway(mock.address)?;
    let deadline = Instant::now() + SETTLE;
    // Its own journal is the only one that stays.
    while journals(&dir.join("tollgate-data/spool"))? > 1 {
        if Instant::now() > deadline {
            return Err("the journals of earlier gateways were not brought to the database".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let child = target.child.as_mut().ok_or("a gateway without a process")?;
    let id = child.id().ok_or("the gateway has ended by itself")?.to_string();
    std::process::Command::new("kill").arg(id).status()?;
    tokio::time::timeout(SETTLE, child.wait()).await??;
    Ok(())
}

fn journals(spool: &Path) -> Result<usize> {
    let entries = std::fs::read_dir(spool)?.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir()));
    Ok(entries.count())
}

/// How many requests the upstream has seen.
fn upstream_count(mock: &Target) -> Result<u64> {
    let stats = probe::body(mock.address, "/__stats").ok_or("the mock tells nothing")?;
    let stats: serde_json::Value = serde_json::from_str(&stats)?;
    stats["requests"].as_u64().ok_or_else(|| "the mock tells no number".into())
}

async fn reader(dir: &Path, url: Option<&str>) -> Result<Arc<dyn LedgerReader>> {
    let store: Arc<dyn LedgerStore> = match url {
        Some(url) => Arc::new(PostgresLedger::open(Postgres::new(&Secret::new(url))?).await?),
        None => Arc::new(SqliteLedger::open(Sqlite::open(dir.join("tollgate-data/tollgate.db"))?, false).await?),
    };
    Ok(store)
}

/// The ids of all requests in the ledger, and what went wrong with them.
async fn ids(ledger: &dyn LedgerReader) -> Result<Vec<(String, u16)>> {
    let mut ids = Vec::new();
    let mut query = RecordQuery::first(1000);
    loop {
        let page = ledger.records(&query).await?;
        ids.extend(page.records.iter().map(|record| (record.request_id.to_string(), record.status)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(ids),
        }
    }
}
