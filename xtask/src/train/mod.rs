//! Trains the small models that ship with the crates. The same data give the same bytes.

mod volatility;

use std::path::PathBuf;

use crate::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which model.
    #[arg(value_enum)]
    model: Model,
    /// The folder with the labelled data.
    #[arg(long)]
    data: PathBuf,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Model {
    /// Whether the answer to a question depends on when it is asked.
    Volatility,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match args.model {
        Model::Volatility => volatility::train(&args.data),
    }
}
