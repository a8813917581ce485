//! Documents that are generated from the sources, so that they cannot say something else.

mod diff;
mod providers;
mod translation;

use std::process::ExitCode;

use gateway_server::admin::openapi;
use gateway_server::config::reference;

use crate::{Result, root};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// A generated file.
struct Document {
    /// Its path below the root.
    path: &'static str,
    text: String,
}

fn documents() -> [Document; 5] {
    [
        Document { path: "docs/configuration.md", text: reference::markdown() },
        Document { path: "docs/tollgate.schema.json", text: reference::json_schema() },
        Document { path: "docs/openapi.json", text: openapi::document() },
        Document { path: "docs/providers.md", text: providers::markdown() },
        Document { path: "docs/translation.md", text: translation::markdown() },
    ]
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut is_stale = false;
    for Document { path, text } in documents() {
        let file = root().join(path);
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        if known == text {
            println!("{path} is up to date");
        } else if args.check {
            is_stale = true;
            eprintln!("{path} is out of date:\n{}", diff::hint(&known, &text));
        } else {
            std::fs::write(&file, text).map_err(|error| format!("{path} cannot be written: {error}"))?;
            println!("{path} written");
        }
    }
    if is_stale {
        eprintln!("run `cargo xtask codegen` and commit what it changes");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
