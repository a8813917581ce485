//! A client: one connection for each call, and hardly anything is read before it is asked for.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::PATIENCE;

/// A request to be sent.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct Call {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    http2: bool,
    patience: Duration,
}

/// An answer whose body is read step by step. Dropping it closes the connection.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    /// What came after the last event that was returned.
    rest: BytesMut,
    patience: Duration,
    _connection: Connection,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

// === impl Call ===

impl Call {
    /// A request of any method.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            http2: false,
            patience: PATIENCE,
        }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// A `POST` of JSON, or of anything that calls itself JSON.
    #[allow(clippy::needless_pass_by_value, reason = "so that tests can give texts, values and references alike")]
    pub fn post(url: impl Into<String>, body: impl ToString) -> Self {
        Self::new(Method::POST, url).header("content-type", "application/json").body(body.to_string())
    }

    /// Adds a header.
    ///
    /// # Panics
    /// If it cannot be one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// Adds `Authorization: Bearer`.
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Speaks HTTP/2, without TLS and without asking first. Giving the call up then ends its stream, not the connection.
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Sends it and waits for the head of the answer.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.url);
        self.try_send().await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends it; a connection that fails is an error.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn try_send(self) -> Result<Answer, Failure> {
        let uri: Uri = self.url.parse()?;
        let authority = uri.authority().ok_or("the address names no host")?.clone();
        let socket = TcpStream::connect(authority.as_str()).await?;
        socket.set_nodelay(true)?;
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.headers_mut() = self.headers;
        let (connection, response) = if self.http2 {
            *request.uri_mut() = uri;
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await?;
            let connection = Connection::keep(connection);
            (connection, tokio::time::timeout(self.patience, sender.send_request(request)).await)
        } else {
            *request.uri_mut() = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
            if !request.headers().contains_key("host") {
                request.headers_mut().insert("host", authority.as_str().parse()?);
            }
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
            let connection = Connection::keep(connection);
            (connection, tokio::time::timeout(self.patience, sender.send_request(request)).await)
        };
        let (head, body) = response??.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            rest: BytesMut::new(),
            patience: self.patience,
            _connection: connection,
        })
    }
}

/// The task that moves a connection's bytes; the connection closes with it.
struct Connection(tokio::task::JoinHandle<()>);

impl Connection {
    fn keep<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        // Its errors reach whoever reads the body.
        Self(tokio::spawn(async move { drop(connection.await) }))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Answer ===

impl Answer {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// If the body breaks off.
    ///
    /// # Panics
    /// If nothing comes for too long.
    pub async fn try_chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = tokio::time::timeout(self.patience, self.body.frame()).await;
            match frame.expect("a piece of the body in time") {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The next event of a stream, without the blank line that ends it; `None` at the end of the stream.
    ///
    /// # Panics
    /// If the body breaks off, or ends within an event.
    pub async fn event(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|window| window == b"\n\n") {
                let event = self.rest.split_to(end + 2);
                return Some(String::from_utf8(event[..end].to_vec()).expect("events are UTF-8"));
            }
            match self.try_chunk().await.expect("a body that does not break off") {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None => {
                    assert!(self.rest.is_empty(), "the stream ends within an event: {:?}", self.rest);
                    return None;
                }
            }
        }
    }

    /// All the rest of the body.
    ///
    /// # Errors
    /// If the body breaks off.
    pub async fn try_bytes(mut self) -> Result<Bytes, Failure> {
        let mut all = std::mem::take(&mut self.rest);
        while let Some(piece) = self.try_chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// All the rest of the body.
    ///
    /// # Panics
    /// If the body breaks off.
    pub async fn bytes(self) -> Bytes {
        self.try_bytes().await.expect("a body that does not break off")
    }

    /// All the rest of the body as text.
    ///
    /// # Panics
    /// If the body breaks off or is not UTF-8.
    pub async fn text(self) -> String {
        String::from_utf8(self.bytes().await.to_vec()).expect("the body is UTF-8")
    }

    /// All the rest of the body as JSON.
    ///
    /// # Panics
    /// If the body breaks off or is not JSON.
    pub async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("headers", &self.headers).finish_non_exhaustive()
    }
}
