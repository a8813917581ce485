//! The workloads as data: how the mock answers, what is sent, how often.
//!
//! A workload is a list of steps; each step is measured in every round against every target. The numbers are chosen so
//! that `all` takes about eight minutes on two cores.

use std::time::Duration;

use bytes::Bytes;

use super::args::{Args, Workload};
use super::load::{Arrival, Expect};
use super::mock::Settings;
use super::payload;

/// A workload, ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) workload: Workload,
    pub(super) rounds: u32,
    pub(super) steps: Vec<Step>,
}

/// One point of a workload.
#[derive(Debug)]
pub(super) struct Step {
    /// Tells the steps of one workload apart; empty if there is only one.
    pub(super) label: String,
    pub(super) mock: Settings,
    pub(super) arrival: Arrival,
    pub(super) body: Bytes,
    pub(super) expect: Expect,
    /// For one request; far beyond any sane answer.
    pub(super) timeout: Duration,
}

const QUICK_TIMEOUT: Duration = Duration::from_secs(30);
/// A closed loop that is bounded by count still ends after this.
const LIMIT: Duration = Duration::from_secs(120);
const BODY: usize = 1024;
const PACE: Duration = Duration::from_millis(20);
/// What a size step sends in all, so that large bodies do not take most of the run.
const BODY_BUDGET: u64 = 256 << 20;

/// Lays out the steps of a workload for a number of rounds.
type Steps = fn(&Args, u32) -> Vec<Step>;

impl Plan {
    pub(super) fn new(workload: Workload, args: &Args) -> Self {
        let pick = |full: u32, quick: u32| args.rounds.unwrap_or(if args.quick { quick } else { full }).max(1);
        let (rounds, steps): (u32, Steps) = match workload {
            Workload::Rate => (pick(4, 1), rate),
            Workload::Chat | Workload::All => (pick(10, 2), chat),
            Workload::Latency => (pick(20, 2), latency),
            Workload::Sweep => (pick(3, 1), sweep),
            Workload::Stream => (pick(10, 2), stream),
            Workload::Streams => (pick(2, 1), streams),
            Workload::Body => (pick(6, 1), body),
        };
        Self { workload, rounds, steps: steps(args, rounds) }
    }
}

fn rate(args: &Args, rounds: u32) -> Vec<Step> {
    let duration = per_round(args, rounds, [60, 2]);
    let mut step = Step::whole(args, Arrival::Open { rate: 100.0, duration });
    step.mock.latency = Duration::from_millis(50);
    vec![step]
}

fn chat(args: &Args, rounds: u32) -> Vec<Step> {
    vec![Step::whole(args, closed(args, rounds, 10, [20_000, 400]))]
}

fn latency(args: &Args, rounds: u32) -> Vec<Step> {
    vec![Step::whole(args, closed(args, rounds, 1, [10_000, 200]))]
}

fn sweep(args: &Args, rounds: u32) -> Vec<Step> {
    let limit = per_round(args, rounds, [6, 1]);
    let points: &[usize] = if args.quick { &[1, 16, 256] } else { &[1, 2, 4, 8, 16, 32, 64, 128, 256] };
    let step = |&concurrency: &usize| {
        let arrival = Arrival::Closed { concurrency, requests: 1_000_000, limit };
        Step { label: format!("c={concurrency}"), ..Step::whole(args, arrival) }
    };
    points.iter().map(step).collect()
}

fn stream(args: &Args, rounds: u32) -> Vec<Step> {
    vec![Step::streamed(args, closed(args, rounds, 10, [4_000, 60]), 64, Duration::ZERO)]
}

fn streams(args: &Args, _rounds: u32) -> Vec<Step> {
    // The time of a stream is what is asked for, since a round shorter than it would not hold all of them at once.
    let length = args.duration.unwrap_or(Duration::from_secs(if args.quick { 2 } else { 10 }));
    let count = args.concurrency.unwrap_or(if args.quick { 100 } else { 1_000 });
    let chunks = usize::try_from(length.as_millis() / PACE.as_millis()).unwrap_or(usize::MAX).max(1);
    // Begun over a second, they spread over the 20 ms of the pace instead of all firing in the same instant.
    let arrival = Arrival::Burst { count, ramp: Duration::from_secs(1) };
    vec![Step::streamed(args, arrival, chunks, PACE)]
}

fn body(args: &Args, rounds: u32) -> Vec<Step> {
    let sizes = [("0.4 KB", 400), ("4 KB", 4 << 10), ("32 KB", 32 << 10), ("256 KB", 256 << 10), ("1 MB", 1 << 20)];
    let step = |(label, size): (&str, usize)| {
        let most = (BODY_BUDGET / size as u64).min(3_000);
        let mut step = Step::whole(args, closed(args, rounds, 4, [most, 20]));
        step.label = label.to_owned();
        step.body = payload::chat(&args.model, size, false);
        step
    };
    sizes.map(step).into()
}

/// A closed loop of `[full, quick]` requests over all rounds.
fn closed(args: &Args, rounds: u32, concurrency: usize, [full, quick]: [u64; 2]) -> Arrival {
    let total = args.requests.unwrap_or(if args.quick { quick } else { full });
    let requests = total.div_ceil(rounds.into()).max(1);
    Arrival::Closed { concurrency: args.concurrency.unwrap_or(concurrency).max(1), requests, limit: LIMIT }
}

/// The share of one round in `[full, quick]` seconds over all rounds.
fn per_round(args: &Args, rounds: u32, [full, quick]: [u64; 2]) -> Duration {
    args.duration.unwrap_or(Duration::from_secs(if args.quick { quick } else { full })) / rounds
}

impl Step {
    fn whole(args: &Args, arrival: Arrival) -> Self {
        let mock = Settings { latency: Duration::ZERO, response_bytes: 700, chunks: 64, pace: Duration::ZERO };
        Self {
            label: String::new(),
            mock,
            arrival,
            body: payload::chat(&args.model, BODY, false),
            expect: Expect::Whole { bytes: mock.response_bytes as u64 },
            timeout: QUICK_TIMEOUT,
        }
    }

    fn streamed(args: &Args, arrival: Arrival, chunks: usize, pace: Duration) -> Self {
        let mut step = Self::whole(args, arrival);
        step.mock.chunks = chunks;
        step.mock.pace = pace;
        step.body = payload::chat(&args.model, BODY, true);
        step.expect = Expect::Stream { events: chunks as u64 };
        step.timeout += pace * u32::try_from(chunks).unwrap_or(u32::MAX);
        step
    }

    /// The same request a few times, quickly: opens the pools and warms the caches of a target.
    pub(super) fn warm_up(&self) -> (Settings, Arrival, Expect) {
        let mock = Settings { latency: Duration::ZERO, chunks: 8, pace: Duration::ZERO, ..self.mock };
        let expect = match self.expect {
            whole @ Expect::Whole { .. } => whole,
            Expect::Stream { .. } => Expect::Stream { events: 8 },
        };
        let arrival = Arrival::Closed { concurrency: 4, requests: 200, limit: Duration::from_secs(10) };
        (mock, arrival, expect)
    }

    /// Open files that a proxy needs for this step: two sockets per request in flight, and some of its own.
    pub(super) fn open_files(&self) -> u64 {
        let in_flight = match self.arrival {
            Arrival::Closed { concurrency, .. } => concurrency,
            Arrival::Open { .. } => 64,
            Arrival::Burst { count, .. } => count,
        };
        2 * in_flight as u64 + 64
    }
}
