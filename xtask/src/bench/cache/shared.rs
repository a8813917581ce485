//! A thousand equal streams at once, and one slow answer for all of them.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::task::JoinSet;

use super::Bench;
use crate::Result;
use crate::bench::load::Connection;
use crate::bench::mock::{Settings, now_micros};
use crate::bench::payload;

/// Before the first event, so that all have asked by then.
const LATENCY: Duration = Duration::from_secs(1);
const CHUNKS: usize = 40;
const PACE: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clients: usize,
    pub(super) upstream_calls: u64,
    /// Clients whose bytes were those of the first, and complete.
    pub(super) right: usize,
    /// From the last byte of the upstream to the end of the last client, in milliseconds.
    pub(super) last_after_ms: f64,
}

/// Sends the same request `clients` times at once.
pub(super) async fn measure(bench: &mut Bench<'_>, clients: usize) -> Result<Shared> {
    let settings = Settings { latency: LATENCY, response_bytes: 0, chunks: CHUNKS, pace: PACE };
    bench.mock(&settings)?;
    bench.progress.set_message(format!("{clients} equal streams"));
    let (gateway, _) = bench.programs.gateway(bench.mock.address)?;
    let call = gateway.call(payload::chat("mock-model", 1024, true));
    let mut connections = Vec::new();
    for _ in 0..clients {
        let mut connection = Connection::default();
        connection.open(call.address).await.map_err(|failure| failure.to_string())?;
        connections.push(connection);
    }
    let before = bench.upstream_calls()?;
    let mut asking = JoinSet::new();
    for mut connection in connections {
        let call = call.clone();
        asking.spawn(async move {
            let answer = connection.fetch(&call).await?;
            let is_good = answer.status() == StatusCode::OK;
            Result::Ok((is_good.then(|| answer.into_body()), now_micros()))
        });
    }
    let (mut bodies, mut last) = (Vec::new(), 0);
    while let Some(answered) = asking.join_next().await {
        // One that failed is one that is not right.
        let Ok(Ok((body, ended))) = answered else { continue };
        bodies.extend(body);
        last = last.max(ended);
    }
    bench.progress.inc(1);
    let ended_at = bench.stats()?["streams"]["ended_at"].as_u64().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a run fit a float exactly")]
    let last_after_ms = last.saturating_sub(ended_at) as f64 / 1e3;
    let upstream_calls = bench.upstream_calls()? - before;
    Ok(Shared { clients, upstream_calls, right: right(&bodies), last_after_ms })
}

/// How many have every word, in the same bytes as the first that has.
fn right(bodies: &[Bytes]) -> usize {
    let Some(first) = bodies.iter().find(|body| is_whole(body)) else { return 0 };
    bodies.iter().filter(|body| *body == first).count()
}

/// Whether a stream has every word of the mock's answer in order, and its end.
fn is_whole(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let mut rest = &*text;
    for number in 0..CHUNKS {
        let Some(at) = rest.find(&format!("\" token{number}\"")) else { return false };
        rest = &rest[at..];
    }
    rest.trim_end().ends_with("data: [DONE]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(words: usize, end: &str) -> Bytes {
        let events: String = (0..words).map(|number| format!("data: {{\"content\":\" token{number}\"}}\n\n")).collect();
        (events + end).into()
    }

    #[test]
    fn a_stream_is_right_if_it_is_whole_and_like_the_others() {
        let whole = stream(CHUNKS, "data: [DONE]\n\n");
        let other = stream(CHUNKS, ": more\n\ndata: [DONE]\n\n");
        let [short, cut] = [stream(CHUNKS - 1, "data: [DONE]\n\n"), stream(CHUNKS, "")];
        assert_eq!(right(&[short.clone(), whole.clone(), cut, whole, other]), 2);
        assert_eq!(right(&[short]), 0);
    }
}
