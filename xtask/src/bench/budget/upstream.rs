//! An upstream whose answers take what chance says, and that keeps count.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::{INPUT, OUTPUT};
use crate::Result;

/// An upstream in this process; it ends when this is dropped.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    count: Arc<Count>,
    accepting: AbortHandle,
}

#[derive(Default)]
struct Count {
    requests: AtomicU64,
    spent: AtomicU64,
}

/// The longest that an answer takes.
const SLOWEST_MS: u64 = 40;

impl Upstream {
    pub(super) async fn start(seed: u64) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let count = Arc::new(Count::default());
        let accepting = tokio::spawn(accept(listener, count.clone(), seed)).abort_handle();
        Ok(Self { address, count, accepting })
    }

    /// What all answers cost in nano-dollars, and how many there were.
    pub(super) fn spent(&self) -> (u64, u64) {
        (self.count.spent.load(Ordering::Relaxed), self.count.requests.load(Ordering::Relaxed))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, count: Arc<Count>, seed: u64) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(connection(stream, count.clone(), seed));
    }
}

async fn connection(stream: TcpStream, count: Arc<Count>, seed: u64) {
    let handle = service_fn(move |request: Request<Incoming>| {
        let count = count.clone();
        async move { Ok::<_, Infallible>(answer(request, &count, seed).await) }
    });
    // Without the pause of Nagle's algorithm; a gateway that goes away is no concern of this one.
    let _ = stream.set_nodelay(true);
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), handle).await;
}

async fn answer(request: Request<Incoming>, count: &Count, seed: u64) -> Response<Full<Bytes>> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(limit) = asked["max_tokens"].as_u64() else {
        let mut response = Response::new(Full::from("{}"));
        *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
        return response;
    };
    let number = count.requests.fetch_add(1, Ordering::Relaxed);
    let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // Never more tokens of input than the prompt has bytes.
    let text = asked["messages"][0]["content"].as_str().unwrap_or_default().len() as u64;
    let (input, output) = (random.u64(1..=text.max(1)), random.u64(1..=limit));
    count.spent.fetch_add(input * INPUT + output * OUTPUT, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(random.u64(0..=SLOWEST_MS))).await;
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let is_streamed = asked["stream"] == true;
    let (kind, body) =
        if is_streamed { ("text/event-stream", events(&usage)) } else { ("application/json", whole(&usage)) };
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn whole(usage: &Value) -> String {
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": "Yes." }, "finish_reason": "stop" });
    json!({
        "id": "c1", "object": "chat.completion", "created": 1, "model": "mock-model", "choices": [choice], "usage": usage,
    })
    .to_string()
}

fn events(usage: &Value) -> String {
    let chunk = |choices: Value, usage: &Value| {
        json!({
            "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "mock-model", "choices": choices,
            "usage": usage,
        })
    };
    let text = json!([{ "index": 0, "delta": { "content": "Yes." }, "finish_reason": null }]);
    let end = json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]);
    let chunks = [chunk(text, &Value::Null), chunk(end, &Value::Null), chunk(json!([]), usage)];
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).chain(["data: [DONE]\n\n".to_owned()]).collect()
}
