//! Everything a run has found, as it is written to `--out`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::Args;
use super::load::{Quantiles, Tally};
use super::machine::Machine;
use super::summary::Summary;

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) machine: Machine,
    pub(super) flags: Args,
    pub(super) footprints: Vec<Footprint>,
    pub(super) workloads: Vec<Outcome>,
}

/// What a program of ours weighs before it does anything.
#[derive(Debug, Serialize)]
pub(super) struct Footprint {
    pub(super) target: String,
    /// On disk, without symbols.
    pub(super) binary_bytes: u64,
    /// From exec to the first good answer, each start.
    pub(super) starts_ms: Vec<f64>,
    pub(super) start_ms: Option<f64>,
}

/// One workload.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) workload: &'static str,
    pub(super) rows: Vec<Row>,
}

/// One target at one step of a workload.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) step: String,
    pub(super) target: String,
    /// A second after the start, before any load; for a peer, before this workload.
    pub(super) rss_idle: Option<u64>,
    /// Over the whole workload, all steps and rounds.
    pub(super) rss_max: Option<u64>,
    pub(super) summary: Summary,
    pub(super) rounds: Vec<Round>,
    pub(super) first_error: Option<String>,
}

/// One round of one row. Times are in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Round {
    /// The turn this target had in the round, from zero.
    pub(super) turn: usize,
    pub(super) seconds: f64,
    pub(super) requests: u64,
    pub(super) events: u64,
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) latency: Option<Quantiles>,
    pub(super) first_token: Option<Quantiles>,
    pub(super) gap: Option<Quantiles>,
    /// How late the generator itself sent; if this is not small, the latencies are its own.
    pub(super) lag: Option<Quantiles>,
    pub(super) cpu: Option<f64>,
    /// What the mock and the generator used meanwhile, to see what else the cores were busy with.
    pub(super) mock_cpu: f64,
    pub(super) load_cpu: f64,
}

impl Round {
    pub(super) fn new(tally: &Tally, seconds: f64) -> Self {
        Self {
            seconds,
            requests: tally.requests,
            events: tally.events,
            errors: tally.errors.clone(),
            latency: Quantiles::of(&tally.latency),
            first_token: Quantiles::of(&tally.first_token),
            gap: Quantiles::of(&tally.gaps),
            lag: Quantiles::of(&tally.lag),
            ..Self::default()
        }
    }
}

impl Results {
    /// The row of a target at a step.
    pub(super) fn row(&self, workload: &str, step: &str, target: &str) -> Option<&Row> {
        let outcome = self.workloads.iter().find(|outcome| outcome.workload == workload)?;
        outcome.rows.iter().find(|row| row.step == step && row.target == target)
    }

    /// Failed requests of the targets that we start ourselves; a peer's failures are its own affair.
    pub(super) fn own_errors(&self) -> u64 {
        let rows = self.workloads.iter().flat_map(|outcome| &outcome.rows);
        rows.filter(|row| matches!(row.target.as_str(), "direct" | "floor" | "tollgate"))
            .map(|row| row.summary.errors)
            .sum()
    }
}
