//! What a request to the admin API is refused with.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tollgate_core::{Body, Error, ErrorKind};
use tollgate_usage::database::DatabaseError;
use tollgate_usage::directory::DirectoryError;

/// A refusal. Its body has the shape of every other error of the gateway, with `details` where there is more to say.
#[derive(Debug)]
pub(in crate::admin) struct Failure {
    kind: Kind,
    message: Cow<'static, str>,
    param: Option<Cow<'static, str>>,
    details: Vec<String>,
    /// The methods that a path takes.
    allow: Option<String>,
}

/// The classes of refusal: each has one code and one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::admin) enum Kind {
    /// The query, the path or the body is not as it should be.
    Invalid,
    /// The admin key is missing or wrong.
    Unauthorized,
    /// Without an admin key, requests from elsewhere are refused.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// It cannot be done in the state that things are in.
    Conflict,
    /// The body is larger than bodies may be.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// What the server would have to work with is not valid.
    Unprocessable,
    /// A fault of the gateway.
    Internal,
    /// A store does not answer.
    Unavailable,
}

/// The body of every refusal.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Error"))]
pub(in crate::admin) struct ErrorBody {
    /// What went wrong.
    error: ErrorDetail,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ErrorDetail {
    /// A sentence for people: what is wrong and what to do about it.
    message: String,
    /// The class of error, as OpenAI's clients know it.
    r#type: &'static str,
    /// The parameter or member that is wrong, if it is one.
    param: Option<String>,
    /// A stable word for programs.
    code: &'static str,
    /// All mistakes, where there may be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

// === impl Kind ===

impl Kind {
    #[cfg(feature = "schema")]
    pub(in crate::admin) const ALL: [Self; 11] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::Internal,
        Self::Unavailable,
    ];

    pub(in crate::admin) const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_request",
            Self::Unauthorized => "invalid_api_key",
            Self::Forbidden => "permission_denied",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "request_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Unprocessable => "invalid_configuration",
            Self::Internal => "internal_error",
            Self::Unavailable => "unavailable",
        }
    }

    pub(in crate::admin) const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    #[cfg(feature = "schema")]
    pub(in crate::admin) const fn meaning(self) -> &'static str {
        match self {
            Self::Invalid => "The path, the query or the body is not as it should be.",
            Self::Unauthorized => "The admin key is missing or wrong.",
            Self::Forbidden => "There is no admin key, and the request does not come directly from this machine.",
            Self::NotFound => "There is no such thing.",
            Self::MethodNotAllowed => "The path takes other methods, which `allow` lists.",
            Self::Conflict => "It cannot be done in the state that things are in.",
            Self::TooLarge => "The body did not arrive, or is too large.",
            Self::UnsupportedMediaType => "The body is not JSON, or does not say so.",
            Self::Unprocessable => "The configuration is not valid.",
            Self::Internal => "A fault of the gateway; its log says more.",
            Self::Unavailable => "A store does not answer; ask again.",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Unauthorized => "authentication_error",
            Self::Forbidden => "permission_error",
            Self::Internal | Self::Unavailable => "server_error",
            _ => "invalid_request_error",
        }
    }
}

// === impl Failure ===

impl Failure {
    pub(in crate::admin) fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), param: None, details: Vec::new(), allow: None }
    }

    /// A parameter or member that is wrong.
    pub(in crate::admin) fn invalid(
        param: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { param: Some(param.into()), ..Self::new(Kind::Invalid, message) }
    }

    pub(in crate::admin) fn with_details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    pub(in crate::admin) fn with_allow(mut self, methods: String) -> Self {
        self.allow = Some(methods);
        self
    }

    pub(in crate::admin) fn into_response(self, request_id: &Arc<str>) -> http::Response<Body> {
        let body = ErrorBody {
            error: ErrorDetail {
                message: self.message.into_owned(),
                r#type: self.kind.class(),
                param: self.param.map(Cow::into_owned),
                code: self.kind.code(),
                details: self.details,
            },
        };
        let mut response = http::Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.allow.and_then(|allow| allow.parse().ok()) {
            headers.insert(header::ALLOW, allow);
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-request-id", id);
        }
        response
    }
}

/// An error of the parts that requests pass, which the admin API asks as well.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::InvalidRequest
            | ErrorKind::UnsupportedParameter
            | ErrorKind::UnsupportedOperation
            | ErrorKind::PreviousResponseNotFound => Kind::Invalid,
            ErrorKind::InvalidApiKey => Kind::Unauthorized,
            ErrorKind::PermissionDenied => Kind::Forbidden,
            ErrorKind::ModelNotFound | ErrorKind::NotFound => Kind::NotFound,
            ErrorKind::RequestTooLarge => Kind::TooLarge,
            ErrorKind::Overloaded
            | ErrorKind::AccountsUnavailable
            | ErrorKind::Upstream
            | ErrorKind::UpstreamUnreachable
            | ErrorKind::UpstreamTimeout
            | ErrorKind::UpstreamInvalid => Kind::Unavailable,
            _ => Kind::Internal,
        };
        let param = error.param().map(|param| param.to_owned().into());
        Self { param, ..Self::new(kind, error.message().to_owned()) }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        let kind = if error.is_not_found() {
            Kind::NotFound
        } else if error.is_exists() || error.is_conflict() {
            Kind::Conflict
        } else if error.is_invalid() {
            Kind::Invalid
        } else {
            tracing::warn!(error = &error as &dyn std::error::Error, "the directory does not answer");
            Kind::Unavailable
        };
        Self::new(kind, sentence(&error.to_string()))
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the ledger does not answer");
        Self::new(Kind::Unavailable, "The ledger does not answer; ask again.")
    }
}

/// What a library says in passing, as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).chain(std::iter::once('.')).collect()
}
