//! Decides who answers.
//!
//! The decision is a [`Route`]'s; this layer asks for it, writes it into the request and notes it for accounting. A request
//! that already has a target keeps it.

use std::task::{Context, Poll};

use tollgate_core::{BoxFuture, Error, Request, Response, Route as Decide, Target, boxed};
use tower_layer::Layer;
use tower_service::Service;

/// Makes [`Route`]. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct RouteLayer<R> {
    decide: R,
}

/// Gives each request its target. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Route<S, R> {
    inner: S,
    decide: R,
}

impl<R> RouteLayer<R> {
    /// Routes by `decide`, usually an `Arc` of something.
    #[must_use]
    pub fn new(decide: R) -> Self {
        Self { decide }
    }
}

impl<S, R: Clone> Layer<S> for RouteLayer<R> {
    type Service = Route<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Route { inner, decide: self.decide.clone() }
    }
}

impl<S, R> Service<Request> for Route<S, R>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
    R: Decide + Clone + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let known = request.target.take().map(Ok).or_else(|| self.decide.route_now(&request));
        match known {
            Some(Ok(target)) => {
                note(&mut request, target);
                return boxed(self.inner.call(request));
            }
            Some(Err(error)) => return Box::pin(std::future::ready(Err(error))),
            None => {}
        }
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let decide = self.decide.clone();
        Box::pin(async move {
            let target = decide.route(&request).await?;
            note(&mut request, target);
            inner.call(request).await
        })
    }
}

fn note(request: &mut Request, target: Target) {
    request.context.observe(|observed| observed.target = Some(target.clone()));
    request.target = Some(target);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tollgate_core::ErrorKind;
    use tower::{Layer as _, ServiceExt, service_fn};

    use super::*;
    use crate::test_helpers::chat;

    struct ByModel;

    impl Decide for ByModel {
        fn route<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Target, Error>> {
            Box::pin(async move {
                match request.head.model_name() {
                    Some("known") => Ok(Target::new("there", "it")),
                    _ => Err(Error::new(ErrorKind::ModelNotFound, "no")),
                }
            })
        }
    }

    #[tokio::test]
    async fn the_target_is_set_and_noted() {
        let echo = service_fn(|request: Request| async move {
            let target = request.target.expect("is set").to_string();
            Ok::<_, Error>(Response::new(target.into()))
        });
        let request = chat();
        let context = request.context.clone();
        let response = RouteLayer::new(Arc::new(ByModel)).layer(echo).oneshot(request).await.expect("routed");
        assert_eq!(response.body.as_whole().expect("whole"), "there/it");
        assert_eq!(context.observed().target, Some(Target::new("there", "it")));
    }
}
