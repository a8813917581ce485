//! A span for each request, and a line for each that fails.
//!
//! The span `request` has the request's id, operation and model, so every line written inside of it has them too. It is of
//! the level `DEBUG`: a span costs as much as reading the whole request, so it is only made for who looks at it. The lines
//! about failures name the request themselves. What the request held or what was answered is never written.

use std::task::{Context, Poll};

use tollgate_core::{BoxFuture, Error, ErrorKind, Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument;

/// Makes [`Trace`]. See the [module docs](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceLayer(());

/// Puts each request into a span. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
}

impl TraceLayer {
    /// The layer.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace { inner }
    }
}

impl<S> Service<Request> for Trace<S>
where
    S: Service<Request, Response = Response, Error = Error>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let span = tracing::debug_span!(
            "request",
            request_id = %request.context.request_id(),
            operation = %request.operation,
            model = request.head.model_name(),
        );
        let context = request.context.clone();
        let calling = span.in_scope(|| self.inner.call(request));
        Box::pin(
            async move {
                let result = calling.await;
                if let Err(error) = &result {
                    log(error, context.request_id());
                }
                result
            }
            .instrument(span),
        )
    }
}

/// A client's mistake is its own business; a provider's failure is worth a look, and a fault of the gateway a call.
fn log(error: &Error, request_id: &str) {
    let code = error.code();
    let provider = error.provider().map(|provider| &**provider);
    let status = error.upstream_answer().map(|answer| answer.status.as_u16());
    let cause = causes(error);
    match error.kind() {
        ErrorKind::Internal => tracing::error!(request_id, code, provider, cause, "{error}"),
        ErrorKind::Upstream
        | ErrorKind::UpstreamUnreachable
        | ErrorKind::UpstreamTimeout
        | ErrorKind::UpstreamInvalid
        | ErrorKind::AccountsUnavailable
        | ErrorKind::Overloaded => tracing::warn!(request_id, code, provider, status, cause, "request failed"),
        _ => tracing::debug!(request_id, code, provider, cause, "request refused"),
    }
}

/// The chain of causes in one text; the error's own message is left out, since a provider may quote the prompt in it.
fn causes(error: &Error) -> Option<String> {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(known) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&known.to_string());
        cause = known.source();
    }
    (!text.is_empty()).then_some(text)
}
