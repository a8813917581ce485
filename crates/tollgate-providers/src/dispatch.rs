//! The innermost service: calls the provider that routing chose.

use std::sync::Arc;
use std::task::{Context, Poll};

use tollgate_core::{BoxFuture, Error, ErrorKind, Request, Response};
use tower_service::Service;

use crate::translate::{self, Replays};
use crate::{Registry, Wire};

/// Sends each request to the provider named in its target, translated where the provider speaks another protocol than the
/// client.
#[derive(Clone, Debug)]
pub struct Dispatch {
    registry: Arc<Registry>,
    replays: Arc<Replays>,
}

impl Dispatch {
    /// Dispatches to the providers of a registry.
    #[must_use]
    pub fn new(registry: Arc<Registry>) -> Self {
        Self { registry, replays: Arc::default() }
    }
}

impl Service<Request> for Dispatch {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (registry, replays) = (self.registry.clone(), self.replays.clone());
        Box::pin(async move {
            let provider = request.target.as_ref().and_then(|target| registry.provider(&target.provider));
            let Some(provider) = provider else {
                return Err(Error::new(ErrorKind::Internal, "The request reached a provider without being routed."));
            };
            let model = request.target.as_ref().map(|target| target.model.clone()).unwrap_or_default();
            match provider.wire(request.operation, request.protocol, &model) {
                Some(Wire::Translated(protocol)) => {
                    Box::pin(translate::call(&**provider, request, protocol, &replays)).await
                }
                _ => provider.call(request).await,
            }
        })
    }
}
