//! The threads that serve, one for each core.
//!
//! Each has a runtime of its own and keeps the connections that it is given: a client's connection, the work on its
//! requests and the connections to the providers all stay on one thread. Nothing is handed from thread to thread while a
//! request is served, so no thread wakes another and caches stay warm. A new connection goes to the first thread that has
//! few, or else to the one that has the fewest.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::connection::{self, Settings};
use crate::app::App;

/// A timer that is always the next to fire. Setting a timer that fires before all others wakes the runtime, by a system
/// call, so that it may sleep for less long; every request sets one, for its time limit, and with this none is the first.
const TICK: Duration = Duration::from_millis(500);

/// Up to so many connections a worker is given before the next one gets any. Clients of language models mostly wait, so
/// this many hardly fill a core; one thread that is woken for several of them does the same work in less time than several
/// threads that are woken for one each, and their requests share one pool of connections to each provider.
const FEW: usize = 16;

/// What a worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serve,
    /// Let open connections finish.
    Finish,
    /// Drop them.
    CutOff,
}

/// All workers.
pub(super) struct Workers {
    workers: Vec<Worker>,
    phase: watch::Sender<Phase>,
    /// Closed when the last worker has ended.
    done: mpsc::Receiver<()>,
}

/// Workers that take nothing new.
pub(super) struct Finishing {
    phase: watch::Sender<Phase>,
    done: mpsc::Receiver<()>,
}

struct Worker {
    incoming: mpsc::UnboundedSender<(std::net::TcpStream, SocketAddr)>,
    connections: Arc<AtomicUsize>,
}

impl Workers {
    pub(super) fn start(app: &App, settings: Settings) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (phase, phases) = watch::channel(Phase::Serve);
        let (alive, done) = mpsc::channel(1);
        let workers = (0..cores)
            .map(|number| Worker::start(number, app.clone(), settings, phases.clone(), alive.clone()))
            .collect::<io::Result<_>>()?;
        Ok(Self { workers, phase, done })
    }

    /// Gives a connection to the first worker that has few, or else to the one that has the fewest.
    pub(super) fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let has = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        let roomy = self.workers.iter().find(|worker| has(worker) < FEW);
        let Some(worker) = roomy.or_else(|| self.workers.iter().min_by_key(has)) else { return };
        match stream.into_std() {
            Ok(stream) => {
                worker.connections.fetch_add(1, Ordering::Relaxed);
                // A worker that is gone has panicked; its connections are closed with it.
                let _ = worker.incoming.send((stream, peer));
            }
            Err(error) => tracing::warn!(%error, "a connection cannot be handed over"),
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.workers.iter().map(|worker| worker.connections.load(Ordering::Relaxed)).sum()
    }

    /// Takes nothing new from here on.
    pub(super) fn finish(self) -> Finishing {
        self.phase.send_replace(Phase::Finish);
        Finishing { phase: self.phase, done: self.done }
    }
}

impl Finishing {
    /// Waits until every connection has ended.
    pub(super) async fn finished(&mut self) {
        // Nothing is ever sent; it ends when the last worker drops its end.
        while self.done.recv().await.is_some() {}
    }

    /// Drops the connections that are left and waits for that to be done.
    pub(super) async fn cut_off(mut self) {
        self.phase.send_replace(Phase::CutOff);
        self.finished().await;
    }
}

impl Worker {
    fn start(
        number: usize,
        app: App,
        settings: Settings,
        phases: watch::Receiver<Phase>,
        alive: mpsc::Sender<()>,
    ) -> io::Result<Self> {
        let (incoming, new) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = Serving { app, settings, new, phases, connections: connections.clone() };
        std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            runtime.block_on(serving.run());
            // Whatever a connection left behind is dropped, and accounted, before this worker counts as done.
            drop(runtime);
            drop(alive);
        })?;
        Ok(Self { incoming, connections })
    }
}

/// A worker at work.
struct Serving {
    app: App,
    settings: Settings,
    new: mpsc::UnboundedReceiver<(std::net::TcpStream, SocketAddr)>,
    phases: watch::Receiver<Phase>,
    connections: Arc<AtomicUsize>,
}

impl Serving {
    async fn run(mut self) {
        let graceful = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        let mut finishing = self.phases.clone();
        let finish = reached(&mut finishing, Phase::Finish);
        tokio::pin!(finish);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                () = &mut finish => break,
                _ = tick.tick() => {}
                Some((stream, peer)) = self.new.recv() => self.spawn(&mut tasks, stream, peer, &graceful),
                // Reaps what has ended, so that the set does not grow.
                Some(_) = tasks.join_next() => {}
                else => break,
            }
        }
        // What was accepted before the end was announced is still served.
        while let Ok((stream, peer)) = self.new.try_recv() {
            self.spawn(&mut tasks, stream, peer, &graceful);
        }
        tokio::select! {
            () = graceful.shutdown() => {}
            () = reached(&mut self.phases, Phase::CutOff) => {}
        }
        tasks.shutdown().await;
    }

    fn spawn(
        &self,
        tasks: &mut JoinSet<()>,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        graceful: &GracefulShutdown,
    ) {
        let leaving = Leaving(self.connections.clone());
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                let connection = connection::serve(self.app.clone(), stream, peer, self.settings, graceful.watcher());
                tasks.spawn(async move {
                    let _leaving = leaving;
                    connection.await;
                });
            }
            Err(error) => tracing::warn!(%error, "a connection cannot be taken over"),
        }
    }
}

/// Counts a connection down when it ends, however it ends.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn reached(phases: &mut watch::Receiver<Phase>, phase: Phase) {
    // An error means that whoever would say so is gone, which says the same.
    let _ = phases.wait_for(|now| *now >= phase).await;
}
