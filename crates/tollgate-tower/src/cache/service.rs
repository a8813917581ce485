//! The service.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;
use tollgate_cache::flight::{Begun, Chunk, Flights, Seat};
use tollgate_cache::{AnswerCache, Entry, Found, Lookup, Plan, naming};
use tollgate_core::ir::Event;
use tollgate_core::{
    Body, BoxFuture, CacheOutcome, CacheStatus, Context, Error, ErrorKind, Outcome, Request, Response, boxed,
};
use tower_service::Service;

use super::background::refresh;
use super::body::{Raw, Rendered};
use super::reuse::{asking, rephrased};
use super::timed::served;

/// Answers requests from a cache. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct Cache<S, B = S> {
    pub(super) inner: S,
    pub(super) background: B,
    pub(super) cache: Arc<AnswerCache>,
}

impl<S, B> Service<Request> for Cache<S, B>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
    B: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    B::Future: Send,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if let Some(response) = self.cache.recall(&request) {
            return Box::pin(std::future::ready(Ok(complete(response, &request.context))));
        }
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let mut lookup = match self.cache.plan(&request) {
            Plan::None => return boxed(inner.call(request)),
            Plan::Bypass(reason) => {
                self.cache.statistics().bypassed(reason);
                note(&request.context, CacheOutcome::new(CacheStatus::Bypass).detail(reason));
                return boxed(inner.call(request));
            }
            Plan::Use(lookup) => lookup,
        };
        let cache = self.cache.clone();
        let mut background = self.background.clone();
        let since = Instant::now();
        Box::pin(async move {
            if lookup.directives.only_if_cached && cache.settings().conceals() {
                let message = "Whether there is a stored answer is not told where clients share them.";
                return Err(Error::new(ErrorKind::NotCached, message));
            }
            let asked = (&request, since);
            let stale = match cache.find(&mut lookup).await {
                Found::Fresh(entry) => {
                    if let Some(response) = exact(&cache, asked, &lookup, &entry).await {
                        return Ok(response);
                    }
                    None
                }
                Found::Stale(entry) => {
                    let detail = "stale-while-revalidate";
                    if let Some(response) = served(&cache, asked, &entry, CacheStatus::Stale, detail).await {
                        refresh(&cache, background.clone(), &request, &lookup);
                        return Ok(response);
                    }
                    None
                }
                Found::ForErrors(entry) => Some(entry),
                Found::Nothing => None,
            };
            if lookup.directives.only_if_cached {
                if let Some(response) = rephrased(&cache, &request, &lookup).await {
                    return Ok(response);
                }
                cache.statistics().missed();
                let message = "No stored answer matches this request, and the request wants no other.";
                return Err(Error::new(ErrorKind::NotCached, message));
            }
            match ask(&cache, &mut inner, &mut background, asked, &lookup).await {
                Err(error) if error.is_retryable() || error.kind() == ErrorKind::Upstream => {
                    let Some(entry) = stale else { return Err(error) };
                    let served = served(&cache, asked, &entry, CacheStatus::Stale, "stale-if-error").await;
                    served.ok_or(error)
                }
                answered => answered,
            }
        })
    }
}

/// The fresh answer to the very same request.
async fn exact(
    cache: &AnswerCache,
    (request, since): (&Request, Instant),
    lookup: &Lookup,
    entry: &Arc<Entry>,
) -> Option<Response> {
    if cache.settings().conceals() {
        return served(cache, (request, since), entry, CacheStatus::Hit, "exact").await;
    }
    cache.serve_exact(request, lookup, entry).map(|response| complete(response, &request.context))
}

fn note(context: &Context, outcome: CacheOutcome) {
    context.observe(|observed| observed.cache = Some(outcome));
}

pub(super) fn complete(response: Response, context: &Context) -> Response {
    context.observe(|observed| observed.outcome = Outcome::Complete);
    response
}

