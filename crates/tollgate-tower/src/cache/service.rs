//! The service.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use tollgate_cache::flight::{Begun, Chunk, Flights, Seat};
use tollgate_cache::{AnswerCache, Found, Lookup, Plan, naming};
use tollgate_core::ir::Event;
use tollgate_core::{
    Body, BoxFuture, CacheOutcome, CacheStatus, Context, Error, ErrorKind, Outcome, Request, Response, boxed,
};
use tower_service::Service;

use super::background::refresh;
use super::body::{Raw, Rendered};
use super::reuse::{asking, rephrased};

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
        Box::pin(async move {
            let stale = match cache.find(&mut lookup).await {
                Found::Fresh(entry) => {
                    if let Some(response) = cache.serve_exact(&request, &lookup, &entry) {
                        return Ok(complete(response, &request.context));
                    }
                    None
                }
                Found::Stale(entry) => {
                    if let Some(response) = cache.serve(&request, &entry, CacheStatus::Stale, "stale-while-revalidate")
                    {
                        refresh(&cache, background.clone(), &request, &lookup);
                        return Ok(complete(response, &request.context));
                    }
                    None
                }
                Found::ForErrors(entry) => Some(entry),
                Found::Nothing => None,
            };
            if lookup.directives.only_if_cached {
                if let Some(response) = rephrased(&cache, &request, &lookup).await {
                    return Ok(complete(response, &request.context));
                }
                cache.statistics().missed();
                let message = "No stored answer matches this request, and the request wants no other.";
                return Err(Error::new(ErrorKind::NotCached, message));
            }
            match ask(&cache, &mut inner, &mut background, &request, &lookup).await {
                Err(error) if error.is_retryable() || error.kind() == ErrorKind::Upstream => {
                    let served =
                        stale.and_then(|entry| cache.serve(&request, &entry, CacheStatus::Stale, "stale-if-error"));
                    served.map(|response| complete(response, &request.context)).ok_or(error)
                }
                answered => answered,
            }
        })
    }
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
    request: &Request,
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
        let board = || asking(cache, caller, background.clone(), request, lookup);
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
            Ok(begun) if is_first || is_same_wire(seat.leader(), request) => {
                if is_first {
                    count(cache, &request.context);
                }
                return forward(cache, seat, &begun).await;
            }
            Ok(_) => return render(cache, seat, request).await,
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

/// Answers with the bytes as they come.
async fn forward(cache: &Arc<AnswerCache>, mut seat: Seat, begun: &Begun) -> Result<Response, Error> {
    let (status, headers) = (begun.status, begun.headers.clone());
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
    let body = cache.codec().write_whole(request, &answer, &naming).filter(|_| is_complete).ok_or_else(unreadable)?;
    seat.finish();
    let mut response = Response::new(Body::from(body));
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers.remove(CONTENT_LENGTH);
    Ok(response)
}
