//! Fits the shipped prior: what a model should believe before it has labels of its own.
//!
//! Trained on traffic of another kind than any that is measured: sentence pairs, paraphrases, and prompts of which no two
//! have one answer, as one stream. All of it is labelled, since no bar is in force while the engine only observes.

use tollgate_cache::semantic::decision::{Calibrated, EVIDENCE, Evidence, Policy, Risk, Settings};

use super::data::{Data, Pair};
use super::stream::{Corpus, Simulation, shuffled};
use super::texts::Texts;
use super::vectors::{Vectors, similarity};
use crate::Result;

/// What is believed without any data: all that can be told from what the numbers mean. It matters for those that this
/// traffic says nothing of, such as how many keys a cluster has.
const BELIEF: [f64; EVIDENCE] = [1.5, -3.0, -8.0, -1.0, -1.0, 0.0, -1.0, 0.0, 0.0, 2.0, -1.0, 0.5];
/// How much weight that has, in examples. Of what this traffic has no true example, such as answers with many keys or
/// words that matter to a question, nothing is learned.
const SHRINKAGE: [f64; EVIDENCE] = [20.0, 20.0, 20.0, 20.0, 20.0, NEVER, NEVER, 20.0, 20.0, NEVER, NEVER, NEVER];
/// The same for pairs, which are few.
const OF_PAIRS: [f64; EVIDENCE] = [0.1, 0.1, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER];
const NEVER: f64 = f64::INFINITY;
const ROUNDS: usize = 3000;
const STEP: f64 = 0.05;

/// Prints the weights.
pub(super) fn train(data: &Data, vectors: &Vectors, texts: &Texts) -> Result<()> {
    let rows = rows(data);
    let corpus = Corpus::of(&rows, vectors)?.guarded(&rows, texts);
    // So low a bound needs more labels than there are here, so that everything is a miss and labelled.
    let observer = Policy::Calibrated(Calibrated { max_error_rate: 0.0005, alpha: 1e-6, ..Calibrated::default() });
    let mut examples = Vec::new();
    for seed in 0..3 {
        let mut simulation = Simulation::new(&corpus, Settings::new(observer), seed);
        for request in shuffled(corpus.len(), seed) {
            let (_, decision, right) = simulation.ask(request);
            examples.extend(decision.judgement.map(|judgement| (*judgement.evidence(), !right)));
        }
    }
    let wrong = examples.iter().filter(|(_, wrong)| *wrong).count();
    println!("{} examples, {wrong} of them wrong", examples.len());
    for (name, weight) in Evidence::NAMES.iter().zip(fit(&examples, &SHRINKAGE)) {
        println!("{name:>12} {weight:.2}");
    }
    let (examples, weights) = pairs(data, vectors, texts)?;
    println!(
        "pairs that are equal in meaning, {examples} examples: constant {:.2}, similarity {:.2}",
        weights[0], weights[1]
    );
    Ok(())
}

/// The same for pairs between which the rules on texts find no difference, by similarity alone.
fn pairs(data: &Data, vectors: &Vectors, texts: &Texts) -> Result<(usize, [f64; EVIDENCE])> {
    let mut examples = Vec::new();
    for pair in data.sentences.iter().chain(&data.paraphrases) {
        let (Some(stored), Some(asked)) = (texts.get(&pair.stored), texts.get(&pair.asked)) else { continue };
        let is_equal = stored.compare(asked).risk == Risk::None && stored.namespace == asked.namespace;
        if is_equal && stored.is_cacheable && asked.is_cacheable {
            let mut evidence = Evidence([0.0; EVIDENCE]);
            evidence.0[0] = 1.0;
            evidence.0[1] = similarity(vectors.get(&pair.stored)?, vectors.get(&pair.asked)?) - 0.7;
            examples.push((evidence, !pair.same));
        }
    }
    Ok((examples.len(), fit(&examples, &OF_PAIRS)))
}

/// Texts with the name of their answer. Two texts of a pair have one answer if they are labelled so.
fn rows(data: &Data) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let pairs = |pairs: &[Pair], kind: &str, rows: &mut Vec<(String, String)>| {
        for (at, pair) in pairs.iter().enumerate() {
            rows.push((pair.stored.clone(), format!("{kind} {at}")));
            let other = if pair.same { String::new() } else { " other".to_owned() };
            rows.push((pair.asked.clone(), format!("{kind} {at}{other}")));
        }
    };
    pairs(&data.sentences, "sentence", &mut rows);
    pairs(&data.paraphrases, "paraphrase", &mut rows);
    rows.extend(data.prompts.iter().enumerate().map(|(at, text)| (text.clone(), format!("prompt {at}"))));
    rows
}

/// Logistic regression by gradient descent with steps that shrink as gradients add up (Duchi, Hazan, Singer 2011).
#[expect(clippy::cast_precision_loss, reason = "a count of examples is small")]
fn fit(examples: &[(Evidence, bool)], shrinkage: &[f64; EVIDENCE]) -> [f64; EVIDENCE] {
    let (mut weights, mut squares) = (BELIEF, [1e-8; EVIDENCE]);
    let count = examples.len().max(1) as f64;
    for _ in 0..ROUNDS {
        let mut gradient = [0.0; EVIDENCE];
        for (Evidence(evidence), wrong) in examples {
            let logit: f64 = weights.iter().zip(evidence).map(|(weight, value)| weight * f64::from(*value)).sum();
            let error = 1.0 / (1.0 + (-logit).exp()) - f64::from(u8::from(*wrong));
            gradient.iter_mut().zip(evidence).for_each(|(sum, value)| *sum += error * f64::from(*value));
        }
        for at in (0..EVIDENCE).filter(|at| shrinkage[*at] < NEVER) {
            let gradient = (gradient[at] + shrinkage[at] * (weights[at] - BELIEF[at])) / count;
            if SHRINKAGE[at] == NEVER {
                continue;
            }
            squares[at] += gradient * gradient;
            weights[at] -= STEP * gradient / squares[at].sqrt();
        }
    }
    weights
}
