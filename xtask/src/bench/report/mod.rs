//! Showing the results: on the screen, as JSON, as a chart, and against the project's targets.

mod chart;
mod check;
pub(super) mod table;
pub(super) mod workload;

use std::path::Path;
use std::process::ExitCode;

use super::args::Args;
use super::results::Results;
use crate::Result;

/// Shows the results wherever the arguments ask for. The exit code tells whether all went well.
pub(super) fn show(args: &Args, results: &Results) -> Result<ExitCode> {
    println!("{}\n", results.machine.line());
    print!("{}", workload::render(results));
    if let Some(path) = &args.out {
        write(path, &serde_json::to_string_pretty(results)?)?;
    }
    if let Some(path) = &args.chart {
        write(path, &chart::render(results))?;
    }
    let mut good = results.own_errors() == 0;
    if args.check {
        let checks = check::all(results);
        println!("{}", check::render(&checks));
        good &= !checks.iter().any(check::Check::is_missed);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}