/// Takes a seat in a flight, a new one if there is none, and answers with what it brings.
async fn ask<S, B>(
    cache: &Arc<AnswerCache>,
    inner: &mut S,
    background: &mut B,
    (request, since): (&Request, Instant),
    lookup: &Lookup,
) -> Result<Response, Error>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
    B: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    B::Future: Send,
{
    let mut has_waited = false;
    loop {
        let mut caller = inner.clone();
        poll_fn(|cx| caller.poll_ready(cx)).await?;
        let board = || asking(cache, caller, background.clone(), (request, since), lookup);
        // Before it boards, which may have something to add.
        note(&request.context, CacheOutcome::new(CacheStatus::Miss));
        // Who must have everything, or something new, or something very similar, does not take what was asked for by another.
        let asked = &lookup.directives;
        let is_particular = asked.refresh || asked.min_similarity.is_some() || request.strict;
        let is_alone = !cache.settings().coalesce || is_particular;
        let mut seat = if is_alone {
            Flights::alone(request, board())
        } else {
            cache.flights().join_or_board(lookup.flight(), request, board)
        };
        let is_first = seat.is_first();
        if !is_first {
            note(&request.context, CacheOutcome::new(CacheStatus::Collapsed));
        }
        match poll_fn(|cx| seat.poll_begun(cx)).await {
            Ok(begun) => {
                if is_first {
                    count(cache, &request.context);
                }
                let is_same = is_first || is_same_wire(seat.leader(), request);
                return match is_same && !(request.operation.is_conversation() && is_disguised(cache, &begun)) {
                    true => forward(cache, seat, &begun).await,
                    false => render(cache, seat, request).await,
                };
            }
            // One of those who waited asks again, for all of them.
            Err(error) if !is_first && !has_waited && error.is_retryable() => has_waited = true,
            Err(error) => {
                request.context.observe(|observed| observed.cache = None);
                return Err(error);
            }
        }
    }
}

fn count(cache: &AnswerCache, context: &Context) {
    let status = context.observe(|observed| observed.cache.as_ref().map(|outcome| outcome.status));
    if status == Some(CacheStatus::Miss) {
        cache.statistics().missed();
    }
}

/// Whether two clients expect the very same bytes.
fn is_same_wire(one: &Request, other: &Request) -> bool {
    one.operation == other.operation
        && one.protocol == other.protocol
        && one.head.stream == other.head.stream
        && one.body == other.body
}

/// Whether even the first client gets an answer as a stored one would be written, and not as the provider wrote it, so that
/// it cannot be told which of them it is. What is compressed is never stored.
fn is_disguised(cache: &AnswerCache, begun: &Begun) -> bool {
    let is_answer = begun.status == StatusCode::OK && !begun.headers.contains_key(CONTENT_ENCODING);
    cache.settings().conceals() && is_answer
}

/// Answers with the bytes as they come.
async fn forward(cache: &Arc<AnswerCache>, mut seat: Seat, begun: &Begun) -> Result<Response, Error> {
    let (status, mut headers) = (begun.status, begun.headers.clone());
    if is_disguised(cache, begun) {
        // What the provider says beside its answer is not kept.
        headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    }
    let mut before = Vec::new();
    if !begun.is_stream {
        // Whole answers are usually here already, and then the client is told whether its answer was stored.
        let mut bytes = 0;
        while bytes <= cache.settings().max_entry {
            match poll_fn(|cx| seat.poll_chunk(cx)).await {
                None => {
                    seat.finish();
                    return Ok(Response { status, headers, body: joined(before) });
                }
                Some(chunk) => {
                    let chunk = chunk?;
                    bytes += chunk.raw.len();
                    before.push(chunk.raw.clone());
                }
            }
        }
    }
    Ok(Response { status, headers, body: Body::arriving(Raw::new(before, seat)) })
}

fn joined(mut pieces: Vec<bytes::Bytes>) -> Body {
    pieces.retain(|piece| !piece.is_empty());
    match pieces.len() {
        0 => Body::empty(),
        1 => Body::from(pieces.swap_remove(0)),
        _ => Body::pieces(pieces),
    }
}

/// Answers in the client's own protocol and manner with what another asked for in its own.
async fn render(cache: &Arc<AnswerCache>, mut seat: Seat, request: &Request) -> Result<Response, Error> {
    let unreadable = || Error::new(ErrorKind::UpstreamInvalid, "The provider's answer cannot be read.");
    let naming = naming();
    if request.is_streamed() {
        let (writer, content_type) = cache.codec().write_stream(request, &naming).ok_or_else(unreadable)?;
        let mut response = Response::new(Body::arriving(Rendered::new(seat, writer)));
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        return Ok(response);
    }
    let mut chunks: Vec<Arc<Chunk>> = Vec::new();
    while let Some(chunk) = poll_fn(|cx| seat.poll_chunk(cx)).await {
        chunks.push(chunk?);
    }
    let events: Vec<Event> = chunks.iter().flat_map(|chunk| chunk.events.iter().cloned()).collect();
    let is_complete = events.iter().any(|event| matches!(event, Event::End));
    let mut answer = cache.codec().gather(&events);
    (answer.id, answer.created) = (None, None);
    let body = match cache.codec().write_whole(request, &answer, &naming).filter(|_| is_complete) {
        Some(body) => body.into(),
        // Its client may understand it.
        None if seat.is_first() => joined(chunks.iter().map(|chunk| chunk.raw.clone()).collect()),
        None => return Err(unreadable()),
    };
    seat.finish();
    let mut response = Response::new(body);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
