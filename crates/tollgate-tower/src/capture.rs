//! Hands on what a client said and what it was answered, for somebody who keeps it.
//!
//! A [`Sink`] says which requests it wants, and gets a [`Captured`] of each when the answer has ended, failed, or its client
//! has gone. Bodies are copied as far as the limit goes and no further, so that a long stream costs no more than a short
//! one. A pass-through is never captured: what it carries is known to its provider alone, credentials of other services
//! among it.
//!
//! Put it outside of whatever changes a body that clients see.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};
use tollgate_core::{Body, BoxFuture, Context, Error, Head, Operation, Request, Response, boxed};
use tower_layer::Layer;
use tower_service::Service;

/// Takes captures. It is called where requests pass, so whatever takes time has to be done elsewhere.
pub trait Sink: Send + Sync {
    /// Whether a request is wanted at the moment, besides the share that the layer takes.
    fn wants(&self, request: &Request) -> bool;

    /// Takes a request and its answer.
    fn take(&self, captured: Captured);
}

/// A request and its answer, as far as they were seen. What it holds is as the client said it: nothing is taken out yet.
#[non_exhaustive]
pub struct Captured {
    /// What was asked for.
    pub operation: Operation,
    /// What was read of the request.
    pub head: Arc<Head>,
    /// Who asked, and what was observed.
    pub context: Context,
    /// The request's headers that may travel; credentials are not among them.
    pub request_headers: HeaderMap,
    /// The beginning of the request's body.
    pub request: Part,
    /// The answer's status; `None` if there was no answer before the client went away.
    pub status: Option<StatusCode>,
    /// The answer's headers.
    pub response_headers: HeaderMap,
    /// The beginning of the answer's body. Errors have none, because the doors write them.
    pub response: Part,
}

/// The beginning of a body.
#[derive(Clone, Default)]
pub struct Part {
    /// Its first bytes.
    pub seen: Vec<u8>,
    /// How many bytes it had, or had until it broke off.
    pub bytes: u64,
}

/// Makes [`Capture`]. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct CaptureLayer<K> {
    sink: K,
    share: f64,
    max_body: usize,
}

/// Hands requests and answers on. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Capture<S, K> {
    inner: S,
    layer: CaptureLayer<K>,
}

/// How much of a body is copied unless somebody says otherwise.
const MAX_BODY: usize = 64 * 1024;

// === impl CaptureLayer ===

impl<K> CaptureLayer<K> {
    /// Hands everything that it wants to a sink, usually an `Arc` of one.
    #[must_use]
    pub fn new(sink: K) -> Self {
        Self { sink, share: 1.0, max_body: MAX_BODY }
    }

    /// Sets which share of requests is captured, from 0 to 1; which ones is left to chance. Defaults to all.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// Sets how many bytes of a request's body, and of an answer's, are copied. Defaults to 64 KiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }
}

impl<S, K: Clone> Layer<S> for CaptureLayer<K> {
    type Service = Capture<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Capture { inner, layer: self.clone() }
    }
}

impl<S, K> Service<Request> for Capture<S, K>
where
    S: Service<Request, Response = Response, Error = Error>,
    S::Future: Send + 'static,
    K: Sink + Clone + Unpin + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let CaptureLayer { sink, share, max_body } = &self.layer;
        let is_wanted = request.operation != Operation::Passthrough && fastrand::f64() < *share && sink.wants(&request);
        if !is_wanted {
            return boxed(self.inner.call(request));
        }
        let mut owed = Owed::of(&request, sink.clone(), *max_body);
        let calling = self.inner.call(request);
        Box::pin(async move {
            match calling.await {
                Ok(response) => Ok(owed.answered(response)),
                Err(error) => {
                    owed.failed(&error);
                    Err(error)
                }
            }
        })
    }
}

// === impl Owed ===

/// A capture that is handed on when this is dropped.
struct Owed<K: Sink> {
    sink: K,
    max_body: usize,
    /// Taken when it is handed on, and not before.
    captured: Option<Box<Captured>>,
}

impl<K: Sink + Unpin + 'static> Owed<K> {
    fn of(request: &Request, sink: K, max_body: usize) -> Self {
        let mut captured = Captured {
            operation: request.operation,
            head: request.head.clone(),
            context: request.context.clone(),
            request_headers: request.headers.clone(),
            request: Part::default(),
            status: None,
            response_headers: HeaderMap::new(),
            response: Part::default(),
        };
        captured.request.add(&request.body, max_body);
        Self { sink, max_body, captured: Some(Box::new(captured)) }
    }

    fn failed(&mut self, error: &Error) {
        if let Some(captured) = &mut self.captured {
            captured.status = Some(error.status());
        }
    }

    fn answered(mut self, response: Response) -> Response {
        if let Some(captured) = &mut self.captured {
            captured.status = Some(response.status);
            captured.response_headers = response.headers.clone();
        }
        match response.body.as_whole() {
            Some(bytes) => {
                self.passed(bytes);
                response
            }
            None => response.map_body(|body| Body::arriving(Copied { body, owed: self })),
        }
    }
}

impl<K: Sink> Owed<K> {
    /// A piece of the answer goes to the client.
    fn passed(&mut self, bytes: &[u8]) {
        if let Some(captured) = &mut self.captured {
            captured.response.add(bytes, self.max_body);
        }
    }
}

impl<K: Sink> Drop for Owed<K> {
    fn drop(&mut self) {
        if let Some(captured) = self.captured.take() {
            self.sink.take(*captured);
        }
    }
}

