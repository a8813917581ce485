//! Where a request goes.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Error, Request};

/// A boxed future that may borrow from its maker.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Boxes a future, unless it is a [`BoxFuture`] already.
///
/// Layers that let most requests through return their inner service's future as it is; inside of another such layer that would
/// be boxed a second time, and polled through both.
pub fn boxed<F>(future: F) -> BoxFuture<'static, F::Output>
where
    F: Future + Send + 'static,
    F::Output: 'static,
{
    let mut future = Some(future);
    // Which of the two it is the compiler knows, and leaves only that.
    let is_boxed = (&mut future as &mut dyn Any).downcast_mut::<Option<BoxFuture<'static, F::Output>>>();
    if let Some(boxed) = is_boxed.and_then(Option::take) {
        return boxed;
    }
    match future {
        Some(future) => Box::pin(future),
        None => unreachable!("it was only taken where it was returned"),
    }
}

/// A provider and the model's name there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The provider's name in this gateway.
    pub provider: Arc<str>,
    /// The model as the provider calls it; empty for a pass-through whose model is not known.
    pub model: Arc<str>,
}

impl Target {
    /// A target from its two names.
    pub fn new(provider: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        Self { provider: provider.into(), model: model.into() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// Decides who answers a request.
pub trait Route: Send + Sync {
    /// The target of `request`, or the error its client gets, such as an unknown model.
    fn route<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Target, Error>>;

    /// The same, where nothing has to be waited for; `None` has [`route`](Self::route) asked, and is the default.
    fn route_now(&self, request: &Request) -> Option<Result<Target, Error>> {
        let _ = request;
        None
    }
}

impl<R: Route + ?Sized> Route for Arc<R> {
    fn route<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Target, Error>> {
        (**self).route(request)
    }

    fn route_now(&self, request: &Request) -> Option<Result<Target, Error>> {
        (**self).route_now(request)
    }
}
