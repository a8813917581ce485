//! What stored answers take of memory.

use bytes::Bytes;
use hyper::StatusCode;

use super::{Bench, hits};
use crate::Result;
use crate::bench::load::Connection;
use crate::bench::payload;
use crate::bench::proc::Process;

/// After a start, before memory counts as idle.
const IDLE: std::time::Duration = std::time::Duration::from_secs(1);

/// Resident memory, in bytes.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) entries: usize,
    /// Before the first request.
    pub(super) idle: u64,
    /// With every answer stored.
    pub(super) filled: u64,
    /// After each of them was asked for once more.
    pub(super) used: u64,
    /// Of those, how many were no hits.
    pub(super) forgotten: u64,
}

/// Sends as many different requests one after the other, twice.
pub(super) async fn measure(bench: &mut Bench<'_>, entries: usize) -> Result<Memory> {
    bench.mock(&hits::settings())?;
    bench.progress.set_message(format!("{entries} answers"));
    let (gateway, _) = bench.programs.gateway(bench.mock.address)?;
    tokio::time::sleep(IDLE).await;
    let rss = || gateway.process.as_ref().map_or(0, Process::rss);
    let idle = rss();
    let mut call = gateway.call(Bytes::new());
    let body = String::from_utf8(payload::chat("mock-model", hits::REQUEST, false).to_vec())?;
    let mut connection = Connection::default();
    let mut filled = [(0, 0); 2];
    for filled in &mut filled {
        for number in 0..entries {
            call.body = body.replacen("You are", &format!("Number {number}. You are"), 1).into();
            let status = connection.fetch(&call).await?.status();
            if status != StatusCode::OK {
                return Err(format!("the gateway answers with {status}").into());
            }
        }
        *filled = (rss(), bench.upstream_calls()?);
    }
    bench.progress.inc(1);
    let [(filled, calls), (used, calls_again)] = filled;
    Ok(Memory { entries, idle, filled, used, forgotten: calls_again - calls })
}
