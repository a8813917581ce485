//! A request on its way through the gateway.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::ir::Protocol;
use crate::{CacheDirectives, Context, Edits, Head, Operation, Target};

/// A client's request: what it wants, its unchanged body, and what was learned of it.
///
/// Cloning is cheap, the body is shared; layers that may send a request twice rely on it.
#[derive(Clone)]
pub struct Request {
    /// What is asked for.
    pub operation: Operation,
    /// The protocol that the client speaks, in which it is answered.
    pub protocol: Protocol,
    /// Whether the client would rather have an error than an answer to less than it asked for.
    pub strict: bool,
    /// What the client asks of caches; nothing in particular, mostly.
    pub cache: Option<Arc<CacheDirectives>>,
    /// What was read of the body.
    pub head: Arc<Head>,
    /// The body, byte for byte as the client sent it.
    pub body: Bytes,
    /// What changes in the body before it is sent.
    pub edits: Edits,
    /// The client's headers that may travel on; credentials are not among them.
    pub headers: HeaderMap,
    /// What somebody at the door knew the body by. A hint: whoever left it finds again what it knows without a search.
    pub recognized: Option<Recognized>,
    /// Set by routing.
    pub target: Option<Target>,
    /// Method and path of a pass-through, and of an operation that is forwarded as it is.
    pub passthrough: Option<Arc<Passthrough>>,
    /// Who asks, since when, until when, and what is observed on the way.
    pub context: Context,
}

impl Request {
    /// A request for an operation of a front door.
    #[must_use]
    pub fn new(operation: Operation, head: impl Into<Arc<Head>>, body: Bytes, context: Context) -> Self {
        Self {
            operation,
            protocol: operation.protocol(),
            strict: false,
            cache: None,
            head: head.into(),
            body,
            edits: Edits::default(),
            headers: HeaderMap::new(),
            recognized: None,
            target: None,
            passthrough: None,
            context,
        }
    }

    /// Whether the client asked for a stream.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        self.head.stream
    }
}

impl fmt::Debug for Request {
    /// Leaves out what the client said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("protocol", &self.protocol)
            .field("model", &self.head.model_name())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("target", &self.target)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// What somebody knows a body by, for its own use.
#[derive(Clone)]
pub struct Recognized(Arc<dyn Any + Send + Sync>);

impl Recognized {
    /// Leaves something to be found again.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(by: Arc<T>) -> Self {
        Self(by)
    }

    /// What was left, if it is of this type.
    #[must_use]
    pub fn by<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone().downcast().ok()
    }
}

impl fmt::Debug for Recognized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recognized")
    }
}

/// A request that is forwarded as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passthrough {
    /// The provider named in the path; empty where the model decides.
    pub provider: Arc<str>,
    /// The client's method.
    pub method: Method,
    /// The rest of the path, without a leading slash, and the query if there is one.
    pub path_and_query: String,
}
