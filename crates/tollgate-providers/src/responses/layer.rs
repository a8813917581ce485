//! The layer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use tollgate_core::ir::Protocol;
use tollgate_core::{
    Body, BoxFuture, Error, ErrorKind, Operation, Outcome, Passthrough, Request, Response, Route, boxed,
};
use tollgate_protocols::json::{self, Value};
use tollgate_protocols::openai::{HeadLimits, read_head};
use tollgate_protocols::openai_responses::replay::replay;
use tollgate_protocols::openai_responses::store::{self as items, Page};
use tower_layer::Layer;
use tower_service::Service;

use super::capture::{Captured, Keep, Keeper};
use super::store::{Entry, KeptResponse, ResponseStore};
use super::{background, with_members, without_members};
use crate::{Registry, Wire};

/// Makes [`Responses`]. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct ResponsesLayer {
    registry: Arc<Registry>,
    store: Arc<ResponseStore>,
}

/// Keeps responses. See the [module docs](super).
#[derive(Clone)]
pub struct Responses<S> {
    inner: S,
    registry: Arc<Registry>,
    store: Arc<ResponseStore>,
}

impl ResponsesLayer {
    /// Keeps responses in a store, unless the provider of a registry that answers keeps them itself.
    #[must_use]
    pub fn new(registry: Arc<Registry>, store: Arc<ResponseStore>) -> Self {
        Self { registry, store }
    }
}

impl<S> Layer<S> for ResponsesLayer {
    type Service = Responses<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Responses { inner, registry: self.registry.clone(), store: self.store.clone() }
    }
}

impl<S> Service<Request> for Responses<S>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !matches!(request.operation, Operation::Responses | Operation::StoredResponse) {
            return boxed(self.inner.call(request));
        }
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let this = Self { inner, registry: self.registry.clone(), store: self.store.clone() };
        Box::pin(async move {
            match request.operation {
                Operation::StoredResponse => this.stored(request).await,
                _ => this.create(request).await,
            }
        })
    }
}

/// What a request to make a response says of keeping.
struct Asked {
    store: bool,
    background: bool,
    previous: Option<String>,
    refers: bool,
}

impl Asked {
    fn read(body: &[u8]) -> Option<Self> {
        let value = json::parse(body).ok()?;
        let flag = |name: &str| value.get(name).and_then(Value::as_bool);
        let is_reference = |item: &Value<'_>| item.str("type") == Some("item_reference");
        Some(Self {
            store: flag("store").unwrap_or(true),
            background: flag("background").unwrap_or(false),
            previous: value.string("previous_response_id"),
            refers: value.array("input").iter().any(is_reference),
        })
    }
}

