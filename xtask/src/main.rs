//! Automation for the workspace, run as `cargo xtask <command>`.
//!
//! This file only names the commands; each lives in a module of its own and needs no other.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands talk to the person who runs them")]

mod bench;
mod codegen;
mod dist;
mod layout;
mod prices;
mod tidy;
mod train;

use std::path::{Path, PathBuf};
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
    /// Answer from a table of bodies and do nothing else; the yardstick of the cache's benchmark.
    CacheFloor(bench::cache::floor::Args),
    /// Write the documents that are generated from the sources, or check that they are up to date.
    Codegen(codegen::Args),
    /// Pack the released binary with its licence.
    Dist,
    /// Find out which functions of the gateway run, and write down for the linker that they lie together.
    Layout(layout::Args),
    /// Convert a public list of prices into the book that ships with the gateway, or check the book.
    Prices(prices::Args),
    /// Train a model that ships with a crate, from labelled data.
    Train(train::Args),
    /// Check what the compiler does not: layers, weights, texts, licences.
    Tidy,
}

/// The root of the workspace: these commands mean this one, wherever they are called.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo puts what it builds.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The cargo that runs this, or the one in the path.
fn cargo() -> std::process::Command {
    let mut command = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Mock(args) => bench::mock::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Floor(args) => bench::floor::run(&args).map(|()| ExitCode::SUCCESS),
        Command::CacheFloor(args) => bench::cache::floor::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Codegen(args) => codegen::run(&args),
        Command::Dist => dist::run().map(|()| ExitCode::SUCCESS),
        Command::Layout(args) => layout::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Prices(args) => prices::run(&args),
        Command::Train(args) => train::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Tidy => tidy::run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
