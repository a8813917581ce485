//! One connection: send a request, read the answer, say whether it was whole and right.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::bench::scan::{Counter, Ending};

/// A request to send over and over.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) address: SocketAddr,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) expect: Expect,
}

/// The least that a right answer holds; a gateway may reword an answer but not shorten it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// A body of at least so many bytes.
    Whole { bytes: u64 },
    /// At least so many events and `[DONE]`.
    Stream { events: u64 },
}

/// A right answer.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) events: u64,
    pub(super) first_token: Option<Duration>,
}

/// What was wrong with an answer.
#[derive(Debug)]
pub(in crate::bench) enum Failure {
    Connect(std::io::Error),
    Broken(hyper::Error),
    Status(u16),
    Short(u64),
    Unfinished(u64),
    Timeout,
    Overrun,
}

/// A connection that is opened when first needed and again after it was closed.
#[derive(Debug, Default)]
pub(in crate::bench) struct Connection {
    sender: Option<SendRequest<Full<Bytes>>>,
}

// === impl Call ===

impl Call {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// The headers every request carries; `extra` wins over them.
    pub(crate) fn headers(address: SocketAddr, extra: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let host = HeaderValue::try_from(address.to_string()).expect("an address is plain ASCII");
        headers.insert(header::HOST, host);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer bench"));
        headers.extend(extra.clone());
        headers
    }
}

// === impl Connection ===

impl Connection {
    /// Connects now, so that a measurement does not begin with a handshake.
    pub(in crate::bench) async fn open(
        &mut self,
        address: SocketAddr,
    ) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            self.sender = None;
        }
        match &mut self.sender {
            Some(sender) => Ok(sender),
            empty => Ok(empty.insert(connect(address).await?)),
        }
    }

    /// Sends the call and reads the answer to its end. `on_gap` hears the time between two reads of a stream.
    pub(super) async fn send(
        &mut self,
        call: &Call,
        timeout: Duration,
        on_gap: impl FnMut(Duration),
    ) -> Result<Reply, Failure> {
        let outcome = tokio::time::timeout(timeout, self.exchange(call, on_gap)).await;
        let outcome = outcome.unwrap_or(Err(Failure::Timeout));
        if outcome.is_err() {
            // An answer that was not read to its end would be in the way of the next.
            self.sender = None;
        }
        outcome
    }

    /// Sends the call and gives the whole answer, whatever it is.
    pub(in crate::bench) async fn fetch(&mut self, call: &Call) -> crate::Result<Response<Bytes>> {
        let sender = self.open(call.address).await.map_err(|failure| failure.to_string())?;
        let (parts, body) = sender.send_request(call.request()).await?.into_parts();
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    }

    async fn exchange(&mut self, call: &Call, on_gap: impl FnMut(Duration)) -> Result<Reply, Failure> {
        let start = Instant::now();
        let sender = self.open(call.address).await?;
        let response = sender.send_request(call.request()).await.map_err(Failure::Broken)?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status().as_u16()));
        }
        match call.expect {
            Expect::Whole { bytes } => read_whole(response, bytes).await,
            Expect::Stream { events } => read_stream(response, events, start, on_gap).await,
        }
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await.map_err(Failure::Connect)?;
    stream.set_nodelay(true).map_err(Failure::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Broken)?;
    // Errors of the connection also reach whoever waits for an answer on it.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

async fn read_whole(response: Response<Incoming>, least: u64) -> Result<Reply, Failure> {
    let mut body = response.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Failure::Broken)?;
        length += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    if length < least { Err(Failure::Short(length)) } else { Ok(Reply::default()) }
}

async fn read_stream(
    response: Response<Incoming>,
    least: u64,
    start: Instant,
    mut on_gap: impl FnMut(Duration),
) -> Result<Reply, Failure> {
    let mut body = response.into_body();
    let (mut events, mut ending) = (Counter::events(), Ending::default());
    let (mut first_token, mut last) = (None, None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Failure::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        events.feed(data);
        ending.feed(data);
        let now = Instant::now();
        if let Some(last) = last.replace(now) {
            on_gap(now - last);
        }
        if first_token.is_none() && events.count > 0 {
            first_token = Some(now - start);
        }
    }
    if ending.is_done() && events.count >= least {
        Ok(Reply { events: events.count, first_token })
    } else {
        Err(Failure::Unfinished(events.count))
    }
}

// === impl Failure ===

impl Failure {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Broken(_) => "broken",
            Self::Status(_) => "status",
            Self::Short(_) => "short",
            Self::Unfinished(_) => "unfinished",
            Self::Timeout => "timeout",
            Self::Overrun => "overrun",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Broken(error) => write!(f, "connection broke: {error}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Short(bytes) => write!(f, "a body of only {bytes} bytes"),
            Self::Unfinished(events) => write!(f, "the stream stopped after {events} events without [DONE]"),
            Self::Timeout => f.write_str("no complete answer in time"),
            Self::Overrun => f.write_str("too many requests in flight to send another"),
        }
    }
}
