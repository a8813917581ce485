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

/// Attaches a guard to a body. The body goes before the guard is told of its end, and first when both are dropped, so that a
/// guard sees what the body noted last. The guard is told before the last of the body is passed on: whatever it writes down
/// is written when the reader knows that there is no more.
pub(crate) struct Guarded<G> {
    body: Body,
    guard: G,
    /// Whether the guard has been told.
    is_over: bool,
}

impl<G: Guard> Guarded<G> {
    pub(crate) fn wrap(body: Body, guard: G) -> Body {
        Body::arriving(Self { body, guard, is_over: false })
    }

    fn end(&mut self, tell: impl FnOnce(&mut G)) {
        self.body = Body::empty();
        if !std::mem::replace(&mut self.is_over, true) {
            tell(&mut self.guard);
        }
    }
}

impl<G: Guard> http_body::Body for Guarded<G> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => this.end(G::ended),
            Poll::Ready(Some(Err(error))) => this.end(|guard| guard.failed(error)),
            // Whoever sends the last frame may not ask for another.
            Poll::Ready(Some(Ok(_))) if this.body.is_end_stream() => this.end(G::ended),
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
