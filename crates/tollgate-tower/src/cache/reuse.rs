//! Answers of rephrased requests.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tollgate_cache::flight::Boarding;
use tollgate_cache::semantic::{LabelOf, Pending, Query, Searched};
use tollgate_cache::{AnswerCache, Lookup};
use tollgate_core::{CacheStatus, Error, Request, Response};
use tower_service::Service;

use super::background::compare;
use super::boarding::{Then, boarding, explain};
use super::service::complete;
use super::timed::served;

/// A flight whose answer is that of a rephrased request, if there is one that may be served, and else the provider's.
pub(super) fn asking<S, B>(
    cache: &Arc<AnswerCache>,
    mut caller: S,
    background: B,
    (request, since): (&Request, Instant),
    lookup: &Lookup,
) -> Boarding
where
    S: Service<Request, Response = Response, Error = Error> + Send + 'static,
    S::Future: Send + 'static,
    B: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    B::Future: Send,
{
    let query = match cache.query(lookup, request) {
        Some(Ok(query)) => query,
        refused => {
            let detail = refused.and_then(Result::err);
            explain(&request.context, detail);
            let calling = Box::pin(caller.call(request.clone()));
            return boarding(cache, calling, request, lookup, Then::Store);
        }
    };
    let found = Arc::new(Mutex::new(None));
    let calling = reuse(
        cache.clone(),
        caller,
        background,
        (request.clone(), since),
        lookup.clone(),
        (query.clone(), found.clone()),
    );
    boarding(cache, Box::pin(calling), request, lookup, Then::Settle { query, found, of: LabelOf::Miss })
}

/// Answers with what a rephrased request was answered, or asks the provider.
async fn reuse<S, B>(
    cache: Arc<AnswerCache>,
    mut caller: S,
    background: B,
    (request, since): (Request, Instant),
    lookup: Lookup,
    (query, found): (Arc<Query>, Arc<Mutex<Option<Pending>>>),
) -> Result<Response, Error>
where
    S: Service<Request, Response = Response, Error = Error>,
    B: Service<Request, Response = Response, Error = Error> + Send + 'static,
    B::Future: Send + 'static,
{
    let Some(semantic) = cache.semantic() else { return caller.call(request).await };
    let Searched { serve, reason, pending } = semantic.search(&cache, &lookup, &query).await;
    if let Some((entry, shadow)) = serve
        && let Some(response) = served(&cache, (&request, since), &entry, CacheStatus::Hit, "semantic").await
    {
        if shadow {
            compare(&cache, background, &request, &lookup, query, pending);
        }
        return Ok(response);
    }
    explain(&request.context, Some(reason));
    *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
    caller.call(request).await
}

/// The answer of a rephrased request, for a client that wants no other.
pub(super) async fn rephrased(cache: &Arc<AnswerCache>, request: &Request, lookup: &Lookup) -> Option<Response> {
    let query = cache.query(lookup, request)?.ok()?;
    let searched = cache.semantic()?.search(cache, lookup, &query).await;
    let response = cache.serve(request, &searched.serve?.0, CacheStatus::Hit, "semantic")?;
    Some(complete(response, &request.context))
}
