//! A body that owns something until it ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tollgate_core::{Body, Error};

/// Told of what happens to a body; dropped with it.
pub(crate) trait Guard: Send + Unpin + 'static {
    /// The body ended well.
    fn ended(&mut self) {}

    /// The body failed.
    fn failed(&mut self, _error: &Error) {}
}

/// Attaches a guard to a body. The body goes first when both are dropped, so that a guard sees what the body noted last.
pub(crate) struct Guarded<G> {
    body: Body,
    guard: G,
}

impl<G: Guard> Guarded<G> {
    pub(crate) fn wrap(body: Body, guard: G) -> Body {
        Body::arriving(Self { body, guard })
    }
}

impl<G: Guard> http_body::Body for Guarded<G> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => this.guard.ended(),
            Poll::Ready(Some(Err(error))) => this.guard.failed(error),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
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
