//! What a program weighs before it does anything: size on disk, time to start.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::args::Builtin;
use super::results::Footprint;
use super::summary::median;
use super::target::Programs;
use crate::Result;

const STARTS: usize = 7;

/// Weighs a target, if it is a program at all.
pub(super) async fn weigh(programs: &Programs, builtin: Builtin, mock: SocketAddr) -> Result<Option<Footprint>> {
    let Some(binary) = programs.binary(builtin) else { return Ok(None) };
    let mut starts_ms = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let before = Instant::now();
        let (target, took) = match builtin {
            Builtin::Tollgate => programs.gateway(mock)?,
            _ => (programs.start(builtin, mock).await?, before.elapsed()),
        };
        starts_ms.push(took.as_secs_f64() * 1e3);
        if let Some(mut child) = target.child {
            child.kill().await?;
        }
    }
    let target = if builtin == Builtin::Tollgate { "tollgate" } else { "floor" };
    let start_ms = median(starts_ms.clone());
    Ok(Some(Footprint { target: target.to_owned(), binary_bytes: stripped_size(binary)?, starts_ms, start_ms }))
}

/// The size without symbols, whether or not the build has stripped them already.
fn stripped_size(binary: &Path) -> Result<u64> {
    let copy = std::env::temp_dir().join(format!("tollgate-stripped-{}", std::process::id()));
    let stripped = Command::new("strip").arg("-o").arg(&copy).arg(binary).output();
    let size = match stripped {
        Ok(output) if output.status.success() => std::fs::metadata(&copy)?.len(),
        // Without the tool the size on disk is an upper bound.
        _ => std::fs::metadata(binary)?.len(),
    };
    let _ = std::fs::remove_file(copy);
    Ok(size)
}
