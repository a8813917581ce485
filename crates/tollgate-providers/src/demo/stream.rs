//! A stream that is sent event by event with a pause between.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::Frame;
use tokio::time::Sleep;
use tollgate_core::{Body, Context, Error, Outcome, Response, Usage};

use super::Answer;

struct Paced {
    events: VecDeque<Bytes>,
    pause: Pin<Box<Sleep>>,
    pace: Duration,
    context: Context,
    usage: Usage,
    sent: u64,
}

pub(super) fn paced(events: Vec<Bytes>, pace: Duration, context: Context, answer: &Answer) -> Response {
    context.observe(|observed| observed.model = Some(answer.model.as_str().into()));
    let body = Paced {
        events: events.into(),
        pause: Box::pin(tokio::time::sleep(Duration::ZERO)),
        pace,
        context,
        usage: answer.usage(),
        sent: 0,
    };
    let mut response = Response::new(Body::arriving(body));
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        ready!(self.pause.as_mut().poll(cx));
        let Some(event) = self.events.pop_front() else { return Poll::Ready(None) };
        let pace = self.pace;
        self.pause.as_mut().reset(tokio::time::Instant::now() + pace);
        self.sent += 1;
        let sent = self.sent;
        self.context.observe(|observed| {
            // The event after the opening one is the first word.
            if sent == 2 {
                observed.first_token = Some(Instant::now());
            }
        });
        Poll::Ready(Some(Ok(Frame::data(event))))
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_empty()
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        let complete = self.events.is_empty();
        let mut usage = self.usage;
        if !complete {
            usage.estimated = true;
            usage.output = usage.output.map(|output| output.min(self.sent));
        }
        self.context.observe(|observed| {
            observed.usage = Some(usage);
            if complete {
                observed.outcome = Outcome::Complete;
            }
        });
    }
}
