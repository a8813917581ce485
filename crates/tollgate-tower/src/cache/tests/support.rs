//! A provider that is answered for by hand, and requests to it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tollgate_cache::{AnswerCache, Settings};
use tollgate_core::{
    Body, BoxFuture, CacheDirectives, CacheMode, CacheOutcome, CacheStatus, Context, Error, ErrorKind, Operation,
    Request, Response, Target, Usage,
};
use tollgate_protocols::doors::Doors;
use tollgate_protocols::openai::{HeadLimits, read_head};
use tower_layer::Layer;
use tower_service::Service;

use crate::cache::{Cache, CacheLayer};

/// A provider: every call waits until the test answers it.
#[derive(Clone)]
pub(super) struct Provider(mpsc::UnboundedSender<Call>);

/// The test's end of a provider.
pub(super) struct Calls(mpsc::UnboundedReceiver<Call>);

/// A call that waits for its answer.
pub(super) struct Call {
    pub(super) request: Request,
    reply: oneshot::Sender<Result<Response, Error>>,
}

/// A layer that counts what passes through it.
#[derive(Clone, Default)]
pub(super) struct Counting(pub(super) Arc<AtomicUsize>);

#[derive(Clone)]
pub(super) struct Counted<S>(S, Arc<AtomicUsize>);

pub(super) type Feed = mpsc::UnboundedSender<Result<Bytes, Error>>;

struct Fed(mpsc::UnboundedReceiver<Result<Bytes, Error>>);

pub(super) type Asked = JoinHandle<Result<Response, Error>>;

/// A layer over a provider, and both ends of it.
pub(super) struct Bench {
    pub(super) cache: Arc<AnswerCache>,
    pub(super) service: Cache<Provider, Counted<Provider>>,
    pub(super) calls: Calls,
    pub(super) background: Counting,
}

// === impl Bench ===

impl Bench {
    pub(super) fn exact(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.mode = CacheMode::Exact;
        change(&mut settings);
        Self::over(AnswerCache::builder(settings, Arc::new(Doors)).build())
    }

    pub(super) fn over(cache: AnswerCache) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (cache, background) = (Arc::new(cache), Counting::default());
        let service = CacheLayer::new(cache.clone()).background(background.clone()).layer(Provider(sender));
        Self { cache, service, calls: Calls(receiver), background }
    }

    /// Asks, as a client that waits beside the test.
    pub(super) fn ask(&self, request: &Request) -> Asked {
        tokio::spawn(self.service.clone().call(request.clone()))
    }

    /// Asks, and has the provider answer with a whole text.
    pub(super) async fn ask_and_answer(&mut self, request: &Request, text: &str) -> String {
        let asked = self.ask(request);
        self.calls.next().await.answer(whole(text));
        text_of(asked).await
    }

    /// Asks what is answered without the provider.
    pub(super) async fn served(&mut self, request: &Request) -> String {
        let text = text_of(self.ask(request)).await;
        assert!(self.calls.is_idle(), "the provider was asked");
        text
    }
}

// === impl Calls ===

impl Calls {
    pub(super) async fn next(&mut self) -> Call {
        self.0.recv().await.expect("a call")
    }

    /// A call that is there already.
    pub(super) fn waiting(&mut self) -> Option<Call> {
        self.0.try_recv().ok()
    }

    pub(super) fn is_idle(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

// === impl Call ===

impl Call {
    pub(super) fn answer(self, response: Response) {
        // Whoever asked may have left.
        let _ = self.reply.send(Ok(response));
    }

    pub(super) fn fail(self, kind: ErrorKind) {
        let _ = self.reply.send(Err(Error::new(kind, "The provider failed.")));
    }

    /// Begins a stream, and gives its other end.
    pub(super) fn begin(self) -> Feed {
        let (feed, body) = mpsc::unbounded_channel();
        let mut response = Response::new(Body::arriving(Fed(body)));
        response.headers.insert("content-type", "text/event-stream".parse().expect("a header's value"));
        self.answer(response);
        feed
    }

    pub(super) fn has_been_left(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Service<Request> for Provider {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (reply, answered) = oneshot::channel();
        let sent = self.0.send(Call { request, reply });
        Box::pin(async move {
            let gone = || Error::new(ErrorKind::Internal, "the test has ended");
            sent.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        })
    }
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().0.poll_recv(cx).map(|next| next.map(|piece| piece.map(Frame::data)))
    }
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted(inner, self.0.clone())
    }
}

impl<S: Service<Request>> Service<Request> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.call(request)
    }
}

