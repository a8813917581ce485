//! The provider itself.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_core::ir::Protocol;
use tollgate_core::{BoxFuture, Error, ErrorKind, Operation, Request, Response};
use tollgate_protocols::codec::Dialect;

use super::address::Address;
use super::answer::{self, Reading};
use super::builder::HttpProviderBuilder;
use super::keys::KeyRing;
use super::request::build_request;
use super::{failure, models};
use crate::transport::Transport;
use crate::{Descriptor, Model, Provider, Wire};

/// An OpenAI-compatible provider: a [`Descriptor`] with an address and keys. Cheap to clone.
#[derive(Clone)]
pub struct HttpProvider(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) name: Arc<str>,
    pub(super) descriptor: Descriptor,
    pub(super) address: Address,
    pub(super) keys: KeyRing,
    /// Headers of every request that has none of its own of the same name.
    pub(super) default_headers: HeaderMap,
    /// Headers of every request besides the key.
    pub(super) headers: HeaderMap,
    /// Both together, as an operation's request has them.
    pub(super) operation_headers: HeaderMap,
    pub(super) models: Vec<String>,
    pub(super) limits: AdapterLimits,
    pub(super) places: Option<Arc<Semaphore>>,
    pub(super) transport: Transport,
}

/// Bounds on what is kept of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterLimits {
    /// The largest event of a stream, in bytes. Defaults to 1 MiB.
    pub max_event: usize,
    /// The largest whole answer that is read before it is sent on, in bytes; a larger one flows through while its end is
    /// searched for counts. Defaults to 4 MiB.
    pub max_buffered: usize,
}

impl Default for AdapterLimits {
    fn default() -> Self {
        Self { max_event: 1024 * 1024, max_buffered: 4 * 1024 * 1024 }
    }
}

impl HttpProvider {
    /// A provider of a kind, under a name of its own.
    #[must_use]
    pub fn builder(name: &str, descriptor: &Descriptor) -> HttpProviderBuilder {
        HttpProviderBuilder::new(name, descriptor)
    }

    async fn answer(&self, request: Request) -> Result<Response, Error> {
        let this = &*self.0;
        let place = this.take_place()?;
        let key = this.keys.pick();
        let is_passthrough = request.operation == Operation::Passthrough;
        let is_forwarded = request.operation.is_forwarded();
        let (outgoing, mut expected) = build_request(this, request, key.is_some_and(|key| key.signs_body()))?;
        let (outgoing, secret) = outgoing.sign(key).await?;
        expected.key = secret;
        let response = this.transport.send(outgoing).await?;
        if is_passthrough {
            return Ok(answer::pass_through(response, expected, place).await);
        }
        if !response.status().is_success() {
            return Err(failure::read(response, key, expected.key.as_ref()).await);
        }
        if is_forwarded {
            return Ok(answer::pass_through(response, expected, place).await);
        }
        answer::read(response, Reading { provider: this, expected, place }).await
    }
}

impl Inner {
    /// A place among the provider's concurrent requests, if they are limited. There is no queue here: asked again, the
    /// gateway may try another provider.
    fn take_place(&self) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let Some(places) = &self.places else { return Ok(None) };
        places.clone().try_acquire_owned().map(Some).map_err(|_| {
            let message = format!("The provider `{}` is answering as many requests as it may.", self.name);
            Error::new(ErrorKind::Overloaded, message).with_retryable(true)
        })
    }
}

impl Provider for HttpProvider {
    fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    fn supports(&self, operation: Operation) -> bool {
        self.0.descriptor.wire(operation, operation.protocol(), "") == Some(Wire::Same)
    }

    fn wire(&self, operation: Operation, protocol: Protocol, model: &str) -> Option<Wire> {
        self.0.descriptor.wire(operation, protocol, model)
    }

    fn dialect(&self) -> &Dialect {
        &self.0.descriptor.dialect
    }

    fn counts_tokens(&self, protocol: Protocol) -> bool {
        self.0.descriptor.counts_tokens(protocol)
    }

    fn keeps_responses(&self) -> bool {
        self.0.descriptor.quirks.keeps_responses
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move { self.answer(request).await.map_err(|error| error.with_provider(self.0.name.clone())) })
    }

    fn models(&self) -> BoxFuture<'_, Result<Vec<Model>, Error>> {
        Box::pin(async move { models::list(&self.0).await.map_err(|error| error.with_provider(self.0.name.clone())) })
    }
}

impl fmt::Debug for HttpProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProvider")
            .field("name", &self.0.name)
            .field("kind", &self.0.descriptor.kind)
            .finish_non_exhaustive()
    }
}
