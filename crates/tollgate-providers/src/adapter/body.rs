//! Bodies that are tapped while they flow.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use tokio::sync::OwnedSemaphorePermit;
use tollgate_core::{Body, Error, ErrorKind, Operation, Outcome, Usage};
use tollgate_protocols::tap::{Ending, Facts, Pictures, TailTap, Tapped};

use super::answer::event_too_large;
use super::request::Expected;
use super::tap::Tap;

/// Writes down what a stream has told so far.
pub(super) fn note_facts(expected: &Expected, facts: &Facts) {
    expected.note_billing(&facts.billing);
    expected.context.observe(|observed| {
        if observed.model.is_none() {
            observed.model = facts.model.as_deref().map(Into::into);
        }
        observed.usage = facts.usage;
        if facts.has_content && observed.first_token.is_none() {
            observed.first_token = Some(Instant::now());
        }
    });
}

/// A stream of events. Whole events leave it, and only those: what a client has read so far can always be followed by an
/// error event.
pub(super) struct StreamBody {
    upstream: Body,
    tap: Tap,
    /// Events that are to be sent.
    ready: VecDeque<Bytes>,
    /// A failure to report once everything before it is sent.
    failed: Option<Error>,
    ended: bool,
    transparent: bool,
    account: Account,
}

impl StreamBody {
    pub(super) fn new(
        upstream: Body,
        tap: Tap,
        ready: VecDeque<Bytes>,
        expected: Expected,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let account = Account { expected, outcome: Outcome::Pending, _place: place };
        Self { upstream, tap, ready, failed: None, ended: false, transparent: false, account }
    }

    /// A stream whose bytes are forwarded as they come, events or not.
    pub(super) fn transparent(
        upstream: Body,
        tap: Tap,
        expected: Expected,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let mut body = Self::new(upstream, tap, VecDeque::new(), expected, place);
        body.transparent = true;
        body
    }

    fn take(&mut self, chunk: Bytes) {
        if self.transparent {
            self.ready.push_back(chunk.clone());
        }
        self.tap.push(chunk);
        self.sift();
    }

    /// Moves the events that are complete from the tap to where they leave.
    fn sift(&mut self) {
        loop {
            match self.tap.next_event() {
                Ok(Some(mut event)) => {
                    if event.news {
                        note_facts(&self.account.expected, self.tap.facts());
                    }
                    if event.is == Tapped::Error {
                        self.account.outcome = Outcome::Failed(ErrorKind::Upstream.code());
                        event.bytes = self.account.expected.redact(event.bytes);
                    }
                    if event.is != Tapped::Withheld && !self.transparent {
                        self.ready.push_back(event.bytes);
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    self.fail(event_too_large());
                    return;
                }
            }
        }
    }

    fn end(&mut self, broken: Option<Error>) {
        self.ended = true;
        let (last, ending) = self.tap.finish();
        if let Some(last) = last.filter(|last| last.is != Tapped::Withheld && !self.transparent) {
            self.ready.push_back(last.bytes);
        }
        note_facts(&self.account.expected, self.tap.facts());
        match (ending, broken) {
            (Ending::Failed, _) => self.account.outcome = Outcome::Failed(ErrorKind::Upstream.code()),
            // Once a protocol's last event is there, how the connection ends is of no interest.
            (Ending::Complete, None) => self.account.outcome = Outcome::Complete,
            (Ending::Complete, Some(_)) if !self.transparent => self.account.outcome = Outcome::Complete,
            (_, Some(error)) => self.fail(error),
            (Ending::Truncated, None) => {
                let message = "The provider ended its stream in the middle of the answer.";
                self.fail(Error::new(ErrorKind::UpstreamInvalid, message));
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.ended = true;
        self.account.outcome = Outcome::Failed(error.code());
        let error = match self.account.expected.context.observe(|observed| observed.target.clone()) {
            Some(target) => error.with_provider(target.provider),
            None => error,
        };
        self.failed = Some(error);
        // Nothing more is wanted of it; dropping the body is what tells it so.
        self.upstream = Body::empty();
    }

    /// The events that are ready in one piece: what came in one read leaves in one write.
    fn take_ready(&mut self) -> Option<Bytes> {
        let first = self.ready.pop_front()?;
        if self.ready.is_empty() {
            return Some(first);
        }
        let mut joined = BytesMut::with_capacity(first.len() + self.ready.iter().map(Bytes::len).sum::<usize>());
        joined.extend_from_slice(&first);
        for event in self.ready.drain(..) {
            joined.extend_from_slice(&event);
        }
        Some(joined.freeze())
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        loop {
            if let Some(bytes) = this.take_ready() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if let Some(error) = this.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            // Events may be complete in the tap from before the body was polled.
            this.sift();
            if !this.ready.is_empty() || this.ended {
                continue;
            }
            match ready!(Pin::new(&mut this.upstream).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        this.take(chunk);
                    }
                }
                Some(Err(error)) => this.end(Some(error)),
                None => this.end(None),
            }
        }
    }
}

impl StreamBody {
    /// Whether a client that goes now has all of the answer, its counts included: many go as soon as they have read its last
    /// event, without waiting for the end of the body.
    fn was_read(&mut self) -> bool {
        // What passes through is not understood well enough to know its end.
        if self.ended || self.transparent || !self.ready.is_empty() {
            return false;
        }
        let (last, ending) = self.tap.finish();
        let has_counts = self.tap.facts().usage.is_some_and(|usage| usage.output.is_some());
        last.is_none() && ending == Ending::Complete && has_counts
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        if self.account.outcome == Outcome::Pending && self.was_read() {
            self.account.outcome = Outcome::Complete;
        }
        let facts = self.tap.facts();
        self.account.close(facts.usage, facts.output_text);
    }
}

/// An answer that is not read as events: too large to be collected, or of an unknown kind.
pub(super) struct TailBody {
    ready: VecDeque<Bytes>,
    upstream: Body,
    tail: TailTap,
    /// Counted where they are what was asked for.
    pictures: Option<Pictures>,
    account: Account,
}

impl TailBody {
    pub(super) fn new(
        ready: VecDeque<Bytes>,
        upstream: Body,
        expected: Expected,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let pictures = (expected.operation == Operation::Images).then(Pictures::default);
        let account = Account { expected, outcome: Outcome::Pending, _place: place };
        let mut body = Self { ready: VecDeque::new(), upstream, tail: TailTap::default(), pictures, account };
        ready.iter().for_each(|piece| body.watch(piece));
        body.ready = ready;
        body
    }

