//! Pairs: one prompt is stored, the other asked, and nothing but what is shipped is known.

use std::collections::BTreeMap;

use tollgate_cache::semantic::decision::{
    Calibrated, ClusterId, DecisionEngine, KeyId, Neighbour, Policy, Request, Settings, Start, Verdict,
};

use super::data::{Data, Pair};
use super::texts::{Text, Texts};
use super::vectors::{Vectors, similarity};
use super::{BOUNDS, THRESHOLDS};
use crate::Result;

/// What came of pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    same: usize,
    different: usize,
    right: usize,
    wrong: usize,
}

/// Prints all pair tests.
pub(super) fn report(data: &Data, vectors: &Vectors, texts: &Texts) -> Result<()> {
    let sets = [("QQP", &data.qqp), ("CheckList", &data.checklist), ("finance", &data.finance)];
    println!(
        "\nPairs: recall = right hits / pairs with one answer, trap = wrong hits / pairs with two, ERR = wrong hits / pairs"
    );
    println!("{:<34} {:>24} {:>24} {:>14}", "", "QQP recall, ERR", "CheckList recall, trap", "finance served");
    for (name, policy, rules) in policies() {
        let mut line = format!("{name:<34}");
        for (set, pairs) in sets {
            let tally = Tally::of(pairs, vectors, rules.then_some(texts), policy)?;
            line += &match set {
                "QQP" => format!(" {:>23}", format!("{} {}", tally.recall(), share(tally.wrong, pairs.len()))),
                "finance" => format!(" {:>14}", tally.wrong),
                _ => format!(" {:>23}", format!("{} {}", tally.recall(), share(tally.wrong, tally.different))),
            };
        }
        println!("{line}");
    }
    by_test(&data.checklist, vectors, texts)
}

/// The shipped decision with nothing learned.
pub(super) fn warm(max_error_rate: f64) -> Policy {
    Policy::Calibrated(Calibrated { max_error_rate, start: Start::Warm, ..Calibrated::default() })
}

/// Whether the answer that was stored for one prompt is served for another.
pub(super) fn is_served(stored: (&[f32], &Text), asked: (&[f32], &Text), policy: Policy, rules: bool) -> bool {
    let may = asked.1.is_cacheable && stored.1.is_cacheable && stored.1.namespace == asked.1.namespace;
    if rules && !may {
        return false;
    }
    let mut engine = DecisionEngine::new(Settings::new(policy), 0);
    engine.open_cluster(ClusterId(0), KeyId(0));
    let near = [Neighbour { cluster: ClusterId(0), key: KeyId(0), similarity: similarity(stored.0, asked.0) }];
    let candidate = engine.rank(&near);
    let text = rules.then(|| stored.1.compare(asked.1));
    matches!(engine.decide(&Request { text, ..Request::default() }, candidate).verdict, Verdict::Serve { .. })
}

/// Thresholds as they are used elsewhere, on vectors alone; then with our rules on texts; then the shipped prior.
fn policies() -> Vec<(String, Policy, bool)> {
    let fixed = |rules: bool| {
        let name = if rules { ", with text rules" } else { "" };
        THRESHOLDS.map(|at| (format!("fixed threshold {at:.2}{name}"), Policy::Threshold(at), rules))
    };
    let warm = BOUNDS.map(|bound| (format!("calibrated {:.1}%, warm", 100.0 * bound), warm(bound), true));
    fixed(false).into_iter().chain(fixed(true)).chain(warm).collect()
}

fn by_test(pairs: &[Pair], vectors: &Vectors, texts: &Texts) -> Result<()> {
    let mut tests: BTreeMap<&str, Vec<Pair>> = BTreeMap::new();
    for pair in pairs {
        tests.entry(&pair.test).or_default().push(pair.clone());
    }
    println!("\nCheckList by test, calibrated 1%, warm{:>41} {:>6}", "served", "should");
    for (test, pairs) in tests {
        let tally = Tally::of(&pairs, vectors, Some(texts), warm(0.01))?;
        let name: String = test.chars().take(66).collect();
        let served = tally.right + tally.wrong;
        println!("  {name:<66} {:>4}/{:<4} {:>6}", served, pairs.len(), tally.same);
    }
    Ok(())
}

// === impl Tally ===

impl Tally {
    fn of(pairs: &[Pair], vectors: &Vectors, texts: Option<&Texts>, policy: Policy) -> Result<Self> {
        let mut tally = Self::default();
        for pair in pairs {
            let (stored, asked) = (vectors.get(&pair.stored)?, vectors.get(&pair.asked)?);
            let served = match texts {
                None => is_similar(stored, asked, policy),
                Some(texts) => {
                    let text = |of: &str| texts.get(of).ok_or("a text without an analysis");
                    is_served((stored, text(&pair.stored)?), (asked, text(&pair.asked)?), policy, true)
                }
            };
            *(if pair.same { &mut tally.same } else { &mut tally.different }) += 1;
            *(if pair.same { &mut tally.right } else { &mut tally.wrong }) += usize::from(served);
        }
        Ok(tally)
    }

    fn recall(&self) -> String {
        share(self.right, self.same)
    }
}

fn is_similar(stored: &[f32], asked: &[f32], policy: Policy) -> bool {
    matches!(policy, Policy::Threshold(threshold) if similarity(stored, asked) >= threshold)
}

#[expect(clippy::cast_precision_loss, reason = "counts of pairs are small")]
fn share(part: usize, whole: usize) -> String {
    format!("{:.2}%", 100.0 * part as f64 / whole.max(1) as f64)
}
