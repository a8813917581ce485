//! Requests for providers that speak another protocol than the client.
//!
//! A request is decoded into the representation that all protocols share, written in the provider's protocol, and sent to
//! the provider as one of its own; the answer comes back the same way. The provider neither knows nor cares, so whatever
//! implements [`Provider`] can be reached from every client's protocol.

mod conversation;
mod count;
mod embeddings;
mod replays;
mod stream;

use std::sync::Arc;

use tollgate_core::ir::Protocol;
use tollgate_core::{Error, Operation, Request, Response};

pub(crate) use conversation::collect;
pub(crate) use replays::Replays;

use crate::Provider;

/// Answers a request by a provider that speaks `protocol`.
pub(crate) async fn call(
    provider: &dyn Provider,
    request: Request,
    protocol: Protocol,
    replays: &Arc<Replays>,
) -> Result<Response, Error> {
    match request.operation {
        Operation::Embeddings => embeddings::call(provider, request, protocol).await,
        Operation::CountTokens => count::call(provider, request, protocol).await,
        _ => conversation::call(provider, request, protocol, replays).await,
    }
}
