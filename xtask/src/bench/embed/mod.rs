//! `cargo xtask bench embed`: the encoder beside onnxruntime, on the same weights, in the same run.
//!
//! Both compute on one thread, with inputs of the same tokens; ours begins with the text and theirs with tokens. They take
//! turns in every round, and ratios are formed within a round. What is compared is processor time, which does not grow
//! while others use the machine. onnxruntime gets 32-bit floats and the operators that its own optimiser makes of a model
//! of this kind (`reference.py`).

mod ours;
mod theirs;

use std::path::PathBuf;
use std::process::ExitCode;

use self::ours::Ours;
use self::theirs::Theirs;
use super::launch;
use super::report::table::{Column, render};
use super::summary::{median, spread};
use crate::Result;

/// The encoder beside onnxruntime.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// A Python with what `xtask/src/bench/embed/requirements.txt` names.
    #[arg(long)]
    python: PathBuf,
    /// The folder of all-MiniLM-L6-v2.
    #[arg(long)]
    model: PathBuf,
    /// Rounds; each measures both for every length.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Do not build first.
    #[arg(long)]
    no_build: bool,
    /// Fail where ours takes longer, or a vector is another.
    #[arg(long)]
    check: bool,
    /// Only open the model and say what that took; a process of its own, so that nothing else is measured.
    #[arg(long, hide = true)]
    only_open: Option<PathBuf>,
}

/// Tokens of a text, and passes of a round: about 50 ms of work each.
const LENGTHS: [(usize, usize); 3] = [(8, 40), (32, 12), (128, 4)];

/// What is wanted: at most onnxruntime's time, and vectors in the same direction.
const MOST: f64 = 1.0;
const COSINE: f64 = 0.999;

/// What the rounds gave for one length, in milliseconds of a pass.
#[derive(Clone, Debug, Default)]
struct Measured {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// Runs the benchmark, in a release build of this program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(cache) = &args.only_open {
        ours::report_opening(&args.model, cache)?;
        return Ok(ExitCode::SUCCESS);
    }
    launch::relaunch(args.no_build, &["xtask"])?;
    let ours = Ours::open(&args.model)?;
    let mut theirs = Theirs::start(&args.python, &args.model)?;
    println!("ours         {}", ours.opened);
    println!("onnxruntime  {}", theirs.started);
    let cosine = least_cosine(&ours, &mut theirs)?;
    println!("vectors      cosine at least {cosine:.5} over {} texts\n", ours::prompts()?.len());
    let measured = measure(args.rounds, &ours, &mut theirs)?;
    println!("{}", table(&measured));
    let too_slow = measured.iter().any(|each| median(each.ratios()).is_none_or(|ratio| ratio > MOST));
    let missed = args.check && (too_slow || cosine < COSINE);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn least_cosine(ours: &Ours, theirs: &mut Theirs) -> Result<f64> {
    let texts = ours::prompts()?;
    let tokens: Vec<_> = texts.iter().map(|text| ours.tokens(text)).collect();
    let vectors = theirs.run(&tokens, 1)?;
    let cosines = texts.iter().zip(vectors).map(|(text, theirs)| cosine(&ours.encoder.embed(text), &theirs.vector));
    Ok(cosines.fold(f64::INFINITY, f64::min))
}

fn measure(rounds: usize, ours: &Ours, theirs: &mut Theirs) -> Result<Vec<Measured>> {
    let mut measured = vec![Measured::default(); LENGTHS.len()];
    // The first round warms both up and is not counted.
    for round in 0..=rounds {
        for (measured, (length, passes)) in measured.iter_mut().zip(LENGTHS) {
            let text = ours.text_of(length)?;
            let mine = ours.time(&text, passes);
            let answers = theirs.run(&[ours.tokens(&text)], passes)?;
            if let (1.., [answer]) = (round, &answers[..]) {
                measured.ours.push(mine);
                measured.theirs.push(answer.ms);
            }
        }
    }
    Ok(measured)
}

fn table(measured: &[Measured]) -> String {
    let column =
        |heading, cell: &dyn Fn(usize) -> String| Column { heading, cells: (0..measured.len()).map(cell).collect() };
    let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
    render(&[
        column("tokens", &|at| LENGTHS[at].0.to_string()),
        column("ours ms", &|at| number(median(measured[at].ours.clone()))),
        column("±", &|at| number(spread(measured[at].ours.clone()))),
        column("onnxruntime ms", &|at| number(median(measured[at].theirs.clone()))),
        column("± ", &|at| number(spread(measured[at].theirs.clone()))),
        column("ratio", &|at| number(median(measured[at].ratios()))),
        column("±  ", &|at| number(spread(measured[at].ratios()))),
    ])
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

// === impl Measured ===

impl Measured {
    fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect()
    }
}
