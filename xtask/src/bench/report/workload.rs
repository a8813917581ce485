//! The tables on the screen.

use super::super::results::{Outcome, Results, Row};
use super::super::summary::Summary;
use super::table::{self, Column};

/// All tables, each under its workload's name.
pub(super) fn render(results: &Results) -> String {
    let mut text = footprints(results);
    for outcome in &results.workloads {
        text += &self::outcome(outcome);
        text.push('\n');
    }
    text
}

/// The table of one workload under its name, and what failed first.
pub(in crate::bench) fn outcome(outcome: &Outcome) -> String {
    let rounds = outcome.rows.first().map_or(0, |row| row.rounds.len());
    format!("{}  (median of {rounds} rounds)\n{}{}", outcome.workload, rows(outcome), failures(outcome))
}

fn footprints(results: &Results) -> String {
    if results.footprints.is_empty() {
        return String::new();
    }
    let each = |value: fn(&super::super::results::Footprint) -> String| results.footprints.iter().map(value).collect();
    let columns = [
        Column { heading: "program", cells: each(|footprint| footprint.target.clone()) },
        Column { heading: "binary MB", cells: each(|footprint| megabytes(Some(footprint.binary_bytes))) },
        Column { heading: "start ms", cells: each(|footprint| number(footprint.start_ms, 1)) },
    ];
    table::render(&columns) + "\n"
}

fn rows(outcome: &Outcome) -> String {
    let summary = |heading, value: fn(&Summary) -> Option<f64>, scale: f64, digits| Column {
        heading,
        cells: outcome.rows.iter().map(|row| number(value(&row.summary).map(|v| v * scale), digits)).collect(),
    };
    let row = |heading, cell: fn(&Row) -> String| Column { heading, cells: outcome.rows.iter().map(cell).collect() };
    let milli = 1e-3;
    table::render(&[
        row("target", |row| row.target.clone()),
        row("step", |row| row.step.clone()),
        summary("req/s", |s| s.per_second, 1.0, 0),
        summary("events/s", |s| s.events_per_second, 1.0, 0),
        summary("p50 ms", |s| s.p50, milli, 3),
        summary("p95 ms", |s| s.p95, milli, 3),
        summary("p99 ms", |s| s.p99, milli, 3),
        row("+p50 µs", |row| with_spread(row.summary.added_p50, row.summary.added_p50_spread, 0)),
        summary("+p95 µs", |s| s.added_p95, 1.0, 0),
        summary("+p99 µs", |s| s.added_p99, 1.0, 0),
        summary("TTFT p50 ms", |s| s.first_token_p50, milli, 3),
        summary("gap p99 ms", |s| s.gap_p99, milli, 2),
        summary("CPU µs/req", |s| s.cpu_per_request, 1.0, 1),
        summary("CPU µs/event", |s| s.cpu_per_event, 1.0, 2),
        row("× floor", |row| with_spread(row.summary.floor_ratio, row.summary.floor_ratio_spread, 2)),
        row("RSS idle MB", |row| megabytes(row.rss_idle)),
        row("RSS max MB", |row| megabytes(row.rss_max)),
        row("errors", |row| if row.summary.errors == 0 { String::new() } else { row.summary.errors.to_string() }),
    ])
}

fn failures(outcome: &Outcome) -> String {
    let failed = outcome.rows.iter().filter_map(|row| Some((row, row.first_error.as_ref()?)));
    failed.map(|(row, error)| format!("  {} {}: first failure: {error}\n", row.target, row.step)).collect()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

fn with_spread(value: Option<f64>, spread: Option<f64>, digits: usize) -> String {
    let spread = spread.map_or_else(String::new, |spread| format!(" ±{spread:.digits$}"));
    number(value, digits) + &spread
}

/// Millions of bytes, one digit.
fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!("{:.1}", to_megabytes(bytes)))
}

#[expect(clippy::cast_precision_loss, reason = "memory stays far below 2^52")]
pub(in crate::bench) fn to_megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
