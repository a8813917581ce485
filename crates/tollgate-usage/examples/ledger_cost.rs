//! What a record costs on its way to an SQLite file, in a temporary folder:
//! `cargo run --release -p tollgate-usage --features sqlite --example ledger_cost`

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_core::{Context, Cost, Identity, NanoUsd, Operation, Tag, Target, Usage};
use tollgate_usage::database::Sqlite;
use tollgate_usage::{DurableLedger, Ledger, SqliteLedger, UsageRecord};

const RECORDS: u32 = 200_000;
/// As many as come between two batches of a busy gateway.
const BURST: u32 = 1000;

/// A usual record.
fn record(number: u32) -> UsageRecord {
    let context = Context::builder(format!("7f3f0c52-6a0c-4d2e-9d8e-{number:012}"))
        .identity(Identity::of_key("search"))
        .tags(vec![Tag { name: "team".into(), value: "search".into() }])
        .build();
    context.observe(|observed| {
        observed.target = Some(Target::new("openai", "gpt-4o-mini"));
        observed.model = Some("gpt-4o-mini-2024-07-18".into());
        observed.attempts = 1;
        observed.usage = Some(Usage { input: Some(1200), output: Some(u64::from(number % 500)), ..Usage::default() });
        observed.cost = Some(Cost { amount: NanoUsd(480_000), price: "openai/gpt-4o-mini@2024-07-18".into() });
    });
    let mut record = UsageRecord::new(Operation::ChatCompletions, Some("fast".into()), false, 200, &context);
    record.latency = Duration::from_micros(u64::from(300_000 + number % 100_000));
    record
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    for window in [Duration::from_millis(100), Duration::ZERO] {
        let database = Sqlite::open(folder.join(format!("{}.db", window.as_millis())))?;
        let store = Arc::new(SqliteLedger::open(database, false).await?);
        let ledger = DurableLedger::builder(store, folder.join("spool")).window(window).open()?;
        let records: Vec<UsageRecord> = (0..BURST).map(record).collect();
        let (mut recording, before, start) = (Duration::ZERO, processor_time(), Instant::now());
        for _ in 0..RECORDS / BURST {
            let started = Instant::now();
            records.iter().for_each(|record| ledger.record(record));
            recording += started.elapsed();
            ledger.settle(Duration::from_secs(60)).await;
        }
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(RECORDS);
        println!(
            "window {window:?}: {:.2} µs in the call, {:.2} µs of processor time in all, {:.2} µs of time",
            each(recording),
            each(processor_time() - before),
            each(start.elapsed())
        );
        ledger.finish(Duration::from_secs(60));
    }
    Ok(())
}

/// Of this process and its threads so far, in steps of 10 ms.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    Duration::from_millis(10) * ticks
}
