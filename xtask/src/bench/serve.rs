//! The accept loop that the mock and the floor share.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Result;

/// The line that tells a parent process where to connect; the address follows.
pub(super) const READY: &str = "listening on ";

/// Serves HTTP/1.1 on `listen` for ever.
pub(super) async fn serve<H, F, B>(listen: SocketAddr, handle: H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = std::result::Result<Response<B>, Infallible>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<crate::Error>,
{
    let listener = TcpListener::bind(listen).await?;
    println!("{READY}{}", listener.local_addr()?);
    accept(listener, handle).await
}

/// The same on what is bound already, by whoever needs no child process for it.
pub(super) async fn accept<H, F, B>(listener: TcpListener, handle: H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = std::result::Result<Response<B>, Infallible>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<crate::Error>,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely; without the pause the loop would spin until one is free.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Nagle's algorithm would hold a small event back until the peer's delayed acknowledgement, 40 ms later.
        stream.set_nodelay(true)?;
        let handle = handle.clone();
        tokio::spawn(async move {
            // A client that goes away is no concern of this loop.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handle)).await;
        });
    }
}