impl<S> Responses<S>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    async fn create(mut self, mut request: Request) -> Result<Response, Error> {
        // What cannot be routed is refused below, where refusals are recorded.
        let Ok(target) = self.registry.route(&request).await else { return self.inner.call(request).await };
        let provider = self.registry.provider(&target.provider).cloned();
        let wire = provider
            .as_ref()
            .and_then(|provider| provider.wire(Operation::Responses, Protocol::OpenAiResponses, &target.model));
        let is_same = wire == Some(Wire::Same);
        let keeps = is_same && provider.is_some_and(|provider| provider.keeps_responses());
        let there = target.provider.clone();
        request.target = Some(target);
        let Some(asked) = Asked::read(&request.body) else { return self.inner.call(request).await };
        self.go_on(&mut request, &asked, keeps)?;
        if keeps {
            return self.answer(request, asked.store.then_some(Keep::There(there))).await;
        }
        let kept = request.body.clone();
        if is_same {
            // It would look for what it never kept.
            let own = ["previous_response_id", "background"];
            let body = without_members(&request.body, &own);
            exchange(&mut request, body)?;
        }
        if asked.background && !request.is_streamed() {
            if !asked.store {
                let message = "A response in the background must be stored.";
                return Err(Error::invalid_request(message, Some("store")));
            }
            return background::start(self.inner, request, &self.store);
        }
        self.answer(request, asked.store.then_some(Keep::Here(kept))).await
    }

    /// Puts what a request goes on from before its own input, where the gateway keeps it.
    fn go_on(&self, request: &mut Request, asked: &Asked, keeps: bool) -> Result<(), Error> {
        if asked.refers && !keeps {
            let body = items::resolve_references(&request.body, |id| self.find_item(&request.context, id))?;
            exchange(request, Some(body))?;
        }
        let Some(previous) = &asked.previous else { return Ok(()) };
        match self.store.get(&request.context, previous) {
            Some(Entry::Here(kept)) => {
                let history = items::history(&kept.body, &kept.response)?;
                let expanded = items::expand(&history, &request.body)?;
                let literal = json::literal(previous);
                // The answer repeats it.
                let named = with_members(&expanded, &[("previous_response_id", &literal)]).filter(|_| !keeps);
                exchange(request, Some(named.unwrap_or(expanded)))
            }
            // Its own provider knows it, and another one says that it does not.
            Some(Entry::There(_)) | None if keeps => Ok(()),
            _ => {
                let message = format!("Previous response with id '{previous}' not found.");
                Err(Error::new(ErrorKind::PreviousResponseNotFound, message).with_param("previous_response_id"))
            }
        }
    }

    fn find_item(&self, context: &tollgate_core::Context, id: &str) -> Option<String> {
        self.store.search(context, |kept| {
            let find = |body: &[u8], list: &str| {
                let value = json::parse(body).ok()?;
                value.array(list).iter().find(|item| item.str("id") == Some(id)).map(|item| item.raw().to_owned())
            };
            find(&kept.response, "output").or_else(|| find(&kept.body, "input"))
        })
    }

    async fn answer(mut self, request: Request, keep: Option<Keep>) -> Result<Response, Error> {
        let (context, body) = (request.context.clone(), request.body.clone());
        let response = self.inner.call(request).await?;
        let Some(mut keep) = keep else { return Ok(response) };
        let is_cached =
            context.observe(|observed| observed.cache.as_ref().is_some_and(|cache| cache.status.is_served()));
        if is_cached {
            // Under the name that this client was given its provider knows nothing.
            keep = Keep::Here(body);
        }
        let keeper = Keeper { store: self.store, context, keep };
        let is_json = response
            .headers
            .get(http::header::CONTENT_TYPE)
            .is_none_or(|value| value.as_bytes().starts_with(b"application/json"));
        if let (Some(whole), true) = (response.body.as_whole(), is_json) {
            keeper.keep(whole);
            return Ok(response);
        }
        Ok(response.map_body(|body| Captured::wrap(body, keeper)))
    }

    /// Answers for what is kept.
    async fn stored(self, request: Request) -> Result<Response, Error> {
        let Some(asked) = request.passthrough.clone() else { return Err(items::not_found("")) };
        let (path, query) = asked.path_and_query.split_once('?').unwrap_or((&asked.path_and_query, ""));
        let (id, what) = path.split_once('/').unwrap_or((path, ""));
        let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
        match self.store.get(&request.context, &id) {
            Some(Entry::Here(kept)) => self.here(&request, &id, what, query, &kept),
            Some(Entry::There(provider)) => self.there(request, &asked, &provider).await,
            // Made before the gateway started, perhaps. Where only one provider could have it, it is asked.
            None => match self.registry.only_keeper() {
                Some(provider) => self.there(request, &asked, &provider).await,
                None => Err(items::not_found(&id)),
            },
        }
    }

    fn here(
        &self,
        request: &Request,
        id: &str,
        what: &str,
        query: &str,
        kept: &KeptResponse,
    ) -> Result<Response, Error> {
        let method = request.passthrough.as_ref().map(|asked| &asked.method);
        request.context.observe(|observed| observed.outcome = Outcome::Complete);
        let body = match what {
            "input_items" => items::input_items(id, &kept.body, page(query))?,
            "cancel" => self.cancel(request, id, kept)?,
            _ if method == Some(&Method::DELETE) => {
                if let Some(Entry::Here(KeptResponse { running: Some(running), .. })) =
                    self.store.remove(&request.context, id)
                {
                    running.abort();
                }
                items::deleted(id)
            }
            _ if value(query, "stream") == Some("true") => return streamed(kept, query),
            _ => kept.response.clone(),
        };
        Ok(Response::new(Body::from(body)))
    }

    fn cancel(&self, request: &Request, id: &str, kept: &KeptResponse) -> Result<Bytes, Error> {
        let value = json::parse(&kept.response).ok();
        let is_background = value.as_ref().and_then(|value| value.get("background")).and_then(Value::as_bool);
        if is_background != Some(true) {
            let message = "Only a response that runs in the background can be cancelled.";
            return Err(Error::invalid_request(message, None));
        }
        let Some(running) = &kept.running else { return Ok(kept.response.clone()) };
        running.abort();
        let response = items::cancelled(&kept.response)?;
        let cancelled = KeptResponse { body: kept.body.clone(), response: response.clone(), running: None };
        self.store.update(&request.context, id, Entry::Here(cancelled));
        Ok(response)
    }

    /// Asks the provider that keeps it.
    async fn there(
        mut self,
        mut request: Request,
        asked: &Passthrough,
        provider: &Arc<str>,
    ) -> Result<Response, Error> {
        request.operation = Operation::Passthrough;
        let path_and_query = format!("responses/{}", asked.path_and_query);
        let forwarded = Passthrough { provider: provider.clone(), method: asked.method.clone(), path_and_query };
        request.passthrough = Some(Arc::new(forwarded));
        self.inner.call(request).await
    }
}

/// Gives a request another body, whose head has to be read again.
fn exchange(request: &mut Request, body: Option<Bytes>) -> Result<(), Error> {
    let body = body.ok_or_else(|| Error::invalid_request("The request body must be a JSON object.", None))?;
    request.head = Arc::new(read_head(&body, HeadLimits::default())?);
    request.body = body;
    Ok(())
}

/// A kept response as a stream, from where the client says that it has got to.
fn streamed(kept: &KeptResponse, query: &str) -> Result<Response, Error> {
    let after = match value(query, "starting_after") {
        Some(after) => Some(after.parse().map_err(|_| {
            Error::invalid_request("`starting_after` must be the sequence number of an event.", Some("starting_after"))
        })?),
        None => None,
    };
    let mut response = Response::new(Body::from(replay(&kept.response, after)?));
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn value<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn page(query: &str) -> Page<'_> {
    Page {
        after: value(query, "after").filter(|after| !after.is_empty()),
        limit: value(query, "limit").map(|limit| limit.parse().unwrap_or(0)),
        ascending: value(query, "order") == Some("asc"),
    }
}

impl<S> fmt::Debug for Responses<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses").field("store", &self.store).finish_non_exhaustive()
    }
}
