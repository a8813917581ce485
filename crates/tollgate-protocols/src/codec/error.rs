//! What kind of failure an error is, so that each protocol can say it in its own words.

use tollgate_core::{Error, ErrorKind};

use crate::failure::{self, Failure};

/// Classes of failure that the protocols tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request is wrong.
    InvalidRequest,
    /// The prompt does not fit the model's context.
    ContextTooLong,
    /// The prompt breaks the provider's rules.
    ContentPolicy,
    /// The key is wrong.
    Authentication,
    /// The account has no money.
    Billing,
    /// The client may not do this.
    Permission,
    /// There is no such model or path.
    NotFound,
    /// The request is too large.
    TooLarge,
    /// It took too long.
    Timeout,
    /// The request is in conflict with another.
    Conflict,
    /// Too many requests or tokens.
    RateLimit,
    /// There is no room now.
    Overloaded,
    /// A fault of the server.
    Server,
}

impl ErrorClass {
    /// The class of an error: by the provider's words and status where it is the provider's, else by its kind.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error.upstream_answer() {
            Some(answer) => Self::of_upstream(answer.status.as_u16(), &failure::read(&answer.body)),
            None => Self::of_kind(error.kind()),
        }
    }

    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidApiKey => Self::Authentication,
            ErrorKind::PermissionDenied | ErrorKind::PriceUnknown => Self::Permission,
            ErrorKind::BudgetExceeded => Self::Billing,
            ErrorKind::RateLimited => Self::RateLimit,
            ErrorKind::ModelNotFound | ErrorKind::NotFound => Self::NotFound,
            ErrorKind::RequestTooLarge => Self::TooLarge,
            ErrorKind::RequestTimeout | ErrorKind::UpstreamTimeout => Self::Timeout,
            ErrorKind::Overloaded | ErrorKind::AccountsUnavailable => Self::Overloaded,
            ErrorKind::InvalidRequest
            | ErrorKind::MethodNotAllowed
            | ErrorKind::UnsupportedOperation
            | ErrorKind::UnsupportedParameter
            | ErrorKind::PreviousResponseNotFound => Self::InvalidRequest,
            _ => Self::Server,
        }
    }

    fn of_upstream(status: u16, failure: &Failure) -> Self {
        let says = |word: &str| {
            [&failure.kind, &failure.code].into_iter().flatten().any(|said| said.eq_ignore_ascii_case(word))
        };
        let message = failure.message.as_deref().unwrap_or_default();
        if says("insufficient_quota") || says("billing_error") || status == 402 {
            return Self::Billing;
        }
        if says("overloaded_error") || says("overloaded") || status == 529 || status == 503 || status == 498 {
            return Self::Overloaded;
        }
        match status {
            400 | 413 | 422
                if says("context_length_exceeded") || says("exceed_context_size_error") || is_about_length(message) =>
            {
                Self::ContextTooLong
            }
            400 if says("content_filter") || says("content_policy_violation") => Self::ContentPolicy,
            400 if says("invalid_api_key") || is_about_key(message) => Self::Authentication,
            400 if says("model_not_found") => Self::NotFound,
            401 => Self::Authentication,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            // AWS says so where the model failed.
            424 => Self::Server,
            429 => Self::RateLimit,
            400..=499 => Self::InvalidRequest,
            _ => Self::Server,
        }
    }
}

/// Whether a message says that the prompt is too long for the model, in the providers' words.
fn is_about_length(message: &str) -> bool {
    const WORDS: [&str; 8] = [
        // Anthropic
        "prompt is too long",
        "exceed context limit",
        // OpenAI, vLLM, Mistral and others
        "maximum context length",
        // Gemini
        "exceeds the maximum number of tokens allowed",
        // Bedrock
        "Input is too long",
        // xAI
        "maximum prompt length",
        // Cohere
        "too many tokens",
        // llama.cpp
        "exceeds the available context size",
    ];
    WORDS.iter().any(|words| message.contains(words))
}

/// Whether a message says that the key is wrong: Gemini and xAI do so with the status of a bad request.
fn is_about_key(message: &str) -> bool {
    ["API key not valid", "Incorrect API key", "API key not found"].iter().any(|words| message.contains(words))
}
