//! The project's own targets, as `--check` compares them.
//!
//! Costs are limits on ratios to the floor, because a ratio measured in one run means the same on another machine.
//! Sizes and the start are absolute.

use super::super::results::{Results, Row};
use super::workload::to_megabytes;

/// One target and what was found.
#[derive(Debug)]
pub(super) struct Check {
    what: &'static str,
    limit: f64,
    unit: &'static str,
    /// Nothing if the workload was not run.
    found: Option<f64>,
}

/// Every target.
pub(super) fn all(results: &Results) -> Vec<Check> {
    let row = |workload| results.row(workload, "", "tollgate");
    let footprint = results.footprints.iter().find(|footprint| footprint.target == "tollgate");
    let rss_max = |workload| row(workload).and_then(|row: &Row| row.rss_max).map(to_megabytes);
    let rss_idle = results.workloads.iter().flat_map(|outcome| &outcome.rows).find(|row| row.target == "tollgate");
    let check = |what, limit, unit, found| Check { what, limit, unit, found };
    vec![
        check("chat: CPU per request", 1.6, "× floor", row("chat").and_then(|row| row.summary.floor_ratio)),
        check("latency: added p50", 150.0, "µs", row("latency").and_then(|row| row.summary.added_p50)),
        check("stream: CPU per event", 1.5, "× floor", row("stream").and_then(|row| row.summary.floor_ratio)),
        check("binary, stripped", 12.0, "MB", footprint.map(|footprint| to_megabytes(footprint.binary_bytes))),
        check("memory, idle", 10.0, "MB", rss_idle.and_then(|row| row.rss_idle).map(to_megabytes)),
        check("rate: memory", 16.0, "MB", rss_max("rate")),
        check("streams: memory", 64.0, "MB", rss_max("streams")),
        check("start", 50.0, "ms", footprint.and_then(|footprint| footprint.start_ms)),
        check("failed requests", 0.0, "", Some(count(results.own_errors()))),
    ]
}

/// One line each.
pub(super) fn render(checks: &[Check]) -> String {
    checks.iter().map(Check::line).collect::<Vec<_>>().join("\n")
}

impl Check {
    pub(super) fn is_missed(&self) -> bool {
        self.found.is_some_and(|found| found > self.limit)
    }

    fn line(&self) -> String {
        let Self { what, limit, unit, found } = self;
        match found {
            None => format!("-     {what}: not measured (at most {limit} {unit})"),
            Some(found) => {
                let verdict = if self.is_missed() { "MISS" } else { "pass" };
                format!("{verdict}  {what}: {found:.2} {unit} (at most {limit})")
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn count(errors: u64) -> f64 {
    errors as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_when_equal_and_open_when_not_measured() {
        let check = |found| Check { what: "x", limit: 1.6, unit: "× floor", found };
        assert!(!check(Some(1.6)).is_missed());
        assert!(check(Some(1.61)).is_missed());
        assert!(!check(None).is_missed());
        assert_eq!(check(Some(2.0)).line(), "MISS  x: 2.00 × floor (at most 1.6)");
        assert_eq!(check(None).line(), "-     x: not measured (at most 1.6 × floor)");
    }
}
