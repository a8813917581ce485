//! What stored prompts take of memory: in the gateway, and in a process that has nothing else.
//!
//! The gateway counts: it is sent so many prompts, one after the other, whose answers it stores under their own keys, with
//! their vectors from the local model. Each is a miss, and each answer is another. Beside it stand the parts of the cache
//! alone, filled in a process of their own.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::json;
use tokio::net::TcpListener;

use super::setup::{Setup, Vectors};
use super::{Line, texts};
use crate::Result;
use crate::bench::load::Connection;
use crate::bench::proc::Process;
use crate::bench::serve::accept;
use crate::bench::target::{Programs, Target};

/// Megabytes that a gateway with the prompts may take, its program and the model included.
const MOST_RESIDENT: f64 = 48.0;
/// What a process at rest may use of a processor in [`PAUSE`].
const AT_REST: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(500);
/// Pauses after which it counts as at rest in any case.
const MOST_PAUSES: u32 = 120;

/// What is resident, in megabytes.
#[derive(Clone, Copy, Debug)]
struct Resident {
    all: f64,
    /// Pages of files: the program, the system's libraries, the model.
    files: f64,
}

/// Fills a cache in this process and prints its resident megabytes before, with the model, and in the end.
pub(super) async fn report(model: &Path, entries: usize) -> Result<()> {
    let resident = || Resident::of(&Process::single(std::process::id())).all;
    let before = resident();
    let setup = Setup::new(model)?;
    setup.embedder.vector("a text that opens what is opened at first use");
    let with_model = resident();
    for number in 0..entries {
        setup.store(&texts::stored(number), number, Vectors::Embedded).await?;
    }
    println!("{}", serde_json::to_string(&[before, with_model, resident()])?);
    Ok(())
}

/// The parts alone, in a process of their own.
pub(super) fn alone(model: &Path, entries: usize) -> Result<Vec<Line>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "semantic", "--model"]).arg(model).args(["--only-memory", &entries.to_string()]);
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("memory was not measured: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let [before, with_model, after]: [f64; 3] = serde_json::from_slice(&output.stdout)?;
    Ok(vec![
        line("resident, parts alone: process", before, entries),
        line("resident, parts alone: and the model", with_model, entries),
        line("resident, parts alone: and the prompts", after, entries),
    ])
}

/// The gateway itself.
pub(super) async fn gateway(gateway: Option<&Path>, dir: &Path, model: &Path, entries: usize) -> Result<Vec<Line>> {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = upstream.local_addr()?;
    let served = Arc::new(AtomicUsize::new(0));
    let provider = tokio::spawn(accept(upstream, move |request| answer(served.clone(), request)));
    let model = serde_json::to_string(&std::path::absolute(model)?)?;
    let programs =
        Programs::new(gateway, dir)?.sections(format!("cache:\n  mode: semantic\n  semantic:\n    model: {model}\n"));
    programs.require_gateway()?;
    let found = fill(&programs, address, entries).await;
    provider.abort();
    let [idle, filled] = found?;
    let mut last = line("resident, gateway: and the prompts", filled.all, entries);
    last.target = Some((format!("<= {MOST_RESIDENT} MB"), filled.all <= MOST_RESIDENT));
    Ok(vec![
        line("resident, gateway: idle", idle.all, entries),
        line("resident, gateway: program and model of it", filled.files, entries),
        last,
    ])
}

async fn fill(programs: &Programs, upstream: SocketAddr, entries: usize) -> Result<[Resident; 2]> {
    let (target, _) = programs.gateway(upstream)?;
    let process = target.process.clone().ok_or("the gateway has no process")?;
    rest(&process).await;
    let idle = Resident::of(&process);
    let mut connection = Connection::default();
    for number in 0..entries {
        ask(&mut connection, &target, number).await?;
    }
    rest(&process).await;
    Ok([idle, Resident::of(&process)])
}

/// Sends a prompt and makes sure that its answer was stored.
async fn ask(connection: &mut Connection, target: &Target, number: usize) -> Result<()> {
    let messages = json!([{ "role": "user", "content": texts::stored(number) }]);
    let body = json!({ "model": "mock-model", "temperature": 0, "messages": messages }).to_string();
    let response = connection.fetch(&target.call(body.into())).await?;
    let status = response.headers().get("cache-status").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if status.split(';').any(|part| part.trim() == "stored") {
        return Ok(());
    }
    Err(format!("prompt {number} was answered with {} and `{status}`, not stored", response.status()).into())
}

/// Waits until everything is done that comes after the answers.
async fn rest(process: &Process) {
    for _ in 0..MOST_PAUSES {
        let before = process.cpu();
        tokio::time::sleep(PAUSE).await;
        if process.cpu().since(&before) < AT_REST {
            return;
        }
    }
}

/// Another answer each time.
async fn answer(
    served: Arc<AtomicUsize>,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    // What is not read would keep the connection from being used again.
    let _ = request.into_body().collect().await;
    let number = served.fetch_add(1, Ordering::Relaxed);
    let body = json!({
        "id": format!("chatcmpl-{number}"),
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "mock-model",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": texts::answer(number) },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 20, "completion_tokens": 80, "total_tokens": 100 },
    });
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn line(name: &'static str, value: f64, entries: usize) -> Line {
    Line { name, cells: [format!("{value:.1} MB"), String::new(), entries.to_string()], target: None }
}

// === impl Resident ===

impl Resident {
    fn of(process: &Process) -> Self {
        Self { all: megabytes(process.rss()), files: megabytes(process.rss_file()) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory stay below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
