//! Calls that are made for no client.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use tollgate_cache::flight::{Flights, Seat};
use tollgate_cache::semantic::{LabelOf, Pending, Query};
use tollgate_cache::{AnswerCache, Lookup};
use tollgate_core::{BoxFuture, Context, Error, Identity, Request, Response};
use tower_service::Service;

use super::boarding::{Then, boarding};

/// Fetches a new answer for nobody in particular, unless somebody does already.
pub(super) fn refresh<B>(cache: &Arc<AnswerCache>, background: B, request: &Request, lookup: &Lookup)
where
    B: Service<Request, Response = Response, Error = Error> + Send + 'static,
    B::Future: Send + 'static,
{
    let (cache, lookup) = (cache.clone(), lookup.clone());
    in_background(background, on_behalf_of_the_gateway(request, "refresh"), move |calling, request| {
        let board = || boarding(&cache, calling, request, &lookup, Then::Store);
        let seat = cache.flights().join_or_board(lookup.flight(), request, board);
        // Else others fetch it already.
        seat.is_first().then_some(seat)
    });
}

/// Calls for no client, and reads the answer to its end.
fn in_background<B>(
    mut background: B,
    request: Request,
    board: impl FnOnce(BoxFuture<'static, Result<Response, Error>>, &Request) -> Option<Seat> + Send + 'static,
) where
    B: Service<Request, Response = Response, Error = Error> + Send + 'static,
    B::Future: Send + 'static,
{
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        if poll_fn(|cx| background.poll_ready(cx)).await.is_err() {
            return;
        }
        let asked = request.clone();
        // Only called once there is a flight for it: what is called and dropped would leave a record of its own.
        let calling = Box::pin(async move { background.call(asked).await });
        let Some(mut seat) = board(calling, &request) else { return };
        while let Some(Ok(_)) = poll_fn(|cx| seat.poll_chunk(cx)).await {}
    });
}

/// The same request with a context of its own: the client that caused it neither waits nor pays for it.
fn on_behalf_of_the_gateway(request: &Request, purpose: &str) -> Request {
    let id = format!("{}-{purpose}", request.context.request_id());
    let context = Context::builder(id).identity(Identity::of_key(GATEWAY)).build();
    context.observe(|observed| observed.target.clone_from(&request.target));
    Request { context, ..request.clone() }
}

/// The name under which the gateway's own calls are recorded.
const GATEWAY: &str = "tollgate";

/// Asks the provider what it would have answered, for nobody but the statistics.
pub(super) fn compare<B>(
    cache: &Arc<AnswerCache>,
    background: B,
    request: &Request,
    lookup: &Lookup,
    query: Arc<Query>,
    pending: Pending,
) where
    B: Service<Request, Response = Response, Error = Error> + Send + 'static,
    B::Future: Send + 'static,
{
    let found = Arc::new(Mutex::new(Some(pending)));
    let then = Then::Settle { query, found, of: LabelOf::Hit };
    let (cache, lookup) = (cache.clone(), lookup.clone());
    in_background(background, on_behalf_of_the_gateway(request, "shadow"), move |calling, request| {
        Some(Flights::alone(request, boarding(&cache, calling, request, &lookup, then)))
    });
}