/// A request as routing leaves it.
pub(super) fn request(operation: Operation, body: &Value) -> Request {
    let text = body.to_string();
    let head = read_head(text.as_bytes(), HeadLimits::default()).expect("a request");
    let mut request = Request::new(operation, head, text.into(), Context::builder("r").build());
    request.target = Some(Target::new("p", "m"));
    request.context.observe(|observed| observed.target.clone_from(&request.target));
    request
}

pub(super) fn chat(text: &str) -> Request {
    let turns = json!([{ "role": "user", "content": text }]);
    request(Operation::ChatCompletions, &json!({ "model": "m", "max_tokens": 50, "messages": turns }))
}

pub(super) fn streamed(text: &str) -> Request {
    let turns = json!([{ "role": "user", "content": text }]);
    request(Operation::ChatCompletions, &json!({ "model": "m", "max_tokens": 50, "stream": true, "messages": turns }))
}

/// The same question in Anthropic's protocol.
pub(super) fn messages(text: &str, stream: bool) -> Request {
    let turns = json!([{ "role": "user", "content": text }]);
    request(Operation::Messages, &json!({ "model": "m", "max_tokens": 50, "stream": stream, "messages": turns }))
}

/// The same question as a request for a response.
pub(super) fn responses(text: &str, stream: bool) -> Request {
    let items = json!([{ "role": "user", "content": text }]);
    request(Operation::Responses, &json!({ "model": "m", "max_output_tokens": 50, "stream": stream, "input": items }))
}

pub(super) fn directed(mut request: Request, direct: impl FnOnce(&mut CacheDirectives)) -> Request {
    let mut directives = CacheDirectives::default();
    direct(&mut directives);
    request.cache = Some(Arc::new(directives));
    request
}

pub(super) fn whole(text: &str) -> Response {
    let message = json!({ "role": "assistant", "content": text });
    let body = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 } });
    let mut response = Response::new(Body::from(Bytes::from(body.to_string())));
    response.headers.insert("content-type", "application/json".parse().expect("a header's value"));
    response
}

pub(super) fn send(feed: &Feed, text: &str) {
    let delta = json!({ "index": 0, "delta": { "content": text }, "finish_reason": null });
    send_raw(feed, &chunk(&delta));
}

/// The rest of a stream.
pub(super) fn finish(feed: &Feed) {
    send_raw(feed, &chunk(&json!({ "index": 0, "delta": {}, "finish_reason": "stop" })));
    send_raw(feed, "data: [DONE]\n\n");
}

fn chunk(choice: &Value) -> String {
    let body = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice] });
    format!("data: {body}\n\n")
}

fn send_raw(feed: &Feed, text: &str) {
    feed.send(Ok(Bytes::from(text.to_owned()))).expect("somebody reads");
}

pub(super) async fn body_of(response: Response) -> String {
    let bytes = response.body.collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.into()).expect("text")
}

pub(super) async fn answered(asked: Asked) -> Response {
    asked.await.expect("no panic").expect("an answer")
}

pub(super) async fn failure(asked: Asked) -> ErrorKind {
    asked.await.expect("no panic").expect_err("a failure").kind()
}

/// What an answer says, in whichever protocol and shape it comes.
pub(super) async fn text_of(asked: Asked) -> String {
    says(&body_of(answered(asked).await).await)
}

pub(super) fn says(body: &str) -> String {
    if let Ok(whole) = serde_json::from_str::<Value>(body) {
        let text = &whole["choices"][0]["message"]["content"];
        return text.as_str().or(whole["content"][0]["text"].as_str()).unwrap_or_default().to_owned();
    }
    let events = body.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let text = |event: Value| {
        let chat = event["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
        chat.or_else(|| event["delta"]["text"].as_str().map(str::to_owned))
    };
    events.filter_map(text).collect()
}

/// What the layer noted of a request.
pub(super) fn outcome(request: &Request) -> CacheOutcome {
    request.context.observed().cache.expect("an outcome")
}

pub(super) fn status(request: &Request) -> (CacheStatus, Option<&'static str>) {
    let outcome = outcome(request);
    (outcome.status, outcome.detail)
}

pub(super) fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

/// Lets whatever goes on beside the test go on until it waits. Nothing here waits for more than the scheduler.
pub(super) async fn others() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
