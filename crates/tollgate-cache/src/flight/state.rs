//! An answer that arrives for several readers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use tollgate_core::ir::{Event, ReadAnswer};
use tollgate_core::{Body, BoxFuture, Error, ErrorKind, Response};

use super::table::Boarding;
use crate::Pace;

/// How an answer begins.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Whether its body is a stream of events.
    pub is_stream: bool,
}

/// A piece of an answer.
#[derive(Debug, Default)]
pub struct Chunk {
    /// As the first client gets it.
    pub raw: Bytes,
    /// What it says.
    pub events: Vec<Event>,
}

/// What has become of an answer when its flight is over.
#[derive(Debug)]
pub struct Landing {
    /// How it began; `None` if it never did.
    pub begun: Option<Arc<Begun>>,
    /// All of it, if it is complete and was small enough to be kept.
    pub chunks: Option<Vec<Arc<Chunk>>>,
    /// Whether it was understood to its end.
    pub is_understood: bool,
    /// How fast it came.
    pub pace: Pace,
}

/// Makes the reader of an answer once it is known how it begins; `None` where nothing of it is to be understood.
pub(super) type MakeReader = Box<dyn FnOnce(&Begun) -> Option<Box<dyn ReadAnswer>> + Send>;
pub(super) type OnLanding = Box<dyn FnOnce(Landing) + Send>;

