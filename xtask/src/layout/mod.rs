//! Lays the functions of the gateway that run beside each other, and writes down how.
//!
//! A program is read from its file in pieces of 64 KB or more, and what one function of a piece is called for makes all
//! of it resident. In the order of crates and modules nearly every piece has such a function, so the gateway was
//! resident nearly as a whole. The linker is therefore told (`crates/gateway-server/layout.ld`) which functions run at a
//! start and which on the way of a request. Who they are is found by running both under Valgrind's callgrind.
//!
//! What the file names is a hint: a function that it misses, or that is no more, costs a few kilobytes.

mod map;
mod script;
mod trace;
mod traffic;

use std::path::{Path, PathBuf};
use std::{env, fs};

use self::map::Map;
use self::script::Script;
use crate::{Result, cargo, root, target_dir};

const FILE: &str = "crates/gateway-server/layout.ld";

/// What finds out which functions run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of all-MiniLM-L6-v2; without it nothing of the semantic cache is known to run.
    #[arg(long)]
    model: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let dir = env::temp_dir().join(format!("tollgate-layout-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let written = write(args.model.as_deref(), &dir);
    if written.is_ok() {
        fs::remove_dir_all(&dir)?;
    }
    written.map_err(|error| format!("{error} (see {})", dir.display()).into())
}

fn write(model: Option<&Path>, dir: &Path) -> Result<()> {
    let binary = target_dir().join("release/gateway-server");
    let map = build(&dir.join("map"))?;
    println!("starting under callgrind");
    let started = trace::run(&binary, &dir.join("start"), &traffic::Upstream::start(None)?, traffic::wait_for)?;
    println!("serving under callgrind");
    let served = trace::run(&binary, &dir.join("serve"), &traffic::Upstream::start(model)?, traffic::send)?;
    let script = Script::new(&map, &[("start", &started), ("serve", &served)]);
    fs::write(root().join(FILE), script.to_string())?;
    println!("{FILE}: {script:?}");
    Ok(())
}

/// Builds the released binary as linkers do it, for Valgrind tells the code of one section only from other code, and
/// reads where what is.
fn build(path: &Path) -> Result<Map> {
    let mut command = cargo();
    command.env("TOLLGATE_LINK_MAP", path);
    let status = command.args(["build", "--release", "--locked", "--package", "gateway-server"]).status()?;
    if !status.success() {
        return Err(format!("the build failed: {status}").into());
    }
    Map::parse(&fs::read_to_string(path)?)
}
