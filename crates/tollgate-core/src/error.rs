//! What went wrong, and what a client may be told of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::BoxError;

/// The classes of failure. Each has one stable code, which clients may rely on, and one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is malformed.
    InvalidRequest,
    /// The provider cannot be told a part of the request, and the client wants no answer to less.
    UnsupportedParameter,
    /// The response that the request goes on from is not kept, or no longer.
    PreviousResponseNotFound,
    /// The client's key is missing or wrong.
    InvalidApiKey,
    /// The client may not do this.
    PermissionDenied,
    /// No provider has the model.
    ModelNotFound,
    /// No such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body or the headers exceed their limit.
    RequestTooLarge,
    /// The client took too long to send its request.
    RequestTimeout,
    /// The provider does not speak the protocol or lacks the operation.
    UnsupportedOperation,
    /// The client has made as many requests, or used as many tokens, as it may in a time.
    RateLimited,
    /// A budget is spent, or what is left of it would not do for the request.
    BudgetExceeded,
    /// What the request would cost is not known, and a budget must not be spent blindly.
    PriceUnknown,
    /// Limits, budgets or accounts cannot be kept at the moment.
    AccountsUnavailable,
    /// The gateway has no free place.
    Overloaded,
    /// Only a stored answer would do, and there is none.
    NotCached,
    /// The provider answered with an error of its own.
    Upstream,
    /// The provider could not be reached.
    UpstreamUnreachable,
    /// The provider took too long.
    UpstreamTimeout,
    /// The provider broke off or answered something that is not its protocol.
    UpstreamInvalid,
    /// A fault of the gateway.
    Internal,
}

impl ErrorKind {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedParameter => "unsupported_parameter",
            Self::PreviousResponseNotFound => "previous_response_not_found",
            Self::InvalidApiKey => "invalid_api_key",
            Self::PermissionDenied => "permission_denied",
            Self::ModelNotFound => "model_not_found",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTooLarge => "request_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::UnsupportedOperation => "unsupported_operation",
            Self::RateLimited => "rate_limit_exceeded",
            Self::BudgetExceeded => "budget_exceeded",
            Self::PriceUnknown => "price_unknown",
            Self::AccountsUnavailable => "accounts_unavailable",
            Self::Overloaded => "overloaded",
            Self::NotCached => "not_cached",
            Self::Upstream => "upstream_error",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamInvalid => "upstream_invalid_response",
            Self::Internal => "internal_error",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest
            | Self::UnsupportedOperation
            | Self::UnsupportedParameter
            | Self::PreviousResponseNotFound => StatusCode::BAD_REQUEST,
            Self::InvalidApiKey => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied | Self::PriceUnknown => StatusCode::FORBIDDEN,
            // Not 429, which SDKs take as a reason to ask again.
            Self::BudgetExceeded => StatusCode::PAYMENT_REQUIRED,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::ModelNotFound | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overloaded | Self::AccountsUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream | Self::UpstreamUnreachable | Self::UpstreamInvalid => StatusCode::BAD_GATEWAY,
            // RFC 9111, section 5.2.1.7.
            Self::UpstreamTimeout | Self::NotCached => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A failure of a request. Its `Display` is safe to show to the client: it holds no credential and no address.
///
/// A clone tells the same, to another client that waited for the same answer.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    status: Option<StatusCode>,
    message: String,
    param: Option<String>,
    provider: Option<Arc<str>>,
    retry_after: Option<Duration>,
    retryable: bool,
    upstream: Option<UpstreamAnswer>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// An error as a provider sent it.
#[derive(Clone)]
pub struct UpstreamAnswer {
    /// The provider's status. An error inside an answer with status 200 gets the status it stands for.
    pub status: StatusCode,
    /// The provider's headers that a client should see, rate limits for instance.
    pub headers: HeaderMap,
    /// The body, at most as much of it as the gateway reads of an error.
    pub body: Bytes,
}

impl fmt::Debug for UpstreamAnswer {
    /// Leaves the body out: a provider may quote the prompt or parts of a key in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Error {
    /// An error of a kind with a message for the client: a full sentence that says what to do about it where possible.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            status: None,
            message: message.into(),
            param: None,
            provider: None,
            retry_after: None,
            retryable: matches!(
                kind,
                ErrorKind::UpstreamUnreachable | ErrorKind::UpstreamTimeout | ErrorKind::UpstreamInvalid
            ),
            upstream: None,
            source: None,
        }))
    }

    /// A malformed request; `param` names the part of it that is wrong.
    pub fn invalid_request(message: impl Into<String>, param: Option<&str>) -> Self {
        let mut error = Self::new(ErrorKind::InvalidRequest, message);
        error.0.param = param.map(str::to_owned);
        error
    }

    /// An error that a provider answered; `message` is the provider's own.
    pub fn upstream(message: impl Into<String>, answer: UpstreamAnswer) -> Self {
        let mut error = Self::new(ErrorKind::Upstream, message);
        error.0.upstream = Some(answer);
        error
    }

    /// Sets the part of the request that is wrong.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Sets the provider at fault.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<str>) -> Self {
        self.0.provider = Some(provider);
        self
    }

    /// Sets a status in place of that of the class.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Sets how long the client, or a retry, should wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Sets whether asking again may help.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Sets the cause, for logs; it is not shown to clients.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// The class of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code of the class.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The HTTP status: the one that was set, or the provider's own where it answered with an error, else that of the class.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match (self.0.status, &self.0.upstream) {
            (Some(status), _) => status,
            (None, Some(answer)) => answer.status,
            (None, None) => self.0.kind.status(),
        }
    }

    /// The status that was set in place of that of the class, which is then that of every protocol.
    #[must_use]
    pub fn own_status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// What the client is told.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The part of the request that is wrong.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// The provider at fault.
    #[must_use]
    pub fn provider(&self) -> Option<&Arc<str>> {
        self.0.provider.as_ref()
    }

    /// How long to wait before asking again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether asking again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The provider's own error, if it gave one.
    #[must_use]
    pub fn upstream_answer(&self) -> Option<&UpstreamAnswer> {
        self.0.upstream.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("provider", &self.0.provider)
            .field("upstream", &self.0.upstream)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn unreachable_providers_may_be_asked_again() {
        assert!(Error::new(ErrorKind::UpstreamUnreachable, "x").is_retryable());
        assert!(!Error::new(ErrorKind::InvalidRequest, "x").is_retryable());
    }
}
