//! Stored answers for clients: at once, or in the time that they took when they were new.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};
use tollgate_cache::{AnswerCache, Entry, Replay};
use tollgate_core::{Body, CacheStatus, Error, Request, Response};

use super::service::complete;

/// A body of which the pieces are due at their times.
struct Timed {
    since: Instant,
    pieces: VecDeque<(Duration, Bytes)>,
    sleep: Pin<Box<Sleep>>,
}

/// The answer to a request that came at a time. `None` if the request cannot be answered with the entry.
pub(super) async fn served(
    cache: &AnswerCache,
    (request, since): (&Request, Instant),
    entry: &Entry,
    status: CacheStatus,
    detail: &'static str,
) -> Option<Response> {
    if !cache.settings().conceals() {
        let response = cache.serve(request, entry, status, detail)?;
        return Some(complete(response, &request.context));
    }
    let Replay { response, mut pieces } = cache.replay(request, entry, status, detail)?;
    if let Some((due, _)) = pieces.front() {
        sleep_until(since + *due).await;
    }
    if pieces.len() > 1 {
        // How it ends is not known before it does: its client may leave.
        return Some(response.map_body(|_| Body::arriving(Timed::new(since, pieces))));
    }
    let whole = pieces.pop_front().map(|(_, piece)| piece).unwrap_or_default();
    Some(complete(response.map_body(|_| whole.into()), &request.context))
}

// === impl Timed ===

impl Timed {
    fn new(since: Instant, pieces: VecDeque<(Duration, Bytes)>) -> Self {
        Self { since, pieces, sleep: Box::pin(sleep_until(since)) }
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let Some((due, _)) = this.pieces.front() else { return Poll::Ready(None) };
        this.sleep.as_mut().reset(this.since + *due);
        ready!(this.sleep.as_mut().poll(cx));
        Poll::Ready(this.pieces.pop_front().map(|(_, piece)| Ok(Frame::data(piece))))
    }
}
