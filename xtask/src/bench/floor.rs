//! The floor: the barest reverse proxy that hyper can make.
//!
//! It forwards bodies both ways as they come, drops hop-by-hop headers, and does nothing else: no routing, no parsing,
//! no logging, no limits. Whatever a gateway costs beyond this is what its features cost; whatever this costs is the
//! price of two HTTP/1.1 sockets under tokio.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::serve::serve;
use crate::Result;

/// Where to listen and where to forward.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Scheme and authority only, such as http://127.0.0.1:9000.
    #[arg(long)]
    upstream: Uri,
}

type Upstream = Client<HttpConnector, Incoming>;
type Reply = Response<Either<Incoming, Empty<Bytes>>>;

/// Headers that concern one connection and must not cross a proxy (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Runs the proxy until it is killed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let upstream = args.upstream.authority().ok_or("--upstream needs a host and a port")?.clone();
    // The same kind of runtime that the gateway has, so that the two differ in their work alone.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Upstream = Client::builder(TokioExecutor::new()).build(connector);
        serve(args.listen, move |request| forward(client.clone(), upstream.clone(), request)).await
    })
}

async fn forward(
    client: Upstream,
    upstream: Authority,
    request: Request<Incoming>,
) -> std::result::Result<Reply, Infallible> {
    let (mut parts, body) = request.into_parts();
    let mut target = std::mem::take(&mut parts.uri).into_parts();
    target.scheme = Some(Scheme::HTTP);
    target.authority = Some(upstream);
    let Ok(uri) = Uri::from_parts(target) else {
        return Ok(plain(StatusCode::BAD_REQUEST));
    };
    parts.uri = uri;
    drop_hop_by_hop(&mut parts.headers);
    // The client writes the upstream's own name instead.
    parts.headers.remove(header::HOST);
    match client.request(Request::from_parts(parts, body)).await {
        Ok(mut response) => {
            drop_hop_by_hop(response.headers_mut());
            Ok(response.map(Either::Left))
        }
        Err(_) => Ok(plain(StatusCode::BAD_GATEWAY)),
    }
}

fn plain(status: StatusCode) -> Reply {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    if let Some(named) = headers.get(header::CONNECTION).cloned() {
        let named = named.to_str().unwrap_or_default();
        for name in named.split(',').filter_map(|name| name.trim().parse::<HeaderName>().ok()) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_named_by_connection_go_too() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", "close, X-Hop".parse().unwrap());
        headers.insert("x-hop", "1".parse().unwrap());
        headers.insert("te", "trailers".parse().unwrap());
        headers.insert("x-end", "1".parse().unwrap());
        drop_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-end"]);
    }
}
