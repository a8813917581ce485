//! What a flight is made of, and what follows when it has landed.

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_cache::flight::Boarding;
use tollgate_cache::semantic::{LabelOf, Pending, Query};
use tollgate_cache::{AnswerCache, Lookup};
use tollgate_core::{BoxFuture, Context, Error, Request, Response};

/// How much more of an answer is kept for those who come late or read slowly than may be stored, in bytes.
const SLACK: usize = 4 * 1024 * 1024;

/// What follows when an answer has landed.
pub(super) enum Then {
    /// It is stored.
    Store,
    /// It is also learned from, unless it is that of another request.
    Settle { query: Arc<Query>, found: Arc<Mutex<Option<Pending>>>, of: LabelOf },
}

pub(super) fn boarding(
    cache: &Arc<AnswerCache>,
    calling: BoxFuture<'static, Result<Response, Error>>,
    request: &Request,
    lookup: &Lookup,
    then: Then,
) -> Boarding {
    let codec = cache.codec().clone();
    let (asked, filling) = (request.clone(), (cache.clone(), lookup.clone(), request.clone()));
    Boarding {
        calling,
        make_reader: Box::new(move |begun| {
            let is_readable = asked.operation.is_conversation() && begun.status == http::StatusCode::OK;
            is_readable.then(|| codec.reader(&asked, begun.is_stream))
        }),
        on_landing: Box::new(move |landing| {
            let (cache, lookup, request) = filling;
            let settling = match then {
                Then::Store => None,
                Then::Settle { query, found, of } => match take(&found) {
                    Some(pending) => Some((query, pending, of)),
                    // What was served is the answer to another request.
                    None => return,
                },
            };
            let filled = cache.fill(&lookup, request.operation, &request.context, landing);
            request.context.observe(|observed| {
                if let Some(outcome) = &mut observed.cache {
                    outcome.stored = filled.outcome.is_ok();
                    outcome.detail = filled.outcome.as_ref().err().map(|reason| reason.as_str()).or(outcome.detail);
                }
            });
            // Outside of a runtime, which is where one that stops drops its tasks, there is nobody to write it for.
            let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
            if let Some(write) = filled.write {
                runtime.spawn(write);
            }
            if let (Some((query, pending, of)), Ok(fresh)) = (settling, filled.outcome) {
                runtime.spawn(async move {
                    if let Some(semantic) = cache.semantic() {
                        semantic.settle(&cache, &lookup, &query, pending, fresh, of).await;
                    }
                });
            }
        }),
        limit: cache.settings().max_entry.saturating_add(SLACK),
    }
}

pub(super) fn take(found: &Mutex<Option<Pending>>) -> Option<Pending> {
    found.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Notes why a request is not answered semantically.
pub(super) fn explain(context: &Context, detail: Option<&'static str>) {
    context.observe(|observed| {
        if let Some(outcome) = &mut observed.cache {
            outcome.detail = detail;
        }
    });
}
