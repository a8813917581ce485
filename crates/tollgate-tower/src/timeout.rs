//! Three limits on the time that an answer may take.
//!
//! *First byte*: until the answer has begun; a whole answer counts as begun when all of it is here. *Idle*: between two
//! pieces of a stream. *Total*: from receiving the request to the last byte. How long connecting may take is the
//! transport's to say.
//!
//! Inside of retry, the first limit counts for each attempt. An answer that runs out of time after it has begun fails with
//! an error in its body, which a front door turns into an error of the client's protocol.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tollgate_core::{Body, BoxFuture, Error, ErrorKind, Outcome, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

/// The limits for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the answer has begun. Defaults to 10 minutes.
    pub first_byte: Duration,
    /// Between two pieces of a stream. Defaults to 5 minutes.
    pub idle: Duration,
    /// For all of it, all attempts included. Defaults to an hour.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { first_byte: Duration::from_secs(600), idle: Duration::from_secs(300), total: Duration::from_secs(3600) }
    }
}

/// Makes [`Timeout`]. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct TimeoutLayer<F> {
    limits: F,
}

/// Limits the time of each answer. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Timeout<S, F> {
    inner: S,
    limits: F,
}

/// The same limits for every request.
#[must_use]
pub fn always(timeouts: Timeouts) -> TimeoutLayer<impl Fn(&Request) -> Timeouts + Clone> {
    TimeoutLayer::new(move |_: &Request| timeouts)
}

impl<F: Fn(&Request) -> Timeouts> TimeoutLayer<F> {
    /// Limits that may depend on the request, its target for instance.
    #[must_use]
    pub fn new(limits: F) -> Self {
        Self { limits }
    }
}

impl<S, F: Clone> Layer<S> for TimeoutLayer<F> {
    type Service = Timeout<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        Timeout { inner, limits: self.limits.clone() }
    }
}

// === impl Timeout ===

impl<S, F> Service<Request> for Timeout<S, F>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
    F: Fn(&Request) -> Timeouts,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let limits = (self.limits)(&request);
        let context = request.context.clone();
        let calling = self.inner.call(request);
        Box::pin(async move {
            let deadline = Instant::from_std(context.received()) + limits.total;
            let first_byte = Instant::now() + limits.first_byte;
            let late = || {
                let provider = context.observe(|observed| observed.target.clone()).map(|target| target.provider);
                // When the whole request has run out of time there is none for another attempt.
                let error = Error::new(ErrorKind::UpstreamTimeout, "The provider took too long to begin its answer.")
                    .with_retryable(first_byte < deadline);
                provider.into_iter().fold(error, Error::with_provider)
            };
            let response = tokio::time::timeout_at(first_byte.min(deadline), calling).await.map_err(|_| late())??;
            if !response.body.is_arriving() {
                return Ok(response);
            }
            Ok(response.map_body(|body| {
                let timer = Box::pin(tokio::time::sleep_until((Instant::now() + limits.idle).min(deadline)));
                Body::arriving(TimedBody { body, idle: limits.idle, deadline, last: Instant::now(), timer, context })
            }))
        })
    }
}

struct TimedBody {
    body: Body,
    idle: Duration,
    deadline: Instant,
    /// When the last piece came.
    last: Instant,
    timer: Pin<Box<Sleep>>,
    context: tollgate_core::Context,
}

impl TimedBody {
    /// Whether time is up. The timer is not set anew for each piece, which would cost more than the piece; when it fires it
    /// is moved to where it should have been.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        loop {
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let idle_until = self.last + self.idle;
            let now = Instant::now();
            if now >= self.deadline {
                return Poll::Ready("The answer took longer than allowed.");
            }
            if now >= idle_until {
                return Poll::Ready("The provider stopped sending in the middle of its answer.");
            }
            self.timer.as_mut().reset(idle_until.min(self.deadline));
        }
    }

    fn late(&mut self, message: &str) -> Error {
        let target = self.context.observe(|observed| {
            observed.outcome = Outcome::Failed(ErrorKind::UpstreamTimeout.code());
            observed.target.clone()
        });
        let error = Error::new(ErrorKind::UpstreamTimeout, message).with_retryable(false);
        target.into_iter().fold(error, |error, target| error.with_provider(target.provider))
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.last = Instant::now();
                if this.last >= this.deadline && frame.is_some() {
                    // A stream that always has something ready never waits, and would never see the timer.
                    this.body = Body::empty();
                    return Poll::Ready(Some(Err(this.late("The answer took longer than allowed."))));
                }
                Poll::Ready(frame)
            }
            Poll::Pending => match this.poll_late(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(message) => {
                    // Dropping the body first, which notes what it knows, and then what became of it.
                    this.body = Body::empty();
                    Poll::Ready(Some(Err(this.late(message))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tower::{Layer as _, ServiceExt, service_fn};

    use super::*;
    use crate::test_helpers::{chat, ticking};

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(first_byte: u32, idle: u32, total: u32) -> Timeouts {
        Timeouts { first_byte: SECOND * first_byte, idle: SECOND * idle, total: SECOND * total }
    }

    async fn frames_until_error(limits: Timeouts, every: Duration) -> (usize, Error) {
        let service = always(limits).layer(ticking(every));
        let mut body = service.oneshot(chat()).await.expect("begins at once").body;
        let mut count = 0;
        loop {
            match body.frame().await {
                Some(Ok(_)) => count += 1,
                Some(Err(error)) => return (count, error),
                None => panic!("ends after {count}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_begin() {
        let service = service_fn(|_: Request| std::future::pending::<Result<Response, Error>>());
        let error = always(limits(3, 9, 60)).layer(service).oneshot(chat()).await.expect_err("late");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::UpstreamTimeout, true));
        let error = always(limits(60, 9, 3)).layer(service).oneshot(chat()).await.expect_err("late");
        assert!(!error.is_retryable(), "no time is left for another attempt");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_falls_silent() {
        let (frames, error) = frames_until_error(limits(3, 5, 600), SECOND * 6).await;
        assert_eq!((frames, error.kind()), (0, ErrorKind::UpstreamTimeout));
        assert!(error.message().contains("stopped sending"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_goes_on_too_long() {
        let (frames, error) = frames_until_error(limits(3, 5, 10), SECOND * 2).await;
        assert!((4..=5).contains(&frames), "{frames}");
        assert!(error.message().contains("longer than allowed"));
    }
}