/// A body whose beginning is copied as it passes. The body goes first when both are dropped, so that what it notes last is
/// in what is handed on.
struct Copied<K: Sink> {
    body: Body,
    owed: Owed<K>,
}

impl<K: Sink + Unpin> http_body::Body for Copied<K> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            this.owed.passed(bytes);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Part ===

impl Part {
    fn add(&mut self, bytes: &[u8], limit: usize) {
        let room = limit.saturating_sub(self.seen.len()).min(bytes.len());
        self.seen.extend_from_slice(&bytes[..room]);
        self.bytes += bytes.len() as u64;
    }
}

impl fmt::Debug for Part {
    /// Leaves out what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} of {} bytes)", self.seen.len(), self.bytes)
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("context", &self.context)
            .field("request", &self.request)
            .field("response", &self.response)
            .finish_non_exhaustive()
    }
}

impl<K: Sink + ?Sized> Sink for Arc<K> {
    fn wants(&self, request: &Request) -> bool {
        (**self).wants(request)
    }

    fn take(&self, captured: Captured) {
        (**self).take(captured);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http_body_util::BodyExt;
    use tollgate_core::ErrorKind;
    use tower::{Layer as _, ServiceExt, service_fn};

    use super::*;
    use crate::test_helpers::{chat, streaming};

    #[derive(Default)]
    struct Shelf(Mutex<Vec<Captured>>);

    impl Sink for Shelf {
        fn wants(&self, request: &Request) -> bool {
            request.head.model_name() == Some("known")
        }

        fn take(&self, captured: Captured) {
            self.0.lock().expect("no panic").push(captured);
        }
    }

    impl Shelf {
        #[track_caller]
        fn only(&self) -> Captured {
            let mut all = self.0.lock().expect("no panic");
            assert_eq!(all.len(), 1);
            all.remove(0)
        }
    }

    fn text(part: &Part) -> &str {
        str::from_utf8(&part.seen).expect("is text")
    }

    #[tokio::test]
    async fn a_whole_answer() {
        let shelf = Arc::new(Shelf::default());
        let inner = service_fn(|_: Request| async { Ok::<_, Error>(Response::new("{\"a\":1}".into())) });
        CaptureLayer::new(shelf.clone()).max_body(5).layer(inner).oneshot(chat()).await.expect("answers");
        let captured = shelf.only();
        assert_eq!((text(&captured.request), captured.request.bytes), ("{\"mod", 17));
        assert_eq!((text(&captured.response), captured.response.bytes), ("{\"a\":", 7));
        assert_eq!(captured.status, Some(StatusCode::OK));
    }

    #[tokio::test]
    async fn a_stream_that_is_read_to_its_end() {
        let shelf = Arc::new(Shelf::default());
        let layer = CaptureLayer::new(shelf.clone()).max_body(12);
        let response = layer.layer(streaming()).oneshot(chat()).await.expect("answers");
        assert!(shelf.0.lock().expect("no panic").is_empty(), "not before the end");
        let seen = response.body.collect().await.expect("ends well").to_bytes();
        assert_eq!(seen, "data: x\n\ndata: x\n\n");
        let captured = shelf.only();
        assert_eq!((text(&captured.response), captured.response.bytes), ("data: x\n\ndat", 18));
    }

    #[tokio::test]
    async fn a_client_that_goes_away() {
        let shelf = Arc::new(Shelf::default());
        let mut response = CaptureLayer::new(shelf.clone()).layer(streaming()).oneshot(chat()).await.expect("answers");
        response.body.frame().await.expect("a piece").expect("is well");
        drop(response);
        assert_eq!(text(&shelf.only().response), "data: x\n\n");
        let inner = service_fn(|_: Request| std::future::pending::<Result<Response, Error>>());
        let calling = CaptureLayer::new(shelf.clone()).layer(inner).oneshot(chat());
        tokio::time::timeout(std::time::Duration::from_millis(1), calling).await.expect_err("hangs");
        assert_eq!(shelf.only().status, None);
    }

    #[tokio::test]
    async fn a_failure() {
        let shelf = Arc::new(Shelf::default());
        let inner = service_fn(|_: Request| async { Err::<Response, _>(Error::new(ErrorKind::ModelNotFound, "no")) });
        CaptureLayer::new(shelf.clone()).layer(inner).oneshot(chat()).await.expect_err("fails");
        assert_eq!(shelf.only().status, Some(StatusCode::NOT_FOUND));
    }

    #[tokio::test]
    async fn what_is_not_wanted() {
        let shelf = Arc::new(Shelf::default());
        let inner = service_fn(|_: Request| async { Ok::<_, Error>(Response::new("{}".into())) });
        let passthrough = Request { operation: Operation::Passthrough, ..chat() };
        let mut unknown = chat();
        unknown.head = Arc::default();
        for (request, share) in [(passthrough, 1.0), (unknown, 1.0), (chat(), 0.0)] {
            CaptureLayer::new(shelf.clone()).share(share).layer(inner).oneshot(request).await.expect("answers");
        }
        assert!(shelf.0.lock().expect("no panic").is_empty());
        for _ in 0..400 {
            CaptureLayer::new(shelf.clone()).share(0.5).layer(inner).oneshot(chat()).await.expect("answers");
        }
        // Half of 400, and ten deviations to either side.
        assert!((100..=300).contains(&shelf.0.lock().expect("no panic").len()));
    }
}
