//! Real parts that are there on some machines only.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of shared fixtures: `TOLLGATE_SHARED`, else `../shared` beside the workspace.
///
/// # Panics
/// If it is not there and `TOLLGATE_REQUIRE_COMPONENTS=1`.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("TOLLGATE_SHARED").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder).or_else(|| skipped("shared fixtures"))
}

/// A part that the variable `variable` gives the path of; `name` is its name in messages.
///
/// # Panics
/// If it is not there and `TOLLGATE_REQUIRE_COMPONENTS=1`.
#[must_use]
pub fn component(variable: &str, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    path.or_else(|| skipped(name))
}

/// A folder that has all of some programs: that of the variable `variable`, or else one of `PATH`, or else the newest of those
/// that Debian puts PostgreSQL into.
///
/// # Panics
/// If there is none and `TOLLGATE_REQUIRE_COMPONENTS=1`.
pub(crate) fn folder_with(variable: &str, programs: &[&str], name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    let mut folders = named.into_iter().chain(std::env::split_paths(&path)).chain(debian.into_iter().rev());
    folders.find(|folder| programs.iter().all(|program| folder.join(program).is_file())).or_else(|| skipped(name))
}

fn skipped(name: &str) -> Option<PathBuf> {
    assert!(
        std::env::var_os("TOLLGATE_REQUIRE_COMPONENTS").is_none_or(|value| value != "1"),
        "{name} not found, and TOLLGATE_REQUIRE_COMPONENTS=1"
    );
    // Not by `eprintln!`, which the test harness keeps to itself when a test passes.
    // In one piece, since other tests write at the same time.
    let _ = std::io::stderr().write_all(format!("skipped: {name} not found\n").as_bytes());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found() {
        let folder = component("CARGO_MANIFEST_DIR", "this crate").unwrap();
        assert!(folder.join("src").is_dir());
    }
}
