//! Responses that are made while nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tollgate_core::ir::Answer;
use tollgate_core::{Error, ErrorKind, Request, Response};
use tollgate_protocols::codec::{self, Echo};
use tollgate_protocols::json;
use tower_service::Service;

use super::store::{Entry, KeptResponse, ResponseStore};
use super::with_members;
use crate::translate::collect;

/// How many run at once; each holds a request and, in the end, an answer.
const MAX_RUNNING: usize = 1024;

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// A place among those that run, given back when it is dropped.
struct Place;

impl Place {
    fn take() -> Result<Self, Error> {
        if RUNNING.fetch_add(1, Ordering::Relaxed) >= MAX_RUNNING {
            RUNNING.fetch_sub(1, Ordering::Relaxed);
            let message = "As many responses run in the background as may.";
            return Err(Error::new(ErrorKind::Overloaded, message));
        }
        Ok(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers at once with a queued response, and makes it meanwhile.
pub(super) fn start<S>(inner: S, request: Request, store: &Arc<ResponseStore>) -> Result<Response, Error>
where
    S: Service<Request, Response = Response, Error = Error> + Send + 'static,
    S::Future: Send,
{
    let place = Place::take()?;
    let id = codec::new_id("resp_");
    let queued = queued(&request, &id)?;
    let (context, body) = (request.context.clone(), request.body.clone());
    let entry = |response: Bytes, running| Entry::Here(KeptResponse { body: body.clone(), response, running });
    // Kept before it runs, since it may be over before its handle is known.
    store.put(&context, &id, entry(queued.clone(), None));
    let run = {
        let (store, context, queued, body, id) =
            (store.clone(), context.clone(), queued.clone(), body.clone(), id.clone());
        async move {
            let _place = place;
            let made = make(inner, request).await;
            let response = made
                .ok()
                .and_then(|made| with_members(&made, &[("id", &json::literal(&id)), ("background", "true")]))
                .unwrap_or_else(|| failed(&queued));
            store.update(&context, &id, Entry::Here(KeptResponse { body, response, running: None }));
        }
    };
    let running = tokio::spawn(run).abort_handle();
    if !running.is_finished() {
        let in_progress = with_members(&queued, &[("status", "\"in_progress\"")]).unwrap_or_else(|| queued.clone());
        store.start(&context, &id, in_progress, running);
    }
    Ok(Response::new(queued.into()))
}

async fn make<S>(mut inner: S, request: Request) -> Result<Bytes, Error>
where
    S: Service<Request, Response = Response, Error = Error>,
{
    std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
    let response = inner.call(request).await?;
    collect(response.body).await
}

/// The response object before anything was generated.
fn queued(request: &Request, id: &str) -> Result<Bytes, Error> {
    let prompt = codec::decode_request(request.protocol, &request.body)?;
    let echo = Echo {
        model: prompt.model.clone(),
        prompt: Arc::new(prompt),
        now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        id: None,
    };
    let empty = codec::encode_answer(&Answer::default(), &echo);
    let members = [
        ("id", &*json::literal(id)),
        ("status", "\"queued\""),
        ("background", "true"),
        ("completed_at", "null"),
        ("usage", "null"),
        ("output", "[]"),
        ("incomplete_details", "null"),
    ];
    with_members(&empty, &members).ok_or_else(|| Error::new(ErrorKind::Internal, "The response could not be written."))
}

fn failed(queued: &Bytes) -> Bytes {
    let error = r#"{"code":"server_error","message":"The response could not be made."}"#;
    with_members(queued, &[("status", "\"failed\""), ("error", error)]).unwrap_or_else(|| queued.clone())
}