    fn watch(&mut self, piece: &Bytes) {
        self.tail.push(piece);
        if let Some(pictures) = &mut self.pictures {
            pictures.push(piece);
        }
    }
}

impl http_body::Body for TailBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Some(piece) = this.ready.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let frame = ready!(Pin::new(&mut this.upstream).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.watch(data);
                }
            }
            Some(Err(error)) => this.account.outcome = Outcome::Failed(error.code()),
            None => this.account.outcome = Outcome::Complete,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // Only where there never was a body: of others the end must be seen to be accounted.
        self.ready.is_empty() && self.tail.total() == 0 && self.upstream.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let waiting: u64 = self.ready.iter().map(|piece| piece.len() as u64).sum();
        match self.upstream.size_hint().exact() {
            Some(rest) => http_body::SizeHint::with_exact(rest + waiting),
            None => http_body::SizeHint::default(),
        }
    }
}

impl Drop for TailBody {
    fn drop(&mut self) {
        let facts = self.tail.facts();
        if self.account.outcome == Outcome::Pending
            && (self.upstream.size_hint().exact() == Some(0) || self.upstream.is_end_stream())
        {
            // A body of a known length is dropped after its last byte without having been asked for more.
            self.account.outcome = Outcome::Complete;
        }
        if let Some(model) = facts.model {
            self.account.expected.context.observe(|observed| observed.model = Some(model.into()));
        }
        self.account.expected.note_billing(&facts.billing);
        let images = self.pictures.as_ref().map(Pictures::count).filter(|count| *count > 0);
        let usage = match images {
            Some(_) => Some(Usage { images, ..facts.usage.unwrap_or_default() }),
            None => facts.usage,
        };
        self.account.close(usage, facts.output_text);
    }
}

/// What must be written down when an answer ends, however it ends.
struct Account {
    expected: Expected,
    outcome: Outcome,
    /// The place among the provider's concurrent requests, given back at the end.
    _place: Option<OwnedSemaphorePermit>,
}

impl Account {
    fn close(&mut self, usage: Option<Usage>, output_text: usize) {
        let outcome = self.outcome;
        let usage = self.settle(usage, output_text);
        self.expected.context.observe(|observed| {
            observed.usage = usage;
            observed.outcome = outcome;
        });
    }

    /// The provider's counts; what they lack is estimated from what was sent and forwarded.
    fn settle(&self, usage: Option<Usage>, output_text: usize) -> Option<Usage> {
        if !self.expected.generates {
            return None;
        }
        let is_passthrough =
            self.expected.operation == Operation::Passthrough || self.expected.operation.is_forwarded();
        if is_passthrough && usage.is_none() && self.expected.estimated_input == 0 {
            // A list of files or a picture: nothing that is counted in tokens.
            return None;
        }
        // What has counts but none of output has no output: embeddings, whichever door they came by.
        let is_embedding = self.expected.operation == Operation::Embeddings
            || (is_passthrough && usage.is_some_and(|usage| usage.input.is_some() && usage.output.is_none()));
        let mut usage = usage.unwrap_or_default();
        let lacks_output = usage.output.is_none() && !is_embedding;
        let cut_short = self.outcome != Outcome::Complete;
        if usage.input.is_none() || lacks_output || cut_short {
            usage.estimated = true;
            usage.input.get_or_insert(self.expected.estimated_input);
            if lacks_output || (cut_short && !is_embedding) {
                let seen = output_text.div_ceil(4) as u64;
                usage.output = Some(usage.output.unwrap_or(0).max(seen));
            }
        }
        Some(usage)
    }
}
