//! Four limits on the time that an answer may take.
//!
//! *First byte*: until the answer has begun; a whole answer counts as begun when all of it is here. *Idle*: between two
//! pieces of a stream. *Progress*: between two pieces that say something; comments of server-sent events and white space,
//! with which a proxy may keep a dead stream open for ever, do not. *Total*: from receiving the request to the last byte. How long connecting may take is the
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
    /// Between two pieces of a stream that are more than comments and white space. Defaults to 5 minutes.
    pub progress: Duration,
    /// For all of it, all attempts included. Defaults to an hour.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(300),
            progress: Duration::from_secs(300),
            total: Duration::from_secs(3600),
        }
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
            let content = Content::of(&response);
            Ok(response.map_body(|body| {
                let now = Instant::now();
                let first = now + limits.idle.min(limits.progress);
                let timer = Box::pin(tokio::time::sleep_until(first.min(deadline)));
                Body::arriving(TimedBody {
                    body,
                    limits,
                    deadline,
                    last: now,
                    progressed: now,
                    content,
                    timer,
                    context,
                })
            }))
        })
    }
}

const TOO_LONG: &str = "The answer took longer than allowed.";
const NO_PROGRESS: &str = "The provider sent nothing but signs of life in the middle of its answer.";

struct TimedBody {
    body: Body,
    limits: Timeouts,
    deadline: Instant,
    /// When the last piece came.
    last: Instant,
    /// When the last piece came that said something.
    progressed: Instant,
    content: Content,
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
            let idle_until = self.last + self.limits.idle;
            let progress_until = self.progressed + self.limits.progress;
            let now = Instant::now();
            if now >= self.deadline {
                return Poll::Ready(TOO_LONG);
            }
            if now >= idle_until {
                return Poll::Ready("The provider stopped sending in the middle of its answer.");
            }
            if now >= progress_until {
                return Poll::Ready(NO_PROGRESS);
            }
            self.timer.as_mut().reset(idle_until.min(progress_until).min(self.deadline));
        }
    }

    /// Notes that a piece came, or an error or the end. Returns what is wrong if it came too late.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, Error>>) -> Option<&'static str> {
        self.last = Instant::now();
        let says_something = match frame {
            Some(Ok(frame)) => frame.data_ref().is_none_or(|data| self.content.says_something(data)),
            _ => true,
        };
        if says_something {
            self.progressed = self.last;
        }
        if self.last >= self.deadline {
            return Some(TOO_LONG);
        }
        (self.last >= self.progressed + self.limits.progress).then_some(NO_PROGRESS)
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

/// Tells what says something from signs of life, whatever the pieces are cut into.
struct Content {
    /// Whether lines that begin with a colon are comments (HTML, section 9.2.6).
    has_comments: bool,
    at_line_start: bool,
    in_comment: bool,
}

impl Content {
    fn of(response: &Response) -> Self {
        let kind = response.headers.get("content-type");
        let has_comments = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        Self { has_comments, at_line_start: true, in_comment: false }
    }

    fn says_something(&mut self, data: &[u8]) -> bool {
        for byte in data {
            match byte {
                b'\n' | b'\r' => (self.at_line_start, self.in_comment) = (true, false),
                _ if self.in_comment => {}
                b':' if self.at_line_start && self.has_comments => self.in_comment = true,
                b' ' | b'\t' => self.at_line_start = false,
                _ => {
                    self.skip_to_end(data);
                    return true;
                }
            }
        }
        false
    }

    /// Where in a line the next piece begins; a piece that says something is not read for more.
    fn skip_to_end(&mut self, data: &[u8]) {
        let start = data.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        let line = start.and_then(|start| data.get(start + 1..)).unwrap_or(data);
        self.at_line_start = line.is_empty();
        self.in_comment = self.has_comments && start.is_some() && line.first() == Some(&b':');
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let message = this.note(frame.as_ref());
                if let Some(message) = message.filter(|_| frame.is_some()) {
                    // A stream that always has something ready never waits, and would never see the timer.
                    this.body = Body::empty();
                    return Poll::Ready(Some(Err(this.late(message))));
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
        let (idle, total) = (SECOND * idle, SECOND * total);
        Timeouts { first_byte: SECOND * first_byte, idle, progress: total, total }
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
    async fn a_stream_that_only_shows_that_it_lives() {
        let comments = crate::test_helpers::repeating(SECOND, b": keep-alive\n\n");
        let limits = Timeouts { progress: SECOND * 5, ..limits(3, 3, 600) };
        let mut body = always(limits).layer(comments).oneshot(chat()).await.expect("begins at once").body;
        let began = Instant::now();
        let error = loop {
            match body.frame().await.expect("no end") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::UpstreamTimeout, false));
        assert_eq!(error.message(), NO_PROGRESS);
        assert_eq!(began.elapsed().as_secs(), 5);
        let (frames, error) = frames_until_error(Timeouts { total: SECOND * 20, ..limits }, SECOND).await;
        // The paused clock is five seconds ahead of the one that says when a request was received.
        assert!(frames >= 14 && error.message() == TOO_LONG, "{frames} pieces that say something");
    }

    #[test]
    fn what_says_something() {
        let content = |has_comments| Content { has_comments, at_line_start: true, in_comment: false };
        for (pieces, expect) in [
            (&[": keep-alive\n\n", ":", "more", "\r\n\r\n", " \t\n"][..], &[false; 5][..]),
            (&["data: x\n\n: c", "omment\n", "data"], &[true, false, true]),
            (&["da", ": no comment", "\n", ": one"], &[true, true, false, false]),
            (&[" : no comment"], &[true]),
            (&["", "\n"], &[false, false]),
        ] {
            let mut content = content(true);
            let found: Vec<bool> = pieces.iter().map(|piece| content.says_something(piece.as_bytes())).collect();
            assert_eq!(found, expect, "{pieces:?}");
        }
        assert!(content(false).says_something(b": no comment"), "of another kind than events");
        assert!(!content(false).says_something(b" \n\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_goes_on_too_long() {
        let (frames, error) = frames_until_error(limits(3, 5, 10), SECOND * 2).await;
        assert!((4..=5).contains(&frames), "{frames}");
        assert!(error.message().contains("longer than allowed"));
    }
}
