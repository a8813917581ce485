//! One connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;

use super::stall::StallGuard;
use crate::app::App;
use crate::config::Config;

/// How long a client may take to send the head of a request, which is also how long a connection may be idle between two.
/// Longer than the 60 seconds of the usual load balancers: whoever closes first must not be the one that is still sent to.
const HEADER_TIME: Duration = Duration::from_secs(90);

/// What connections take from the configuration when the server starts.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    max_headers: usize,
    stall: Duration,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        // hyper's buffer has at least 8 KiB.
        Self { max_headers: config.limits.max_headers.as_usize().max(8 * 1024), stall: config.timeouts.idle.get() }
    }
}

pub(super) async fn serve(app: App, stream: TcpStream, peer: SocketAddr, settings: Settings, watcher: Watcher) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(settings.max_headers)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(settings.max_headers).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30));
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.serve(request, peer).await) }
    });
    let io = TokioIo::new(StallGuard::new(stream, settings.stall));
    let connection = builder.serve_connection(io, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        // A client that goes away in the middle is a matter of course; its request has its own record.
        tracing::debug!(%error, "connection ended early");
    }
}
