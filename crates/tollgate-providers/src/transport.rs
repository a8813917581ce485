//! HTTP to the providers: one pooled client with TLS, without redirects and without decompression.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tollgate_core::{Body, Error, ErrorKind};
use tollgate_remote::http::{HttpClient, HttpClientBuilder, HttpError, Incoming};

/// Sends requests. Clones share their pools of connections.
///
/// Each thread has a pool of its own, because a connection is driven by a task of the runtime that opened it: a request
/// that borrowed a connection from another thread would wake that thread for every step. A runtime of one thread for each
/// core therefore never crosses threads; on a runtime that moves tasks between threads, pools merely hold a little more.
#[derive(Clone)]
pub struct Transport(Arc<Pools>);

struct Pools {
    slots: Box<[OnceLock<HttpClient>]>,
    settings: TransportBuilder,
}

/// Enough for the threads of most servers; beyond that some share a pool.
const SLOTS: usize = 64;

thread_local! {
    static SLOT: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS
    };
}

/// Builds a [`Transport`].
#[derive(Clone, Debug)]
pub struct TransportBuilder {
    client: HttpClientBuilder,
}

impl Transport {
    /// A transport with defaults to change.
    #[must_use]
    pub fn builder() -> TransportBuilder {
        TransportBuilder { client: HttpClient::builder() }
    }

    /// Sends a request; completes when the head of the response is here.
    ///
    /// # Errors
    /// If the server cannot be reached, closes the connection, or answers something that is not HTTP. The message names
    /// no address; the cause, for logs, may.
    pub async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Error> {
        let response = self.pool().request(request).await.map_err(classify)?;
        Ok(response.map(|body| Body::arriving(Answer(body))))
    }

    fn pool(&self) -> &HttpClient {
        self.0.slots[SLOT.with(|slot| *slot)].get_or_init(|| self.0.settings.client.build())
    }
}

impl TransportBuilder {
    /// Sets how long a connection may take to be ready, TLS included. Defaults to 10 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.client = self.client.connect_timeout(timeout);
        self
    }

    /// Sets how many bytes the head of a response may have, at least 8 KiB. Defaults to 64 KiB.
    #[must_use]
    pub fn max_headers(mut self, bytes: usize) -> Self {
        self.client = self.client.max_headers(bytes);
        self
    }

    /// Sets whether `https` servers will be talked to. Defaults to true; without it the system's trusted roots, which take
    /// a megabyte and some milliseconds, are not read.
    #[must_use]
    pub fn tls(mut self, tls: bool) -> Self {
        self.client = self.client.tls(tls);
        self
    }

    /// The transport.
    #[must_use]
    pub fn build(self) -> Transport {
        // Now, and not in the first request.
        self.client.read_roots();
        Transport(Arc::new(Pools { slots: (0..SLOTS).map(|_| OnceLock::new()).collect(), settings: self }))
    }
}

fn classify(error: HttpError) -> Error {
    let (kind, message) = if error.is_connect_timeout() {
        (ErrorKind::UpstreamTimeout, "The provider did not accept a connection in time.")
    } else if error.is_invalid() {
        let message = "The head of the provider's answer is not HTTP, or larger than the limit.";
        (ErrorKind::UpstreamInvalid, message)
    } else if error.is_connect() {
        (ErrorKind::UpstreamUnreachable, "The provider could not be reached.")
    } else {
        (ErrorKind::UpstreamUnreachable, "The provider closed the connection before it answered.")
    };
    Error::new(kind, message).with_source(error)
}

/// A response body whose errors are ours.
struct Answer(Incoming);

impl http_body::Body for Answer {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Error>>> {
        Pin::new(&mut self.get_mut().0).poll_frame(cx).map_err(|error| {
            Error::new(ErrorKind::UpstreamInvalid, "The provider broke off in the middle of its answer.")
                .with_source(error)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
