//! A provider's answer on its way back.

use http::{HeaderMap, StatusCode};

use crate::Body;

/// An answer. Its body may still be arriving; what is known of it so far stands in the request's
/// [`Context`](crate::Context).
#[derive(Debug)]
pub struct Response {
    /// The status; 200 unless a provider answered otherwise on a pass-through.
    pub status: StatusCode,
    /// The headers that the client should see.
    pub headers: HeaderMap,
    /// The body in the client's protocol.
    pub body: Body,
}

impl Response {
    /// A 200 with a body and no headers.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body }
    }

    /// The same response with another body, made from this one's.
    #[must_use]
    pub fn map_body(self, wrap: impl FnOnce(Body) -> Body) -> Self {
        Self { body: wrap(self.body), ..self }
    }
}
