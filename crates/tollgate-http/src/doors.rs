//! The service.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tollgate_core::ir::Protocol;
use tollgate_core::{Body, BoxError, BoxFuture, Error, ErrorKind, Operation, Request, Response};
use tower_service::Service;

use crate::auth::{Authenticate, Open, credential, query_credential};
use crate::intake::{self, Client, DoorLimits};
use crate::known::{KnownBodies, NoBodies};
use crate::models::{self, ListModels, NoModels};
use crate::receive::receive;
use crate::reply::{self, Shape};
use crate::request_id::request_id;
use crate::routes::{self, Door};
use crate::spare::Spare;

/// All front doors over one stack. Cheap to clone. See the [crate docs](crate).
pub struct FrontDoors<S> {
    stack: Spare<S>,
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    base_path: String,
    authenticate: Arc<dyn Authenticate>,
    models: Arc<dyn ListModels>,
    known: Arc<dyn KnownBodies>,
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
            known: Arc::new(NoBodies),
            limits: DoorLimits::default(),
        };
        Self { stack: Spare::new(stack), settings: Arc::new(settings) }
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

    /// Sets who knows bodies that came before. Defaults to nobody.
    #[must_use]
    pub fn known_bodies(mut self, known: impl KnownBodies + 'static) -> Self {
        self.change(|settings| settings.known = Arc::new(known));
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
                Ok((request, shape)) => Ok(answer(stack, request, shape).await),
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
) -> Result<(Request, Shape), Box<http::Response<Body>>>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let request_id = request_id(&parts.headers);
    let path = parts.uri.path().strip_prefix(&*settings.base_path);
    let protocol = routes::protocol(path.unwrap_or_default(), &parts.headers);
    let refused = |error: Error| Box::new(reply::refusal(protocol, &error, &request_id));
    let Some(path) = path else {
        return Err(refused(Error::new(ErrorKind::NotFound, format!("There is nothing at {}.", parts.uri.path()))));
    };
    let credential = credential(&parts.headers).or_else(|| query_credential(protocol, parts.uri.query()));
    let identity = settings.authenticate.authenticate(credential.as_ref()).await.map_err(refused)?;
    let door = match routes::find(&parts.method, path).map_err(refused)? {
        Door::ListModels => {
            let list = settings.models.list(&identity).await.map(|list| models::list_in(protocol, list));
            return Err(models_reply(protocol, list, &request_id));
        }
        Door::DescribeModel(id) => {
            // SDKs encode the slash of `provider/model` in a path.
            let name = percent_decode_str(id).decode_utf8_lossy();
            let model = settings.models.describe(&name, &identity).await;
            let model = model.map(|model| models::described_in(protocol, model));
            return Err(models_reply(protocol, model, &request_id));
        }
        Door::OllamaVersion => {
            let version = concat!("{\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");
            return Err(models_reply(protocol, Ok(Bytes::from_static(version.as_bytes())), &request_id));
        }
        door => door,
    };
    let body = receive(body, settings.limits.max_body, settings.limits.body_idle).await.map_err(refused)?;
    let client = Client { request_id: request_id.clone(), credential, identity, received };
    let taken = match door {
        Door::Passthrough { provider, path } => {
            intake::passthrough(provider, path, &parts, body, client, settings.limits)
        }
        Door::Operation(entry) => intake::operation(&entry, &parts, body, client, settings.limits, &*settings.known),
        Door::ListModels | Door::DescribeModel(_) | Door::OllamaVersion => {
            Err(Error::new(ErrorKind::Internal, "This door was passed already."))
        }
    };
    let request = taken.map_err(refused)?;
    let shape = Shape::of(&request, parts.uri.query());
    Ok((request, shape))
}

async fn answer<S>(spare: Spare<S>, request: Request, shape: Shape) -> http::Response<Body>
where
    S: Service<Request, Response = Response, Error = Error> + Clone,
{
    let context = request.context.clone();
    let mut stack = spare.take();
    let answered = match std::future::poll_fn(|cx| stack.poll_ready(cx)).await {
        Ok(()) => {
            let answering = stack.call(request);
            spare.give_back(stack);
            answering.await
        }
        Err(error) => Err(error),
    };
    match answered {
        Ok(response) => reply::answer(shape, response, &context),
        Err(error) => reply::failure(shape.protocol, &error, &context),
    }
}

fn models_reply(protocol: Protocol, answer: Result<Bytes, Error>, request_id: &Arc<str>) -> Box<http::Response<Body>> {
    Box::new(match answer {
        Ok(json) => {
            let context = tollgate_core::Context::builder(request_id.clone()).build();
            let shape = Shape { protocol, ..Shape::plain(Operation::ChatCompletions) };
            reply::answer(shape, Response::new(json.into()), &context)
        }
        Err(error) => reply::refusal(protocol, &error, request_id),
    })
}

impl<S> Clone for FrontDoors<S> {
    fn clone(&self) -> Self {
        Self { stack: self.stack.clone(), settings: self.settings.clone() }
    }
}

impl<S> fmt::Debug for FrontDoors<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontDoors").field("base_path", &self.settings.base_path).finish_non_exhaustive()
    }
}
