//! The client.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{Request, Response, Uri};
use bytes::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tollgate_core::{Body, BoxError, BoxFuture};
use tower_service::Service;

use super::error::{ConnectTimeout, HttpError};
use crate::tls;

/// Sends requests. Clones share their pool of connections.
///
/// A connection is driven by a task of the runtime that opened it, so each runtime had better have a client of its own.
#[derive(Clone)]
pub struct HttpClient(Client<Deadlined, Body>);

/// The body of an answer, as it arrives.
#[derive(Debug)]
pub struct Incoming(hyper::body::Incoming);

/// Builds an [`HttpClient`].
#[derive(Clone, Debug)]
#[must_use = "a client is made by `build`"]
pub struct HttpClientBuilder {
    connect_timeout: Duration,
    max_headers: usize,
    tls: bool,
}

/// A connector with a limit on the whole of connecting; the one of `HttpConnector` leaves TLS out.
#[derive(Clone)]
struct Deadlined {
    inner: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

// === impl HttpClient ===

impl HttpClient {
    /// A client with defaults to change.
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder { connect_timeout: Duration::from_secs(10), max_headers: 64 * 1024, tls: true }
    }

    /// Sends a request; completes when the head of the response is here.
    ///
    /// # Errors
    /// If the server cannot be reached, closes the connection, or answers something that is not HTTP.
    pub async fn request(&self, request: Request<Body>) -> Result<Response<Incoming>, HttpError> {
        let answer = self.0.request(request).await.map_err(|error| HttpError::of(error.is_connect(), error.into()))?;
        Ok(answer.map(Incoming))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}

// === impl HttpClientBuilder ===

impl HttpClientBuilder {
    /// Sets how long a connection may take to be ready, TLS included. Defaults to 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how many bytes the head of a response may have, at least 8 KiB. Defaults to 64 KiB.
    pub fn max_headers(mut self, bytes: usize) -> Self {
        self.max_headers = bytes.max(8 * 1024);
        self
    }

    /// Sets whether `https` servers will be talked to. Defaults to true; without it the system's trusted roots are not read.
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Reads the trusted roots now, if they will be needed, and not for the first client that is built.
    pub fn read_roots(&self) {
        if self.tls {
            let _ = tls::system();
        }
    }

    /// The client.
    #[must_use]
    pub fn build(&self) -> HttpClient {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // A request is written in two pieces, head and body; Nagle's algorithm would hold the second back until the
        // first is acknowledged, 40 ms with a delaying peer.
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(if self.tls { tls::system().clone() } else { tls::nobody() }.into())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(256)
            .http1_max_buf_size(self.max_headers)
            .http2_adaptive_window(false)
            .http2_initial_stream_window_size(256 * 1024)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .build(Deadlined { inner: https, timeout: self.connect_timeout });
        HttpClient(client)
    }
}

// === impl Incoming ===

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, HttpError>>> {
        Pin::new(&mut self.get_mut().0).poll_frame(cx).map_err(|error| HttpError::of(false, error.into()))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

// === impl Deadlined ===

impl Service<Uri> for Deadlined {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectTimeout.into()),
            }
        })
    }
}