/// Where an answer comes from.
enum Stage {
    /// The first seat is taken, but it is not known yet what is called.
    Boarding,
    Calling(BoxFuture<'static, Result<Response, Error>>),
    Arriving {
        body: Pin<Box<Body>>,
        reader: Option<Box<dyn ReadAnswer>>,
    },
    Over,
}

pub(super) struct State {
    stage: Stage,
    make_reader: Option<MakeReader>,
    pub(super) begun: Option<Arc<Begun>>,
    chunks: VecDeque<Arc<Chunk>>,
    /// The number of the first of `chunks`.
    base: u64,
    bytes: usize,
    limit: usize,
    is_understood: bool,
    said_end: bool,
    boarded_at: Instant,
    pace: Pace,
    pub(super) ended: Option<Result<(), Error>>,
    on_landing: Option<OnLanding>,
    /// Seats by number: the next chunk that each one reads; `None` once it has left.
    pub(super) seats: Vec<Option<u64>>,
    /// The seat that the provider's bill is for.
    pub(super) payer: usize,
}

/// What polling a source gave.
pub(super) enum Driven {
    Pending,
    Progress,
    /// It is over; who hears so first tells what has become of it.
    Over(Option<(OnLanding, Landing)>),
}

impl State {
    /// The state of a flight whose first seat is taken.
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Boarding,
            make_reader: None,
            begun: None,
            chunks: VecDeque::new(),
            base: 0,
            bytes: 0,
            limit: 0,
            is_understood: true,
            said_end: false,
            boarded_at: Instant::now(),
            pace: Pace::default(),
            ended: None,
            on_landing: None,
            seats: vec![Some(0)],
            payer: 0,
        }
    }

    /// Sets what is called.
    pub(super) fn board(&mut self, boarding: Boarding) {
        let Boarding { calling, make_reader, on_landing, limit } = boarding;
        self.stage = Stage::Calling(calling);
        self.boarded_at = Instant::now();
        (self.make_reader, self.on_landing, self.limit) = (Some(make_reader), Some(on_landing), limit);
    }

    /// Ends it if it is still not known what is called; whether that was so.
    pub(super) fn give_up_boarding(&mut self) -> bool {
        let is_boarding = matches!(self.stage, Stage::Boarding);
        if is_boarding {
            self.end(Err(Error::new(ErrorKind::Internal, "The call that was to answer this request was never made.")));
        }
        is_boarding
    }

    /// Whether somebody can still read the answer from its beginning.
    pub(super) fn can_be_joined(&self) -> bool {
        self.base == 0 && self.bytes <= self.limit && !matches!(self.ended, Some(Err(_)))
    }

    /// The chunk of a number: there already, lost, or yet to come.
    pub(super) fn chunk(&self, number: u64) -> Option<Result<Arc<Chunk>, Error>> {
        if number < self.base {
            let message = "The answer came faster than this client reads.";
            return Some(Err(Error::new(ErrorKind::Overloaded, message)));
        }
        let at = usize::try_from(number - self.base).ok()?;
        self.chunks.get(at).cloned().map(Ok)
    }

    /// Asks the source for more.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Driven {
        match &mut self.stage {
            Stage::Boarding => Driven::Pending,
            Stage::Over => Driven::Over(None),
            Stage::Calling(calling) => match calling.as_mut().poll(cx) {
                Poll::Pending => Driven::Pending,
                Poll::Ready(Ok(response)) => {
                    self.begin(response);
                    Driven::Progress
                }
                Poll::Ready(Err(error)) => self.end(Err(error)),
            },
            Stage::Arriving { body, reader } => match body.as_mut().poll_frame(cx) {
                Poll::Pending => Driven::Pending,
                Poll::Ready(None) => {
                    let mut events = Vec::new();
                    if let Some(mut reader) = reader.take() {
                        self.is_understood = reader.end(&mut events).is_ok();
                    }
                    if !events.is_empty() {
                        self.push(Chunk { raw: Bytes::new(), events });
                    }
                    self.end(Ok(()))
                }
                Poll::Ready(Some(Err(error))) => self.end(Err(error)),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(raw) = frame.into_data() {
                        self.take(raw);
                    }
                    Driven::Progress
                }
            },
        }
    }

    fn begin(&mut self, response: Response) {
        let Response { status, headers, body } = response;
        let is_stream = headers.get(http::header::CONTENT_TYPE).is_some_and(|value| {
            value.as_bytes().starts_with(b"text/event-stream") || value.as_bytes().starts_with(b"application/x-ndjson")
        });
        let begun = Begun { status, headers, is_stream };
        let reader = self.make_reader.take().and_then(|make| make(&begun));
        self.is_understood = reader.is_some();
        self.begun = Some(Arc::new(begun));
        self.stage = Stage::Arriving { body: Box::pin(body), reader };
    }

    fn take(&mut self, raw: Bytes) {
        let mut events = Vec::new();
        if let Stage::Arriving { reader, .. } = &mut self.stage
            && let Some(reading) = reader
            && reading.read(&raw, &mut events).is_err()
        {
            *reader = None;
            self.is_understood = false;
        }
        self.push(Chunk { raw, events });
    }

    fn push(&mut self, chunk: Chunk) {
        self.said_end |= chunk.events.iter().any(|event| matches!(event, Event::End));
        self.bytes += chunk.raw.len();
        self.time(&chunk.events);
        self.chunks.push_back(Arc::new(chunk));
        // Once it is too large to be kept, only what somebody has yet to read stays, and of that not more than the limit.
        while self.bytes > self.limit {
            let slowest = self.seats.iter().flatten().min().copied().unwrap_or(u64::MAX);
            let waiting: usize = self.chunks.iter().map(|chunk| chunk.raw.len()).sum();
            if self.base >= slowest && waiting <= self.limit {
                return;
            }
            if self.chunks.pop_front().is_none() {
                return;
            }
            self.base += 1;
        }
    }

    /// Notes when a piece came that says something.
    fn time(&mut self, events: &[Event]) {
        let says = |event: &Event| matches!(event, Event::Delta { .. } | Event::Whole { .. });
        self.pace.last = u32::try_from(self.boarded_at.elapsed().as_millis()).unwrap_or(u32::MAX);
        if self.pace.pieces == 0 {
            self.pace.first = self.pace.last;
        }
        self.pace.pieces = self.pace.pieces.saturating_add(u32::from(events.iter().any(says)));
    }

    fn end(&mut self, how: Result<(), Error>) -> Driven {
        let is_complete = how.is_ok();
        self.ended = Some(how);
        self.stage = Stage::Over;
        Driven::Over(self.landing(is_complete))
    }

    fn landing(&mut self, is_complete: bool) -> Option<(OnLanding, Landing)> {
        let on_landing = self.on_landing.take()?;
        let is_whole = is_complete && self.base == 0 && self.bytes <= self.limit;
        let chunks = is_whole.then(|| self.chunks.iter().cloned().collect());
        let is_understood = self.is_understood && (is_complete || self.said_end);
        Some((on_landing, Landing { begun: self.begun.clone(), chunks, is_understood, pace: self.pace }))
    }

    /// Stops the work because nobody reads any more. An answer whose own end was seen is complete all the same: many
    /// clients go as soon as they have read it.
    pub(super) fn abandon(&mut self) -> Option<(OnLanding, Landing)> {
        let is_complete = self.said_end && self.is_understood;
        // Dropped first, so that the provider notes what it took.
        self.stage = Stage::Over;
        self.ended.get_or_insert(Ok(()));
        self.landing(is_complete)
    }
}

/// Wakes everyone who waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Wakers(Mutex<Vec<(usize, Waker)>>);

impl Wakers {
    pub(super) fn register(&self, seat: usize, waker: &Waker) {
        let mut wakers = self.lock();
        match wakers.iter_mut().find(|(known, _)| *known == seat) {
            Some((_, known)) => known.clone_from(waker),
            None => wakers.push((seat, waker.clone())),
        }
    }

    pub(super) fn wake_all(&self) {
        // Not under the lock: whom it wakes may come straight back.
        let woken = std::mem::take(&mut *self.lock());
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}
