//! What an exact hit costs: processor time and latency, beside a table of the same answers.

use std::time::Duration;

use hyper::StatusCode;

use super::Bench;
use crate::Result;
use crate::bench::load::{Arrival, Connection, Expect};
use crate::bench::mock::Settings;
use crate::bench::payload;
use crate::bench::plan::Step;
use crate::bench::proc::Process;
use crate::bench::results::{Outcome, Row};
use crate::bench::runner::turn;
use crate::bench::summary::{Summary, summarise};
use crate::bench::target::Target;

/// What a client sends: a conversation of 4 KB.
pub(super) const REQUEST: usize = 4096;
/// The text of a whole answer; the answer is about 1 KB.
const TEXT: usize = 700;
/// The events of a streamed one, which have less text each.
const CHUNKS: usize = 64;
/// Requests in flight.
const CONCURRENCY: usize = 10;
const TIMEOUT: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(60);

/// Rounds, and requests of each target in a round.
pub(super) struct Extent {
    pub(super) rounds: u32,
    pub(super) requests: u64,
}

/// The gateway that keeps its accounts in memory and writes no line for each request, so as to tell apart what those take.
const LEAN: &str = "lean";

/// Measures all; the rows are those of `floor`, `tollgate` and `lean` for each step.
pub(super) async fn measure(bench: &mut Bench<'_>, extent: &Extent) -> Result<Outcome> {
    bench.mock(&settings())?;
    let (gateway, _) = bench.programs.gateway(bench.mock.address)?;
    let (mut lean, _) = bench.lean.gateway(bench.mock.address)?;
    lean.name = LEAN.to_owned();
    let floor = bench.programs.cache_floor(gateway.address).await?;
    let targets = [floor, gateway, lean];
    let steps = [step("whole", false, extent.requests), step("streamed", true, extent.requests)];
    let mut all = Vec::new();
    for step in &steps {
        let mut rows: Vec<Row> = targets.iter().map(|target| row(step, target)).collect();
        warm_up(bench, step, &targets).await?;
        for round in 0..extent.rounds {
            let mut order = [0, 1, 2];
            bench.order.shuffle(&mut order);
            for at in order {
                let (round_of, first_error) = turn(step, &targets[at], bench.mock.process.as_ref()).await;
                rows[at].rounds.push(round_of);
                rows[at].first_error = rows[at].first_error.take().or(first_error);
            }
            bench.progress.set_message(format!("{} round {round}", step.label));
            bench.progress.inc(1);
        }
        for (row, target) in rows.iter_mut().zip(&targets) {
            row.rss_max = target.process.as_ref().map(Process::rss_peak);
        }
        summarise(&mut rows);
        all.append(&mut rows);
    }
    Ok(Outcome { workload: "hits", rows: all })
}

pub(super) fn settings() -> Settings {
    Settings { latency: Duration::ZERO, response_bytes: TEXT, chunks: CHUNKS, pace: Duration::ZERO }
}

fn step(label: &str, stream: bool, requests: u64) -> Step {
    let arrival = Arrival::Closed { concurrency: CONCURRENCY, requests, limit: LIMIT };
    // An answer from the cache has its text in as many events as the cache likes.
    let expect = if stream { Expect::Stream { events: 1 } } else { Expect::Whole { bytes: TEXT as u64 } };
    let body = payload::chat("mock-model", REQUEST, stream);
    Step { label: label.to_owned(), mock: settings(), arrival, body, expect, timeout: TIMEOUT }
}

/// Asks often enough that the answer is stored, that the floor has it from the gateway, and that both are warm; then makes
/// sure that the upstream is asked no more.
async fn warm_up(bench: &Bench<'_>, step: &Step, targets: &[Target; 3]) -> Result<()> {
    let mut connection = Connection::default();
    // The gateway first: what the floor keeps must be an answer that the gateway had stored.
    for target in targets.iter().rev().chain(targets) {
        let answer = connection_fetch(&mut connection, target, step).await?;
        if answer != StatusCode::OK {
            return Err(format!("{} answers with {answer}", target.name).into());
        }
        connection = Connection::default();
    }
    let before = bench.upstream_calls()?;
    let arrival = Arrival::Closed { concurrency: CONCURRENCY, requests: 500, limit: LIMIT };
    for target in targets {
        let warm = Step { label: String::new(), arrival, body: step.body.clone(), ..*step };
        turn(&warm, target, None).await;
    }
    match bench.upstream_calls()? - before {
        0 => Ok(()),
        calls => Err(format!("of 500 equal requests {calls} were no hits").into()),
    }
}

async fn connection_fetch(connection: &mut Connection, target: &Target, step: &Step) -> Result<StatusCode> {
    Ok(connection.fetch(&target.call(step.body.clone())).await?.status())
}

fn row(step: &Step, target: &Target) -> Row {
    Row {
        step: step.label.clone(),
        target: target.name.clone(),
        rss_idle: None,
        rss_max: None,
        summary: Summary::default(),
        rounds: Vec::new(),
        first_error: None,
    }
}
