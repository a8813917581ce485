//! What prices cost a request: finding, computing, estimating.
//!
//! ```sh
//! cargo bench -p tollgate-usage --bench price
//! ```
//!
//! Nanoseconds of the clock for each call on one thread, the median of eleven runs; then with two threads at once, which
//! share one table.

#![expect(clippy::print_stdout, reason = "what it is for")]
#![expect(clippy::cast_precision_loss, reason = "of counts that are small")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tollgate_core::{Head, Observed, Operation, Target, Usage};
use tollgate_usage::price::{PriceBook, Prices};

const CALLS: u32 = 100_000;
const RUNS: usize = 11;

fn main() {
    let prices = Arc::new(Prices::new(PriceBook::built_in()));
    prices.configure([("openai-east".into(), "openai".into()), ("claude".into(), "anthropic".into())], Vec::new());
    let (now, head) = (SystemTime::now(), Head { input_text: 4000, max_tokens: Some(1000), ..Head::default() });
    let usage = Usage {
        input: Some(12_000),
        output: Some(700),
        cache_read: Some(9000),
        cache_creation: Some(1000),
        reasoning: Some(300),
        ..Usage::default()
    };
    for (provider, model) in
        [("openai-east", "gpt-4o-mini"), ("openai-east", "gpt-6.1-sol"), ("claude", "claude-sonnet-4-5")]
    {
        let target = Target::new(provider, model);
        println!(
            "{target}, {} bytes of terms",
            prices.find(&target, now).map_or(0, |price| price.terms.to_string().len())
        );
        measure("  found before: cost", || {
            black_box(prices.cost(black_box(&target), now, &usage, Some("default"), None));
        });
        let observed =
            Observed { target: Some(target.clone()), attempts: 1, usage: Some(usage), ..Observed::default() };
        measure("  as a record needs it: note", || {
            let mut observed = black_box(observed.clone());
            prices.note(Operation::ChatCompletions, now, &mut observed);
            black_box(observed);
        });
        measure("  before it is sent: ceiling", || {
            black_box(prices.ceiling(black_box(&target), &head, 5000, 4096));
        });
        let book = prices.book();
        measure("  for the first time: find in the book", || {
            black_box(book.find(provider.trim_end_matches("-east"), black_box(model)));
        });
    }
    let unknown = Target::new("openai-east", "no-such-model");
    measure("not in the book: cost", || {
        black_box(prices.cost(black_box(&unknown), now, &usage, None, None));
    });
    let target = Target::new("openai-east", "gpt-4o-mini");
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (prices, target) = (prices.clone(), target.clone());
            std::thread::spawn(move || {
                time(&mut || {
                    black_box(prices.cost(black_box(&target), now, &usage, None, None));
                })
            })
        })
        .collect();
    let times: Vec<f64> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
    println!("two threads at once: cost {times:.0?} ns");
}

fn measure(name: &str, mut call: impl FnMut()) {
    println!("{name} {:.0} ns", time(&mut call));
}

fn time(call: &mut impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            (0..CALLS).for_each(|_| call());
            started.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    runs.sort_unstable_by(f64::total_cmp);
    runs[RUNS / 2]
}
