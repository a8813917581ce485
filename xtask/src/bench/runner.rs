//! Running the workloads: rounds of turns, in an order that favours no target.

use std::time::Duration;

use indicatif::ProgressBar;

use super::args::{Args, Workload};
use super::footprint;
use super::load::{Arrival, Call, Expect, Tally, drive};
use super::machine::Machine;
use super::mock::Settings;
use super::plan::{Plan, Step};
use super::probe;
use super::proc::{Process, Sampler};
use super::results::{Outcome, Results, Round, Row};
use super::summary::{Summary, summarise};
use super::target::{Programs, Target};
use crate::Result;

/// What outlives a workload.
#[derive(Debug)]
pub(super) struct Runner<'a> {
    args: &'a Args,
    programs: Programs,
    mock: Target,
    settings: Option<Settings>,
    order: fastrand::Rng,
    progress: ProgressBar,
}

/// A target in use: memory is watched from before the first request until this is dropped.
struct Entrant {
    target: Target,
    sampler: Option<Sampler>,
    rss_idle: Option<u64>,
}

/// After a start, before memory counts as idle.
const IDLE: Duration = Duration::from_secs(1);

/// After a phase, before processor time is read: the last log lines may still be on their way.
const SETTLE: Duration = Duration::from_millis(20);

impl<'a> Runner<'a> {
    pub(super) async fn new(args: &'a Args, programs: Programs, progress: ProgressBar) -> Result<Self> {
        let mock = programs.mock(args.mock_listen).await?;
        let order = fastrand::Rng::with_seed(args.seed);
        Ok(Self { args, programs, mock, settings: None, order, progress })
    }

    pub(super) async fn run(mut self, plans: &[Plan]) -> Result<Results> {
        let machine = Machine::inspect();
        let mut footprints = Vec::new();
        for &builtin in &self.args.targets {
            footprints.extend(footprint::weigh(&self.programs, builtin, self.mock.address).await?);
        }
        let mut workloads = Vec::with_capacity(plans.len());
        for plan in plans {
            workloads.push(self.workload(plan).await?);
        }
        Ok(Results { machine, flags: self.args.clone(), footprints, workloads })
    }

    async fn workload(&mut self, plan: &Plan) -> Result<Outcome> {
        let entrants = self.enter().await?;
        self.warm_up(plan, &entrants).await?;
        let mut rows: Vec<Vec<Row>> =
            plan.steps.iter().map(|step| entrants.iter().map(|entrant| entrant.row(step)).collect()).collect();
        for _ in 0..plan.rounds {
            for (step, rows) in plan.steps.iter().zip(&mut rows) {
                self.round(plan.workload, step, &entrants, rows).await?;
            }
        }
        for rows in &mut rows {
            for (row, entrant) in rows.iter_mut().zip(&entrants) {
                row.rss_idle = entrant.rss_idle;
                row.rss_max = entrant.sampler.as_ref().and_then(|sampler| entrant.target.rss_max(sampler.max()));
            }
            summarise(rows);
        }
        Ok(Outcome { workload: plan.workload.name(), rows: rows.into_iter().flatten().collect() })
    }

    /// Starts our own targets afresh, so that one workload's memory does not count in the next.
    async fn enter(&self) -> Result<Vec<Entrant>> {
        let mut targets = Vec::new();
        for &builtin in &self.args.targets {
            targets.push(self.programs.start(builtin, self.mock.address).await?);
        }
        targets.extend(self.args.peers.iter().map(Target::peer));
        tokio::time::sleep(IDLE).await;
        Ok(targets.into_iter().map(Entrant::new).collect())
    }

    async fn warm_up(&mut self, plan: &Plan, entrants: &[Entrant]) -> Result<()> {
        let Some(step) = plan.steps.first() else { return Ok(()) };
        let (mock, arrival, expect) = step.warm_up();
        self.set_mock(mock)?;
        for entrant in entrants {
            self.progress.set_message(format!("{}: warming up {}", plan.workload.name(), entrant.target.name));
            let (tally, _) = send(step, arrival, expect, &entrant.target).await;
            if tally.requests == 0 {
                let why = tally.first_error.unwrap_or_default();
                return Err(format!("{} answers no request: {why}", entrant.target.name).into());
            }
        }
        Ok(())
    }

    /// One turn for each target, in random order: a fixed one would let each suffer from the same predecessor.
    async fn round(&mut self, workload: Workload, step: &Step, entrants: &[Entrant], rows: &mut [Row]) -> Result<()> {
        self.set_mock(step.mock)?;
        let mut order: Vec<usize> = (0..entrants.len()).collect();
        self.order.shuffle(&mut order);
        for (place, index) in order.into_iter().enumerate() {
            let target = &entrants[index].target;
            self.progress.set_message(format!("{} {} {}", workload.name(), step.label, target.name));
            let (round, first_error) = turn(step, target, self.mock.process.as_ref()).await;
            let row = &mut rows[index];
            row.rounds.push(Round { turn: place, ..round });
            row.first_error = row.first_error.take().or(first_error);
            self.progress.inc(1);
        }
        Ok(())
    }

    fn set_mock(&mut self, settings: Settings) -> Result<()> {
        if self.settings == Some(settings) {
            return Ok(());
        }
        let body = serde_json::to_string(&settings)?;
        match probe::post(self.mock.address, "/__settings", &body) {
            Some(200) => self.settings = Some(settings),
            status => return Err(format!("the mock refused its settings: {status:?}").into()),
        }
        Ok(())
    }
}

/// Sends a step's requests to a target and reads what that took. `mock` is the upstream, if it is to be watched.
pub(super) async fn turn(step: &Step, target: &Target, mock: Option<&Process>) -> (Round, Option<String>) {
    // Alone, because the mock and our own targets are its children.
    let generator = Process::single(std::process::id());
    let watched = [target.process.as_ref(), mock, Some(&generator)];
    let cpu = || watched.map(|process| process.map(Process::cpu));
    let before = cpu();
    let (tally, took) = send(step, step.arrival, step.expect, target).await;
    tokio::time::sleep(SETTLE).await;
    let after = cpu();
    let used = |index: usize| {
        let (before, after) = (before[index].as_ref()?, after[index].as_ref()?);
        Some(after.since(before).as_secs_f64() * 1e6)
    };
    let round = Round {
        cpu: used(0),
        mock_cpu: used(1).unwrap_or(0.0),
        load_cpu: used(2).unwrap_or(0.0),
        ..Round::new(&tally, took.as_secs_f64())
    };
    (round, tally.first_error)
}

async fn send(step: &Step, arrival: Arrival, expect: Expect, target: &Target) -> (Tally, Duration) {
    drive(arrival, Call { expect, ..target.call(step.body.clone()) }, step.timeout).await
}

impl Entrant {
    fn new(target: Target) -> Self {
        let rss_idle = target.process.as_ref().map(Process::rss);
        let sampler = target.process.clone().map(Sampler::start);
        Self { target, sampler, rss_idle }
    }

    fn row(&self, step: &Step) -> Row {
        Row {
            step: step.label.clone(),
            target: self.target.name.clone(),
            rss_idle: self.rss_idle,
            rss_max: None,
            summary: Summary::default(),
            rounds: Vec::new(),
            first_error: None,
        }
    }
}
