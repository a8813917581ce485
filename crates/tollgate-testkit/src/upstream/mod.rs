//! A provider that does what a test says.

mod reply;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

pub use reply::{Gate, Reply, Step};

use crate::eventually;

/// An HTTP/1.1 server on a loopback port, in a thread of its own so that a test that blocks cannot stop it. Ends when
/// dropped.
pub struct Upstream {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its method.
    pub method: Method,
    /// Its target, query included, as it was on the wire.
    pub path_and_query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, chunks joined.
    pub body: Bytes,
}

pub(crate) type Handler = dyn Fn(&Received) -> Reply + Send + Sync;

pub(crate) struct State {
    handler: Box<Handler>,
    requests: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    answering: AtomicUsize,
    aborted: AtomicUsize,
}

// === impl Upstream ===

impl Upstream {
    /// Starts a server that answers as `handler` says.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            handler: Box::new(handler),
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
            answering: AtomicUsize::new(0),
            aborted: AtomicUsize::new(0),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("sockets can be non-blocking");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel();
        let served = state.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            // Leaving this block drops the runtime, and with it every connection.
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener of the runtime");
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, served) => {}
                }
            });
        });
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Starts a server that gives these replies, one to each request, and then the last one for ever.
    ///
    /// # Panics
    /// If there are no replies.
    pub fn sequence(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "a sequence needs a reply");
        let next = AtomicUsize::new(0);
        Self::start(move |_| {
            let index = next.fetch_add(1, Ordering::SeqCst).min(replies.len() - 1);
            replies[index].clone()
        })
    }

    /// Starts a server that gives this reply to everything.
    #[must_use]
    pub fn always(reply: Reply) -> Self {
        Self::sequence([reply])
    }

    /// Its address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base address of an OpenAI-compatible API, `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.url())
    }

    /// All requests so far, in the order in which they were complete.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until there were `count` requests and returns them.
    ///
    /// # Panics
    /// If they do not come.
    pub async fn wait_requests(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} requests at the upstream"), || {
            Some(self.requests()).filter(|requests| requests.len() >= count)
        })
        .await
    }

    /// The only request so far.
    ///
    /// # Panics
    /// If there is none, or another.
    #[must_use]
    pub fn only_request(&self) -> Received {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests at the upstream: {requests:#?}");
        requests.remove(0)
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many answers have been begun and not ended.
    #[must_use]
    pub fn answering(&self) -> usize {
        self.state.answering.load(Ordering::SeqCst)
    }

    /// How many answers the peer did not wait for.
    #[must_use]
    pub fn aborted(&self) -> usize {
        self.state.aborted.load(Ordering::SeqCst)
    }

    /// Stops at once: open connections break, later ones are refused.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if it was one, is in the output already.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(wire::serve(socket, state.clone()));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}

// === impl Received ===

impl Received {
    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A port that is taken but refuses connections for as long as this lives.
#[derive(Debug)]
pub struct Refusing {
    socket: TcpSocket,
}

impl Refusing {
    /// Takes a port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        // Bound but not listening: nobody else gets the port, and the system refuses who connects.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        Self { socket }
    }

    /// The base address of the API that is not there.
    ///
    /// # Panics
    /// Never; the socket is bound.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.socket.local_addr().expect("a bound socket has an address"))
    }
}

/// A port that takes no more connections: whoever connects waits.
#[derive(Debug)]
pub struct Deaf {
    address: SocketAddr,
    /// The listener and what fills its queue.
    _held: (TcpListener, Vec<TcpStream>),
}

impl Deaf {
    /// Takes a port and fills its queue.
    ///
    /// # Panics
    /// If there is no port, or no end to the queue.
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut waiting = Vec::new();
        // The system drops the packets of those that find no place in the queue.
        while let Ok(connected) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(connected.expect("a place in the queue"));
            assert!(waiting.len() < 1000, "the queue has no end");
        }
        Self { address, _held: (listener, waiting) }
    }

    /// The base address of the API that does not answer.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}
