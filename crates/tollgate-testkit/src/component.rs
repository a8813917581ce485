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
