//! Requests and inner services for the layers' tests.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Sleep;
use tollgate_core::{Body, BoxFuture, Error, Head, Located, Operation, Request, Response};
use tower_service::Service;

/// A chat request for the model `known`.
pub(crate) fn chat() -> Request {
    let head = Head { model: Some(Located { value: "known".into(), span: 9..16 }), input_text: 40, ..Head::default() };
    let body = Bytes::from_static(br#"{"model":"known"}"#);
    Request::new(Operation::ChatCompletions, head, body, tollgate_core::Context::builder("test").build())
}

/// Answers every request with a stream of two pieces.
pub(crate) fn streaming() -> Streaming {
    Streaming { pieces: 2, every: Duration::ZERO, piece: b"data: x\n\n" }
}

/// Answers every request with an endless stream of one piece every so often.
pub(crate) fn ticking(every: Duration) -> Streaming {
    repeating(every, b"data: x\n\n")
}

/// Answers every request with an endless stream of the same piece every so often.
pub(crate) fn repeating(every: Duration, piece: &'static [u8]) -> Streaming {
    Streaming { pieces: usize::MAX, every, piece }
}

#[derive(Clone)]
pub(crate) struct Streaming {
    pieces: usize,
    every: Duration,
    piece: &'static [u8],
}

impl Service<Request> for Streaming {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        let (left, every, piece) = (self.pieces, self.every, self.piece);
        Box::pin(async move {
            let pause = Box::pin(tokio::time::sleep(every));
            let mut response = Response::new(Body::arriving(Ticks { left, every, piece, pause }));
            response.headers.insert("content-type", "text/event-stream".parse().expect("a header's value"));
            Ok(response)
        })
    }
}

struct Ticks {
    left: usize,
    every: Duration,
    piece: &'static [u8],
    pause: Pin<Box<Sleep>>,
}

impl http_body::Body for Ticks {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.pause.as_mut().poll(cx));
        self.left -= 1;
        let next = tokio::time::Instant::now() + self.every;
        self.pause.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.piece)))))
    }
}
