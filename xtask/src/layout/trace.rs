//! A run under callgrind, and the addresses that it went through.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::traffic::Upstream;
use crate::Result;

/// How long a gateway under Valgrind may take to end.
const END_LIMIT: Duration = Duration::from_secs(120);

/// Runs the gateway while `traffic` lasts and returns the addresses of its instructions.
pub(super) fn run(
    binary: &Path,
    dir: &Path,
    upstream: &Upstream,
    traffic: impl FnOnce(SocketAddr) -> Result<()>,
) -> Result<BTreeSet<u64>> {
    fs::create_dir_all(dir)?;
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    fs::write(dir.join("tollgate.yaml"), &upstream.configuration)?;
    let output = dir.join("callgrind.out");
    let log = File::create(dir.join("log"))?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(std::path::absolute(binary)?)
        .args(["--config", "tollgate.yaml", "--listen", &listen.to_string()])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    // Keys in the environment would register providers that the configuration does not name.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().ends_with("_API_KEY")) {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(|error| format!("valgrind cannot be started: {error}"))?;
    let outcome = traffic(listen).and_then(|()| end(&mut child));
    if outcome.is_err() {
        child.kill()?;
        child.wait()?;
    }
    outcome?;
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    Ok(addresses(&fs::read_to_string(output)?, &name))
}

/// Ends it as an operator would, for callgrind writes what it saw at the end.
fn end(child: &mut Child) -> Result<()> {
    Command::new("kill").arg(child.id().to_string()).status()?;
    let asked = Instant::now();
    while asked.elapsed() < END_LIMIT {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("the gateway did not end".into())
}

/// The addresses of a profile that belong to the program, for its format see "Callgrind Format Specification".
fn addresses(profile: &str, program: &str) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            inside = object.rsplit('/').next() == Some(program);
        } else if inside && let Some(rest) = line.strip_prefix("0x") {
            let digits = rest.split_ascii_whitespace().next().unwrap_or_default();
            found.extend(u64::from_str_radix(digits, 16));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_program() {
        let profile = "\
positions: instr line
ob=/lib/libc.so.6
fn=malloc
0x10 0 4
ob=/a/gateway-server
fn=main
0x321e30 0 1
cob=/lib/libc.so.6
cfn=malloc
calls=1 0x10 0
0x321e34 0 12
";
        assert_eq!(addresses(profile, "gateway-server"), [0x0032_1e30, 0x0032_1e34].into());
    }
}
