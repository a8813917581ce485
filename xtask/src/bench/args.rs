//! The command line of `cargo xtask bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::embed;
use super::peer::Peer;

/// What to measure, against what, and where to write it.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    #[serde(skip)]
    pub(super) part: Option<Part>,
    /// Workloads to run, in this order.
    #[arg(required = true)]
    pub(super) workloads: Vec<Workload>,
    /// Targets to measure beside the peers.
    #[arg(long, value_delimiter = ',', default_value = "direct,floor,tollgate")]
    pub(super) targets: Vec<Builtin>,
    /// Another gateway on this machine, already running: `name=URL[,pid=N][,header=Name:Value]`.
    #[arg(long = "peer", value_name = "PEER")]
    pub(super) peers: Vec<Peer>,
    /// The model named in requests.
    #[arg(long, default_value = "mock-model")]
    pub(super) model: String,
    /// Where the mock upstream listens; peers must be configured with it, so give it a fixed port for them.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(super) mock_listen: std::net::SocketAddr,
    /// A gateway binary other than target/release/gateway-server.
    #[arg(long)]
    pub(super) tollgate_bin: Option<PathBuf>,
    /// Rounds; each measures every target once, in random order.
    #[arg(long)]
    pub(super) rounds: Option<u32>,
    /// Requests per target and step, over all rounds.
    #[arg(long, short = 'n')]
    pub(super) requests: Option<u64>,
    /// Requests in flight; for `streams`, live streams.
    #[arg(long, short)]
    pub(super) concurrency: Option<usize>,
    /// Time per target and step over all rounds, for the workloads that run for a time: rate, sweep, streams.
    #[arg(long, value_parser = duration)]
    pub(super) duration: Option<Duration>,
    /// Small numbers: shows that everything works, measures nothing.
    #[arg(long)]
    pub(super) quick: bool,
    /// Do not build first.
    #[arg(long)]
    pub(super) no_build: bool,
    /// Stop, and kill everything that was started, after this time.
    #[arg(long, default_value = "1h", value_parser = duration)]
    pub(super) deadline: Duration,
    /// Seed of the order in which targets take their turns.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Write all raw numbers here, as JSON.
    #[arg(long)]
    pub(super) out: Option<PathBuf>,
    /// Draw the results here, as SVG.
    #[arg(long)]
    pub(super) chart: Option<PathBuf>,
    /// Compare with the project's targets and fail if one is missed.
    #[arg(long)]
    pub(super) check: bool,
}

/// A measurement of a part alone, without the gateway.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Part {
    /// What keys, limits, budgets and the ledger cost together.
    Accounts(super::accounts::Args),
    /// Whether a hard budget holds, and how much of it can be used.
    Budget(super::budget::Args),
    /// The encoder of the semantic cache beside onnxruntime.
    Embed(embed::Args),
    /// What an answer from the cache costs, beside a table of answers.
    Cache(super::cache::Args),
    /// How many answers a semantic cache reuses, and how many of them wrongly.
    CacheQuality(super::cache_quality::Args),
    /// What looking for the answer to a rephrased request costs.
    Semantic(super::semantic::Args),
    /// Whether two requests that differ can ever meet in the cache.
    CacheLeaks(super::cache_leaks::Args),
    /// Whether the cache keeps whole answers, and nothing else.
    CacheFaults(super::cache_faults::Args),
    /// Whether a gateway that is killed forgets what it has answered.
    LedgerCrash(super::ledger_crash::Args),
}

/// A kind of load.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Workload {
    /// Open loop at 100 requests a second against an upstream that takes 50 ms.
    Rate,
    /// Closed loop of small chat requests, ten at a time.
    Chat,
    /// One request at a time: what a gateway adds to an answer.
    Latency,
    /// Closed loop at 1, 2, 4 … 256 at a time.
    Sweep,
    /// Streams sent as fast as they are read: what an event costs.
    Stream,
    /// A thousand streams alive at once, each at 50 events a second.
    Streams,
    /// Request bodies from 0.4 KB to 1 MB.
    Body,
    /// All of the above.
    All,
}

/// A target that the benchmark itself starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Builtin {
    /// The mock upstream, with nothing between.
    Direct,
    /// The barest proxy.
    Floor,
    /// The gateway of this workspace.
    Tollgate,
}

impl Workload {
    /// The workloads that a word on the command line stands for.
    pub(super) fn expand(self) -> Vec<Self> {
        match self {
            Self::All => Self::value_variants().iter().copied().filter(|each| *each != Self::All).collect(),
            one => vec![one],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Chat => "chat",
            Self::Latency => "latency",
            Self::Sweep => "sweep",
            Self::Stream => "stream",
            Self::Streams => "streams",
            Self::Body => "body",
            Self::All => "all",
        }
    }
}

/// Reads `250ms`, `20s`, `5m` or `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or("a unit is missing: ms, s, m or h")?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| format!("not a number: {number:?}"))?;
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("not a unit: {unit:?}; use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["5", "ms", "-1s", "5 minutes"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn all_is_every_workload_but_itself() {
        assert_eq!(Workload::All.expand().len(), 7);
        assert_eq!(Workload::Chat.expand(), [Workload::Chat]);
    }
}
