//! What is measured: the mock itself, the floor, the gateway, and peers.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Uri;
use hyper::header::HeaderMap;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::args::Builtin;
use super::load::{Call, Expect};
use super::peer::Peer;
use super::proc::Process;
use super::{launch, probe, serve};
use crate::Result;

/// Something that answers `POST {prefix}/v1/chat/completions`.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) prefix: String,
    pub(super) headers: HeaderMap,
    pub(super) process: Option<Process>,
    /// Held because dropping it kills the process, whichever way the run ends.
    pub(super) child: Option<Child>,
}

/// How to start our own programs.
#[derive(Debug)]
pub(super) struct Programs {
    xtask: PathBuf,
    gateway: PathBuf,
    /// Configuration and logs; kept after a failure, removed after a success.
    dir: PathBuf,
    /// What the gateway's configuration has besides a provider.
    sections: String,
}

/// Far longer than any start; what takes longer has failed.
const START_LIMIT: Duration = Duration::from_secs(10);

impl Programs {
    /// The programs that were built, or another binary of the gateway.
    pub(super) fn new(gateway: Option<&Path>, dir: &Path) -> Result<Self> {
        let gateway = gateway.map_or_else(|| launch::release_dir().join("gateway-server"), Path::to_owned);
        // It is started in another folder. One that is not there is told of later.
        let gateway = std::path::absolute(gateway)?;
        Ok(Self { xtask: std::env::current_exe()?, gateway, dir: dir.to_owned(), sections: String::new() })
    }

    /// Further sections of the gateway's configuration.
    pub(super) fn sections(self, sections: impl Into<String>) -> Self {
        Self { sections: sections.into(), ..self }
    }

    /// Fails early where there is no gateway to start.
    pub(super) fn require_gateway(&self) -> Result<()> {
        if self.gateway.exists() {
            return Ok(());
        }
        Err(format!("{} does not exist; leave tollgate out of --targets", self.gateway.display()).into())
    }

    /// The upstream of all targets.
    pub(super) async fn mock(&self, listen: SocketAddr) -> Result<Target> {
        self.own("mock", &["mock", "--listen", &listen.to_string()]).await
    }

    /// A fresh process for a target; `direct` is the mock by another name and has none of its own.
    pub(super) async fn start(&self, builtin: Builtin, mock: SocketAddr) -> Result<Target> {
        match builtin {
            Builtin::Direct => Ok(Target::new("direct", mock)),
            Builtin::Floor => self.own("floor", &["floor", "--upstream", &format!("http://{mock}")]).await,
            Builtin::Tollgate => self.gateway(mock).map(|(target, _)| target),
        }
    }

    /// The floor of the cache; what it has no answer to it asks `upstream`.
    pub(super) async fn cache_floor(&self, upstream: SocketAddr) -> Result<Target> {
        self.own("floor", &["cache-floor", "--upstream", &upstream.to_string()]).await
    }

    /// The binary of a target and the path that tells when it is up.
    pub(super) fn binary(&self, builtin: Builtin) -> Option<&Path> {
        match builtin {
            Builtin::Direct => None,
            Builtin::Floor => Some(&self.xtask),
            Builtin::Tollgate => Some(&self.gateway),
        }
    }

    async fn own(&self, name: &str, arguments: &[&str]) -> Result<Target> {
        let mut command = Command::new(&self.xtask);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("a child without the output that was asked for")?;
        let mut line = String::new();
        tokio::time::timeout(START_LIMIT, BufReader::new(output).read_line(&mut line)).await??;
        let address = line.trim().strip_prefix(serve::READY).ok_or_else(|| format!("{name} did not start"))?;
        Ok(Target::new(name, address.parse()?).owning(child))
    }

    /// Starts the gateway and waits until it is healthy; also returns how long that took from exec.
    pub(super) fn gateway(&self, mock: SocketAddr) -> Result<(Target, Duration)> {
        let address = free_address()?;
        let config = self.dir.join("tollgate.yaml");
        std::fs::write(&config, gateway_config(address, mock) + &self.sections)?;
        let log = self.dir.join("tollgate.log");
        let output = File::create(&log)?;
        let mut command = Command::new(&self.gateway);
        command
            .arg("--listen")
            .arg(address.to_string())
            .arg("--config")
            .arg(config)
            // Where what it keeps goes, unless it is told otherwise.
            .current_dir(&self.dir)
            // Keys in the environment would register providers that the configuration does not name.
            .env_clear()
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            // A file and not nothing, because writing the log is part of the work.
            .stdout(output)
            .kill_on_drop(true);
        let start = Instant::now();
        let mut child = command.spawn()?;
        while probe::get(address, "/health") != Some(200) {
            if child.try_wait()?.is_some() || start.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                let tail = log.lines().rev().take(5).collect::<Vec<_>>().join("\n  ");
                return Err(format!("the gateway did not start; the end of its log, last line first:\n  {tail}").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = start.elapsed();
        Ok((Target::new("tollgate", address).owning(child), took))
    }
}

impl Target {
    fn new(name: &str, address: SocketAddr) -> Self {
        let (name, prefix, headers) = (name.to_owned(), String::new(), HeaderMap::new());
        Self { name, address, prefix, headers, process: None, child: None }
    }

    fn owning(mut self, child: Child) -> Self {
        self.process = child.id().map(Process::tree);
        self.child = Some(child);
        self
    }

    /// A gateway that runs already. Its process tree is read anew for each workload, as workers may come and go.
    pub(super) fn peer(peer: &Peer) -> Self {
        Self {
            prefix: peer.prefix.clone(),
            headers: peer.headers.clone(),
            process: peer.pid.map(Process::tree),
            ..Self::new(&peer.name, peer.address)
        }
    }

    /// A chat request to it, whose answer may be anything.
    pub(super) fn call(&self, body: Bytes) -> Call {
        let path = format!("{}/v1/chat/completions", self.prefix);
        Call {
            address: self.address,
            uri: Uri::try_from(path).expect("the prefix was part of a URL"),
            headers: Call::headers(self.address, &self.headers),
            body,
            expect: Expect::Whole { bytes: 0 },
        }
    }

    /// The most memory so far: of our own children the kernel's record, of a peer, whose record may be from before,
    /// what was sampled.
    pub(super) fn rss_max(&self, sampled: u64) -> Option<u64> {
        let process = self.process.as_ref()?;
        Some(if self.child.is_some() { sampled.max(process.rss_peak()) } else { sampled })
    }
}

fn gateway_config(listen: SocketAddr, mock: SocketAddr) -> String {
    format!(
        "listen: {listen}
providers:
  mock:
    kind: openai
    base_url: http://{mock}/v1
    api_key: bench
    models: [mock-model]
"
    )
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
