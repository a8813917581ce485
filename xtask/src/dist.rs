//! Packs the released binary: what a download of a version holds.

use std::fs;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::{Result, cargo, root, target_dir};

const BINARY: &str = "gateway-server";

pub(crate) fn run() -> Result<()> {
    check(cargo().args(["build", "--release", "--locked", "--package", BINARY]), "the release build")?;
    let target = target_triple()?;
    let name = format!("tollgate-{}-{target}", env!("CARGO_PKG_VERSION"));
    let dist = root().join("target/dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let file = format!("{BINARY}{}", std::env::consts::EXE_SUFFIX);
    let binary = target_dir().join("release").join(&file);
    let copies =
        [(binary.clone(), file.as_str()), (root().join("LICENSE"), "LICENSE"), (root().join("README.md"), "README.md")];
    for (from, to) in copies {
        fs::copy(&from, folder.join(to)).map_err(|error| format!("{to} cannot be copied: {error}"))?;
    }
    let archive = dist.join(format!("{name}.tar.gz"));
    // Names without the machine's users in them, so that whoever packs, the archive is the same but for times.
    check(
        Command::new("tar")
            .args(["--owner=0", "--group=0", "--numeric-owner", "-czf"])
            .arg(&archive)
            .arg("-C")
            .arg(&dist)
            .arg(&name),
        "tar",
    )?;
    fs::remove_dir_all(&folder)?;
    for path in [binary, archive] {
        let bytes = fs::read(&path)?;
        let shown = path.strip_prefix(root()).unwrap_or(&path).display();
        println!("{}  {:>10} bytes  {shown}", hex(&Sha256::digest(&bytes)), bytes.len());
    }
    Ok(())
}

fn check(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().map_err(|error| format!("{what} cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} failed: {status}").into()) }
}

/// The target that cargo builds for when none is asked for.
fn target_triple() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not tell its host".into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_known_and_bytes_are_written_in_hex() {
        assert!(target_triple().is_ok_and(|triple| triple.split('-').count() >= 3));
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
