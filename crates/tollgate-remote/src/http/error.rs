//! Why there is no answer.

use std::error::Error;
use std::fmt;

use tollgate_core::BoxError;

/// Why a request was not answered, or its answer broke off. The text names no address; the cause, for logs, may.
#[derive(Debug)]
pub struct HttpError {
    kind: Kind,
    source: BoxError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ConnectTimeout,
    Connect,
    Invalid,
    Closed,
}

/// Connecting took longer than it may.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectTimeout;

// === impl HttpError ===

impl HttpError {
    pub(super) fn of(in_connect: bool, source: BoxError) -> Self {
        let kind = causes(&*source).find_map(kind_of);
        let kind = kind.unwrap_or(if in_connect { Kind::Connect } else { Kind::Closed });
        Self { kind, source }
    }

    /// Whether the server did not accept a connection in time.
    #[must_use]
    pub fn is_connect_timeout(&self) -> bool {
        self.kind == Kind::ConnectTimeout
    }

    /// Whether there was no connection, for whatever reason.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, Kind::Connect | Kind::ConnectTimeout)
    }

    /// Whether the answer was no HTTP, or its head larger than the limit.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.kind == Kind::Invalid
    }
}

fn kind_of(cause: &(dyn Error + 'static)) -> Option<Kind> {
    if cause.is::<ConnectTimeout>() {
        return Some(Kind::ConnectTimeout);
    }
    cause.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()).map(|_| Kind::Invalid)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::ConnectTimeout => "the server did not accept a connection in time",
            Kind::Connect => "the server cannot be reached",
            Kind::Invalid => "the server's answer is no HTTP, or its head is too large",
            Kind::Closed => "the server closed the connection",
        })
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

// === impl ConnectTimeout ===

impl fmt::Display for ConnectTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting took too long")
    }
}

impl Error for ConnectTimeout {}
