//! The service.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use tollgate_core::{Body, BoxError, BoxFuture, Error, ErrorKind, Operation, Request, Response};
use tower_service::Service;

use crate::auth::{Authenticate, Open, credential};
use crate::intake::{self, Client, DoorLimits};
use crate::models::{ListModels, NoModels};
use crate::receive::receive;
use crate::reply;
use crate::request_id::request_id;
use crate::routes::{self, Door};

/// All front doors over one stack. Cheap to clone if the stack is. See the [crate docs](crate).
#[derive(Clone)]
pub struct FrontDoors<S> {
    stack: S,
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    base_path: String,
    authenticate: Arc<dyn Authenticate>,
    models: Arc<dyn ListModels>,
    limits: DoorLimits,
}

impl<S> FrontDoors<S> {
    /// Doors that everybody may pass, at the root, to a stack without a list of models.
    #[must_use]
    pub fn new(stack: S) -> Self {
        let settings = Settings {
            base_path: String::new(),
            authenticate: Arc::new(Open),
            models: Arc::new(NoModels),
            limits: DoorLimits::default(),
        };
        Self { stack, settings: Arc::new(settings) }
    }

    /// Sets the path that all doors are below, such as `/llm`. Defaults to none.
    #[must_use]
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.change(|settings| settings.base_path = path.into());
        self
    }

    /// Sets who may come in. Defaults to everybody.
    #[must_use]
    pub fn authenticate(mut self, authenticate: impl Authenticate + 'static) -> Self {
        self.change(|settings| settings.authenticate = Arc::new(authenticate));
        self
    }

    /// Sets who knows the models. Defaults to an empty list.
    #[must_use]
    pub fn models(mut self, models: impl ListModels + 'static) -> Self {
        self.change(|settings| settings.models = Arc::new(models));
        self
    }

    /// Sets the bounds on requests.
    #[must_use]
    pub fn limits(mut self, limits: DoorLimits) -> Self {
        self.change(|settings| settings.limits = limits);
        self
    }

    fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        change(Arc::make_mut(&mut self.settings));
    }
}

impl<S, B> Service<http::Request<B>> for FrontDoors<S>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The stack is asked for readiness once the body is here; a request that is refused at the door needs no place in it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (stack, settings, received) = (self.stack.clone(), self.settings.clone(), Instant::now());
        Box::pin(async move {
            // Each stage in a box of its own: together they are so large that allocating them is slow.
            match Box::pin(come_in(request, settings, received)).await {
                Ok(request) => Ok(answer(stack, request).await),
                Err(reply) => Ok(*reply),
            }
        })
    }
}

/// Everything before the stack: who is it, where to, and what. An answer, if it does not come to a request for the stack.
async fn come_in<B>(
    request: http::Request<B>,
    settings: Arc<Settings>,
    received: Instant,
) -> Result<Request, Box<http::Response<Body>>>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let request_id = request_id(&parts.headers);
    let refused = |error: Error| Box::new(reply::error_response(&error, &request_id));
    let Some(path) = parts.uri.path().strip_prefix(&*settings.base_path) else {
        return Err(refused(Error::new(ErrorKind::NotFound, format!("There is nothing at {}.", parts.uri.path()))));
    };
    let credential = credential(&parts.headers);
    let identity = settings.authenticate.authenticate(credential.as_ref()).await.map_err(refused)?;
    let (operation, provider_path) = match routes::find(&parts.method, path).map_err(refused)? {
        Door::Operation(operation) => (operation, None),
        Door::Passthrough { provider, path } => (Operation::Passthrough, Some((provider, path))),
        Door::ListModels => return Err(models_reply(settings.models.list().await, &request_id)),
        Door::DescribeModel(id) => {
            // SDKs encode the slash of `provider/model` in a path.
            let name = percent_decode_str(id).decode_utf8_lossy();
            return Err(models_reply(settings.models.describe(&name).await, &request_id));
        }
    };
    let body = receive(body, settings.limits.max_body, settings.limits.body_idle).await.map_err(refused)?;
    let client = Client { request_id: request_id.clone(), credential, identity, received };
    take_in(operation, provider_path, &parts, body, client, settings.limits).map_err(refused)
}

async fn answer<S>(mut stack: S, request: Request) -> http::Response<Body>
where
    S: Service<Request, Response = Response, Error = Error>,
{
    let operation = request.operation;
    let context = request.context.clone();
    let answered = match std::future::poll_fn(|cx| stack.poll_ready(cx)).await {
        Ok(()) => stack.call(request).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(response) => reply::answer(operation, response, &context),
        Err(error) => reply::failure(&error, &context),
    }
}

fn take_in(
    operation: Operation,
    provider_path: Option<(&str, &str)>,
    parts: &Parts,
    body: Bytes,
    client: Client,
    limits: DoorLimits,
) -> Result<Request, Error> {
    match provider_path {
        Some((provider, path)) => intake::passthrough(provider, path, parts, body, client, limits),
        None => intake::operation(operation, parts, body, client, limits),
    }
}

fn models_reply(answer: Result<Bytes, Error>, request_id: &Arc<str>) -> Box<http::Response<Body>> {
    Box::new(match answer {
        Ok(json) => {
            let context = tollgate_core::Context::builder(request_id.clone()).build();
            reply::answer(Operation::ChatCompletions, Response::new(json.into()), &context)
        }
        Err(error) => reply::error_response(&error, request_id),
    })
}

impl<S> fmt::Debug for FrontDoors<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontDoors").field("base_path", &self.settings.base_path).finish_non_exhaustive()
    }
}
