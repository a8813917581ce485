//! Automation for the workspace, run as `cargo xtask <command>`.
//!
//! This file only names the commands; each lives in a module of its own and needs no other.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands talk to the person who runs them")]

mod bench;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command fails with: only ever printed, so a boxed error says enough.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Automation for the Tollgate workspace")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the gateway beside a direct connection, a bare proxy and any peers.
    Bench(Box<bench::Args>),
    /// Serve canned provider answers; what the benchmark runs as its upstream.
    Mock(bench::mock::Args),
    /// Forward to one upstream and do nothing else; the yardstick of the benchmark.
    Floor(bench::floor::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Mock(args) => bench::mock::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Floor(args) => bench::floor::run(&args).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
