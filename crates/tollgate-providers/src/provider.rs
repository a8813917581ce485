//! What a provider is.

use std::sync::Arc;

use serde_json::{Map, Value};
use tollgate_core::ir::Protocol;
use tollgate_core::{BoxFuture, Error, Operation, Request, Response};
use tollgate_protocols::codec::Dialect;

use crate::Wire;

/// Somebody who answers requests.
pub trait Provider: Send + Sync {
    /// The provider's name in this gateway, as it stands before the slash in `provider/model`.
    fn name(&self) -> &Arc<str>;

    /// Whether the provider has the operation, in the operation's own protocol.
    fn supports(&self, operation: Operation) -> bool;

    /// How a request comes to the provider: as the client sent it, or translated. `None` if it has nothing of the kind. By
    /// default what it [`supports`](Self::supports) comes as it is, and a conversation in any other protocol comes as Chat
    /// Completions where the provider supports those.
    fn wire(&self, operation: Operation, protocol: Protocol, model: &str) -> Option<Wire> {
        let _ = model;
        if self.supports(operation) && protocol == operation.protocol() {
            return Some(Wire::Same);
        }
        let may_translate = match operation {
            Operation::Embeddings => self.supports(Operation::Embeddings),
            Operation::CountTokens => self.supports(Operation::ChatCompletions),
            operation => operation.is_conversation() && self.supports(Operation::ChatCompletions),
        };
        may_translate.then_some(Wire::Translated(Protocol::OpenAiChat))
    }

    /// In what its protocol differs from that of the protocol's owner; what a translation heeds.
    fn dialect(&self) -> &Dialect {
        &Dialect::GENERIC
    }

    /// Whether it can be asked, in a protocol, how many tokens a prompt has. Where it cannot, the gateway estimates.
    fn counts_tokens(&self, protocol: Protocol) -> bool {
        let _ = protocol;
        false
    }

    /// Whether it keeps Responses, so that a client can go on from one by its id. Where it does not, the gateway may.
    fn keeps_responses(&self) -> bool {
        false
    }

    /// Answers a request whose [`target`](Request::target) is this provider.
    ///
    /// The future completes when the answer has begun: with a whole answer, or with the first event of a streamed one.
    /// Until then nothing has reached the client, and the caller may try again after an error. Dropping the future, or
    /// later the response's body, must stop the work at once.
    ///
    /// What becomes known of the answer, tokens above all, is noted in the request's
    /// [`Context`](tollgate_core::Context), at the latest when the body ends or is dropped.
    ///
    /// # Errors
    /// What went wrong, with the provider's name.
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>>;

    /// Lists the provider's models.
    ///
    /// # Errors
    /// If they cannot be asked for now.
    fn models(&self) -> BoxFuture<'_, Result<Vec<Model>, Error>>;
}

/// A model as a provider lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The provider's name for it.
    pub id: String,
    /// Whatever else the provider tells: `created`, `owned_by`, context sizes, prices.
    pub details: Map<String, Value>,
}

impl Model {
    /// A model of which only the name is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), details: Map::new() }
    }
}
