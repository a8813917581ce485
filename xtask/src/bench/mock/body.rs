//! A response body of prepared events, each flushed on its own.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use super::stats::Stats;

/// Sends events back to back or on a fixed schedule.
#[derive(Debug)]
pub(crate) struct EventBody {
    events: Arc<[Bytes]>,
    next: usize,
    pace: Pace,
    stats: Arc<Stats>,
}

/// What comes between two events.
#[derive(Debug)]
enum Pace {
    /// A turn of the event loop: the server flushes whenever the body has nothing ready, so each event becomes an HTTP
    /// chunk and a write of its own, as with a real provider.
    Turn { taken: bool },
    /// One timer per stream, always set by the schedule and not by the last event, so that delays do not add up.
    Timer { every: Duration, due: Instant, timer: Pin<Box<Sleep>> },
}

impl EventBody {
    pub(super) fn new(events: Arc<[Bytes]>, pace: Duration, stats: Arc<Stats>) -> Self {
        stats.stream_begins();
        let pace = if pace.is_zero() {
            Pace::Turn { taken: true }
        } else {
            let due = Instant::now();
            Pace::Timer { every: pace, due, timer: Box::pin(tokio::time::sleep_until(due)) }
        };
        Self { events, next: 0, pace, stats }
    }
}

impl Pace {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Turn { taken } => {
                *taken = !*taken;
                if *taken {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Self::Timer { every, due, timer } => {
                ready!(timer.as_mut().poll(context));
                *due += *every;
                timer.as_mut().reset(*due);
            }
        }
        Poll::Ready(())
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(event) = self.events.get(self.next).cloned() else {
            return Poll::Ready(None);
        };
        ready!(self.pace.poll(context));
        self.next += 1;
        Poll::Ready(Some(Ok(Frame::data(event))))
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        self.stats.stream_ends(self.next == self.events.len());
    }
}
