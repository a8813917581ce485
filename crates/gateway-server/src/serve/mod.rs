//! Listens, serves connections, and stops without cutting anybody off.

mod connection;
mod stall;
mod worker;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use self::worker::Workers;
use crate::app::App;
use crate::gateway::Gateway;
use crate::{managed, reloading};

/// How long to wait when no connection can be accepted, usually because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the process is told to stop, by SIGTERM or SIGINT.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn run(gateway: Arc<Gateway>) -> io::Result<()> {
    let address = gateway.current().config.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    announce(&gateway, listener.local_addr()?);
    gateway.warm_up();
    let watching = tokio::spawn(reloading::run(gateway.clone()));
    let (stop, stopped) = watch::channel(false);
    let settings = {
        let gateway = gateway.clone();
        move || managed_settings(&gateway)
    };
    let managing = tokio::spawn(managed::run(gateway.managed.clone(), settings, stopped));
    let signals = stop_signals()?;
    let served = serve(gateway, listener, nth(signals.clone(), 1), nth(signals, 2)).await;
    watching.abort();
    // What is owed to the database is written last, when no request can owe it more.
    stop.send_replace(true);
    if let Err(error) = managing.await {
        tracing::error!(%error, "what is owed to the database may not be written");
    }
    served?;
    Ok(())
}

/// Serves a listener until `stop` completes. Then no connection is accepted any more, and those that are open may finish
/// what they are at, for as long as the configuration says or until `now` completes.
///
/// # Errors
/// If the threads that serve cannot be started.
pub async fn serve(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
    now: impl Future<Output = ()>,
) -> io::Result<()> {
    let settings = connection::Settings::of(&gateway.current().config);
    let workers = Workers::start(&App::new(gateway.clone()), settings)?;
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    prepare(&stream);
                    workers.take(stream, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    gateway.start_draining();
    let grace = gateway.current().config.shutdown.grace.get();
    tracing::info!(connections = workers.connections(), ?grace, "stopping");
    let mut workers = workers.finish();
    tokio::select! {
        () = workers.finished() => tracing::info!("all connections have finished"),
        () = tokio::time::sleep(grace) => tracing::warn!("the grace period is over; what is left is cut off"),
        () = now => tracing::warn!("told to stop again; what is left is cut off"),
    }
    // Dropping a connection drops its streams, which are accounted as they go.
    workers.cut_off().await;
    Ok(())
}

fn managed_settings(gateway: &Gateway) -> managed::Settings {
    let config = &gateway.current().config;
    managed::Settings {
        poll: config.keys.poll.get(),
        audit_retention: config.keys.audit_retention.map(Into::into),
        capture_retention: config.capture.clone().unwrap_or_default().retention.get(),
    }
}

fn prepare(stream: &TcpStream) {
    // Each event of a stream is a small write of its own and must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
}

/// How many times the process has been told to stop. Counted in one place, because every listener of a signal is told of
/// each.
fn stop_signals() -> io::Result<watch::Receiver<u32>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (count, signals) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            count.send_modify(|count| *count += 1);
        }
    });
    Ok(signals)
}

async fn nth(mut signals: watch::Receiver<u32>, n: u32) {
    if signals.wait_for(|count| *count >= n).await.is_err() {
        // Nobody counts any more, so nobody will tell us to stop.
        std::future::pending::<()>().await;
    }
}

fn announce(gateway: &Gateway, address: SocketAddr) {
    let current = gateway.current();
    let providers: Vec<&str> = current.registry.names().collect();
    tracing::info!(%address, ?providers, "listening on http://{address}");
    if current.config.providers.is_empty() {
        tracing::info!(
            "no provider is configured, so the built-in `demo` answers; set OPENAI_API_KEY or another provider's key \
             to reach a real one"
        );
    }
}
