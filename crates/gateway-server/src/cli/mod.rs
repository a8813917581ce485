//! The command line.

mod fetch;
mod keys;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::accounts::Accounts;
use crate::config::{Config, ConfigErrors, Overrides, ProcessEnvironment, Source, load};
use crate::gateway::Gateway;
use crate::managed::Managed;
use crate::providers::{build_all, kinds};
use crate::{serve, telemetry};

/// An LLM gateway in one small process.
#[derive(Debug, Parser)]
#[command(name = "gateway-server", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve requests; what happens without a command, too
    Serve(ServeArgs),
    /// Check a configuration; every mistake is shown with its file, line and key
    Check(CheckArgs),
    /// Fetch the model that turns prompts into vectors, for the semantic cache
    #[command(subcommand)]
    Model(ModelCommand),
    /// Manage the keys of clients, in the configured database; a running server sees changes within a second
    Keys(Box<keys::KeysArgs>),
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Fetch the model's files from a hub, and check them; what is there already is left alone
    Fetch(FetchArgs),
}

#[derive(Debug, Default, Args)]
struct ServeArgs {
    /// The address to listen on [default: 127.0.0.1:8080] [env: TOLLGATE_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The configuration file; without one the environment is all [env: TOLLGATE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Allow listening beyond loopback without a client key
    #[arg(long)]
    open: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The configuration file [env: TOLLGATE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct FetchArgs {
    /// The folder to put them in, as `cache.semantic.model` names it
    #[arg(long, value_name = "FOLDER", default_value = "models/all-MiniLM-L6-v2")]
    into: PathBuf,
    /// The address of the hub, if it is not Hugging Face [env: HF_ENDPOINT]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => run_server(cli.serve),
        Some(Command::Serve(args)) => run_server(args),
        Some(Command::Check(args)) => check(args),
        Some(Command::Keys(args)) => keys::run(*args),
        Some(Command::Model(ModelCommand::Fetch(args))) => fetch::run(&args.into, args.endpoint),
    }
}

fn check(args: CheckArgs) -> ExitCode {
    let source = Source::choose(args.config, &ProcessEnvironment);
    match load_and_build(&source, &Overrides::default()) {
        Ok(config) => {
            let count = config.providers.len();
            say(&format!("The configuration is valid: {count} providers, {} aliases.", config.aliases.len()));
            ExitCode::SUCCESS
        }
        Err(errors) => complain(&errors),
    }
}

/// Loads a configuration and builds what it describes, which is the only full check of it.
fn load_and_build(source: &Source, overrides: &Overrides) -> Result<Config, ConfigErrors> {
    let config = load(source, &ProcessEnvironment, &kinds(), overrides)?;
    build_all(&config, source, &[])?;
    Ok(config)
}

fn run_server(args: ServeArgs) -> ExitCode {
    let source = Source::choose(args.config, &ProcessEnvironment);
    // Whether there are keys is in the database, and where that is in the configuration.
    let overrides = Overrides { listen: args.listen, open: args.open, has_keys: true };
    let config = match load(&source, &ProcessEnvironment, &kinds(), &overrides) {
        Ok(config) => config,
        Err(errors) => return complain(&errors),
    };
    telemetry::init(&config.log);
    let (lines, flusher) = telemetry::usage_lines(&config.log);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be started");
            return ExitCode::FAILURE;
        }
    };
    let accounts = match runtime.block_on(Accounts::open(&config)) {
        Ok(accounts) => accounts,
        Err(errors) => return complain(&errors),
    };
    let code = runtime.block_on(async {
        let managed = match Managed::open(&config, accounts.database()).await {
            Ok(managed) => Arc::new(managed),
            Err(error) => {
                tracing::error!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let overrides = Overrides { has_keys: managed.ring().had_keys(), ..overrides };
        let config = match load(&source, &ProcessEnvironment, &kinds(), &overrides) {
            Ok(config) => config,
            Err(errors) => return complain(&errors),
        };
        let (variables, kept) = (Arc::new(ProcessEnvironment), accounts.clone());
        let gateway = match Gateway::new(config, source, variables, overrides, kept, lines, managed) {
            Ok(gateway) => Arc::new(gateway),
            Err(errors) => return complain(&errors),
        };
        match serve::run(gateway.clone()).await {
            Ok(()) => {
                gateway.save();
                ExitCode::SUCCESS
            }
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
        }
    });
    // Whatever is still running is dropped here and accounted as it goes, before the last lines are written.
    drop(runtime);
    accounts.finish();
    if let Some(flusher) = flusher {
        flusher.finish();
    }
    code
}

fn say(text: &str) {
    // Nobody is left to be told if the terminal is gone.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn complain(errors: &ConfigErrors) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{errors}");
    ExitCode::FAILURE
}
