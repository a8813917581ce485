//! `cargo xtask bench cache-quality`: how many answers a semantic cache reuses, and how many of them wrongly.
//!
//! Nothing is served and nobody is asked: requests with known answers pass the same engine and the same rules on texts
//! that the gateway uses, over vectors of its own encoder. Two kinds of test: a **stream**, which arrives in random order
//! at an empty cache and is learned from, and **pairs**, of which one is stored and the other asked, with what is shipped
//! as the only knowledge. Coverage is hits over requests, ERR wrong hits over requests, FHR wrong hits over hits.
//!
//! The data are not part of the workspace; `--data` names their folder.

mod chart;
mod data;
mod nearest;
mod pairs;
mod prior;
mod requests;
mod stream;
mod texts;
mod vectors;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tollgate_cache::semantic::decision::{Policy, Settings};

use self::data::Data;
use self::stream::{Corpus, Summary};
use self::texts::Texts;
use self::vectors::Vectors;
use crate::Result;

/// What to measure and where from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with `intents`, `qqp`, `adversarial`, `sts` and `prompts`.
    #[arg(long)]
    data: PathBuf,
    /// The folder of the encoder.
    #[arg(long)]
    model: PathBuf,
    /// Orders of the stream, from seed 0.
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// A share of labels that are turned round, as by a bad comparison of answers.
    #[arg(long, default_value_t = 0.0)]
    noise: f64,
    /// Draw coverage over ERR here, as SVG.
    #[arg(long)]
    chart: Option<PathBuf>,
    /// Fit the shipped prior anew to the training data and print it; measure nothing.
    #[arg(long)]
    train_prior: bool,
    /// Do not build first.
    #[arg(long)]
    pub(super) no_build: bool,
}

/// Fixed thresholds that are shipped elsewhere.
const THRESHOLDS: [f32; 5] = [0.80, 0.90, 0.92, 0.95, 0.97];
/// Bounds on ERR.
const BOUNDS: [f64; 4] = [0.005, 0.01, 0.02, 0.05];

/// Runs the measurement.
pub(crate) fn run(args: &Args) -> Result<()> {
    let data = Data::read(&args.data)?;
    if args.train_prior {
        let vectors = Vectors::of(&args.model, data.training())?;
        return prior::train(&data, &vectors, &Texts::of(data.training()));
    }
    let vectors = Vectors::of(&args.model, data.measured())?;
    let texts = Texts::of(data.measured());
    let points = streams(args, &data, &vectors, &texts)?;
    if let Some(path) = &args.chart {
        std::fs::write(path, chart::render(&points))?;
        println!("\nchart: {}", path.display());
    }
    pairs::report(&data, &vectors, &texts)?;
    requests::report(&data, &vectors)
}

/// Every policy over every order of the stream.
fn streams(args: &Args, data: &Data, vectors: &Vectors, texts: &Texts) -> Result<Vec<chart::Point>> {
    let corpus = Corpus::of(&data.banking, vectors)?;
    let guarded = corpus.guarded(&data.banking, texts);
    println!("BANKING77 stream: {} requests, {} orders", data.banking.len(), args.seeds);
    println!("{:<34} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8}", "", "coverage", "ERR", "FHR", "shadow", "windows", "worst");
    let mut points = Vec::new();
    for threshold in THRESHOLDS {
        let summary = over_seeds(args, &corpus, Policy::Threshold(threshold), 1.0);
        summary.print(&format!("fixed threshold {threshold:.2}"), false);
        points.push(chart::Point::new("fixed threshold", format!("{threshold:.2}"), &summary));
    }
    for (name, corpus) in [("calibrated", &corpus), ("calibrated, with text rules", &guarded)] {
        for bound in BOUNDS {
            let summary = over_seeds(args, corpus, Policy::calibrated(bound), bound);
            summary.print(&format!("{name} {:.1}%", 100.0 * bound), true);
            points.push(chart::Point::new(name, format!("{}%", 100.0 * bound), &summary));
        }
    }
    println!(
        "windows: the share of all spans of 5,000 requests whose ERR is within the bound; worst: the highest ERR of one"
    );
    Ok(points)
}

/// The mean over all orders, of which as many run at once as there are processors.
fn over_seeds(args: &Args, corpus: &Corpus<'_>, policy: Policy, bound: f64) -> Summary {
    let run = |seed| {
        let order = stream::shuffled(corpus.len(), seed);
        let settings = Settings::new(policy);
        Summary::of(&stream::Simulation::new(corpus, settings, seed).with_noise(args.noise).run(&order), bound)
    };
    let next = AtomicU64::new(0);
    let work = || std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < args.seeds));
    let mut runs: Vec<(u64, Summary)> = std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let spawned: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| work().map(|seed| (seed, run(seed))).collect::<Vec<_>>())).collect();
        spawned
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    runs.sort_by_key(|(seed, _)| *seed);
    let runs: Vec<Summary> = runs.into_iter().map(|(_, summary)| summary).collect();
    Summary::mean(&runs)
}
