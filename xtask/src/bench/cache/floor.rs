//! The floor of the cache: a table of answers behind hyper, and nothing else.
//!
//! It reads a body, looks it up byte for byte, and sends the bytes that it has for it: no parsing, no scopes, no ages, no
//! names, no log, no bound. What it does not have it asks its upstream once. In the benchmark that is the gateway itself, so
//! both send the same answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};

use crate::Result;
use crate::bench::load::{Call, Connection, Expect};
use crate::bench::serve::serve;

/// Where to listen and whom to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Who is asked for what is not in the table.
    #[arg(long)]
    upstream: SocketAddr,
}

/// Answers by the bodies of their requests.
type Table = Arc<RwLock<HashMap<Bytes, Answer>>>;

#[derive(Clone)]
struct Answer {
    content_type: HeaderValue,
    body: Bytes,
}

/// Runs the table until it is killed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (table, upstream) = (Table::default(), args.upstream);
    // The same kind of runtime that the gateway has, so that the two differ in their work alone.
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(args.listen, move |request| answer(table.clone(), upstream, request)))
}

async fn answer(
    table: Table,
    upstream: SocketAddr,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(plain(StatusCode::BAD_REQUEST)) };
    let body = body.to_bytes();
    let known = table.read().unwrap_or_else(PoisonError::into_inner).get(&body).cloned();
    if let Some(answer) = known {
        return Ok(answer.into());
    }
    let headers = Call::headers(upstream, &hyper::HeaderMap::new());
    let expect = Expect::Whole { bytes: 0 };
    let call = Call { address: upstream, uri: parts.uri, headers, body: body.clone(), expect };
    let Ok(fetched) = Connection::default().fetch(&call).await else { return Ok(plain(StatusCode::BAD_GATEWAY)) };
    let content_type = fetched.headers().get(CONTENT_TYPE).cloned();
    let Some(content_type) = content_type.filter(|_| fetched.status() == StatusCode::OK) else {
        return Ok(plain(StatusCode::BAD_GATEWAY));
    };
    let answer = Answer { content_type, body: fetched.into_body() };
    table.write().unwrap_or_else(PoisonError::into_inner).insert(body, answer.clone());
    Ok(answer.into())
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(Full::new(answer.body));
        response.headers_mut().insert(CONTENT_TYPE, answer.content_type);
        response
    }
}
