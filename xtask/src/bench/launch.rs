//! Getting from `cargo xtask`, a debug build, to a release build that may open enough files.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;

/// Raises the limit on open files as far as allowed up to 16384, for a thousand streams take two sockets each in a
/// gateway. A shell does it because the system call is out of reach of safe code; children inherit it.
const RAISE_LIMIT: &str = r#"
    open=$(ulimit -n)
    [ "$open" = unlimited ] || [ "$open" -ge 16384 ] || ulimit -n 16384 2>/dev/null || ulimit -n "$(ulimit -H -n)"
    exec "$0" "$@"
"#;

/// Builds the packages that the run needs, one after the other, and replaces this process by the release build of itself.
///
/// Returns only if there is nothing to do, that is, in that release build.
pub(super) fn relaunch(no_build: bool, packages: &[&str]) -> Result<()> {
    if no_build && !cfg!(debug_assertions) {
        return Ok(());
    }
    if !no_build {
        build(packages)?;
    }
    let program = release_dir().join("xtask");
    if !program.exists() {
        return Err(format!("{} does not exist; run without --no-build", program.display()).into());
    }
    let mut passed: Vec<OsString> = std::env::args_os().skip(1).collect();
    if !no_build {
        passed.push("--no-build".into());
    }
    let error = Command::new("sh").arg("-c").arg(RAISE_LIMIT).arg(program).args(passed).exec();
    Err(error.into())
}

/// Builds the packages, one after the other.
pub(super) fn build(packages: &[&str]) -> Result<()> {
    packages.iter().try_for_each(|package| build_package(package))
}

/// Where cargo puts release builds.
pub(super) fn release_dir() -> PathBuf {
    crate::target_dir().join("release")
}

fn build_package(package: &str) -> Result<()> {
    let status = crate::cargo().args(["build", "--release", "--package", package]).status()?;
    if status.success() { Ok(()) } else { Err(format!("the build of {package} failed").into()) }
}
