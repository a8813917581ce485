//! HTTP to the providers: one pooled client with TLS, without redirects and without decompression.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tollgate_core::{Body, BoxError, Error, ErrorKind};
use tower_service::Service;

/// Sends requests. Clones share their pools of connections.
///
/// Each thread has a pool of its own, because a connection is driven by a task of the runtime that opened it: a request
/// that borrowed a connection from another thread would wake that thread for every step. A runtime of one thread for each
/// core therefore never crosses threads; on a runtime that moves tasks between threads, pools merely hold a little more.
#[derive(Clone)]
pub struct Transport(Arc<Pools>);

struct Pools {
    slots: Box<[OnceLock<Pool>]>,
    settings: TransportBuilder,
}

type Pool = Client<Deadlined<HttpsConnector<HttpConnector>>, Body>;

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
    connect_timeout: Duration,
    max_headers: usize,
    tls: bool,
}

impl Transport {
    /// A transport with defaults to change.
    #[must_use]
    pub fn builder() -> TransportBuilder {
        TransportBuilder { connect_timeout: Duration::from_secs(10), max_headers: 64 * 1024, tls: true }
    }

    /// Sends a request; completes when the head of the response is here.
    ///
    /// # Errors
    /// If the server cannot be reached, closes the connection, or answers something that is not HTTP. The message names
    /// no address; the cause, for logs, may.
    pub async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Error> {
        let response = self.pool().request(request).await.map_err(|error| classify(error.is_connect(), error))?;
        Ok(response.map(|body| Body::arriving(Arriving(body))))
    }

    fn pool(&self) -> &Pool {
        self.0.slots[SLOT.with(|slot| *slot)].get_or_init(|| self.0.settings.pool())
    }
}

impl TransportBuilder {
    /// Sets how long a connection may take to be ready, TLS included. Defaults to 10 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how many bytes the head of a response may have, at least 8 KiB. Defaults to 64 KiB.
    #[must_use]
    pub fn max_headers(mut self, bytes: usize) -> Self {
        self.max_headers = bytes.max(8 * 1024);
        self
    }

    /// Sets whether `https` servers will be talked to. Defaults to true; without it the system's trusted roots, which take
    /// a megabyte and some milliseconds, are not read.
    #[must_use]
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// The transport.
    #[must_use]
    pub fn build(self) -> Transport {
        if self.tls {
            // Read the trusted roots now, and not in the first request.
            tls_config();
        }
        Transport(Arc::new(Pools { slots: (0..SLOTS).map(|_| OnceLock::new()).collect(), settings: self }))
    }

    fn pool(&self) -> Pool {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // A request is written in two pieces, head and body; Nagle's algorithm would hold the second back until the
        // first is acknowledged, 40 ms with a delaying peer.
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(if self.tls {
                tls_config().clone()
            } else {
                config_trusting(rustls::RootCertStore::empty())
            })
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(256)
            .http1_max_buf_size(self.max_headers)
            .http2_adaptive_window(false)
            .http2_initial_stream_window_size(256 * 1024)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .build(Deadlined { inner: https, timeout: self.connect_timeout })
    }
}

/// The TLS configuration, made once: the system's trusted roots are read from disk.
fn tls_config() -> &'static rustls::ClientConfig {
    static CONFIG: OnceLock<rustls::ClientConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let mut roots = rustls::RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            // Images made from nothing have no certificates; Mozilla's list, compiled in, is better than no TLS.
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        config_trusting(roots)
    })
}

fn config_trusting(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    match rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
        Err(error) => unreachable!("ring supports the default protocol versions: {error}"),
    }
}

fn classify(in_connect: bool, error: impl Into<BoxError>) -> Error {
    let error: BoxError = error.into();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(known) = cause {
        if known.is::<ConnectTimeout>() {
            return Error::new(ErrorKind::UpstreamTimeout, "The provider did not accept a connection in time.")
                .with_source(error);
        }
        if let Some(hyper) = known.downcast_ref::<hyper::Error>()
            && hyper.is_parse()
        {
            return Error::new(
                ErrorKind::UpstreamInvalid,
                "The head of the provider's answer is not HTTP, or larger than the limit.",
            )
            .with_source(error);
        }
        cause = known.source();
    }
    let message = if in_connect {
        "The provider could not be reached."
    } else {
        "The provider closed the connection before it answered."
    };
    Error::new(ErrorKind::UpstreamUnreachable, message).with_source(error)
}

/// A response body whose errors are ours.
struct Arriving(hyper::body::Incoming);

impl http_body::Body for Arriving {
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

/// A connector with a limit on the whole of connecting; the one of `HttpConnector` leaves TLS out.
#[derive(Clone)]
struct Deadlined<C> {
    inner: C,
    timeout: Duration,
}

#[derive(Debug)]
struct ConnectTimeout;

impl fmt::Display for ConnectTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting took too long")
    }
}

impl std::error::Error for ConnectTimeout {}

impl<C> Service<Uri> for Deadlined<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(ConnectTimeout.into()),
            }
        })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
