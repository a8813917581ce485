//! What an endpoint answers with.

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tollgate_core::Body;

use super::Described;

/// Something that can be answered with.
pub(in crate::admin) trait Answer {
    /// The status.
    const STATUS: StatusCode;

    /// The whole answer.
    fn into_response(self) -> http::Response<Body>;

    /// What the document says of the body.
    #[cfg(feature = "schema")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Contents;
}

/// What an answer's body may be; nothing if there is none.
#[cfg(feature = "schema")]
pub(in crate::admin) type Contents = Vec<Content>;

/// One type of body.
#[cfg(feature = "schema")]
pub(in crate::admin) struct Content {
    /// Its media type.
    pub(in crate::admin) media_type: &'static str,
    /// Its schema.
    pub(in crate::admin) schema: schemars::Schema,
}

/// JSON: an answer with status 200, or a body that is taken.
#[derive(Debug)]
pub(in crate::admin) struct Json<T>(pub(in crate::admin) T);

/// JSON of something that was made, with status 201.
#[derive(Debug)]
pub(in crate::admin) struct Created<T> {
    /// What was made.
    pub(in crate::admin) made: T,
    /// Where it is from now on, relative to where it was made.
    pub(in crate::admin) location: String,
}

/// It was done, and there is nothing to say about it: status 204.
#[derive(Debug)]
pub(in crate::admin) struct Done;

// === impl Answer ===

impl<T: Serialize + Described> Answer for Json<T> {
    const STATUS: StatusCode = StatusCode::OK;

    fn into_response(self) -> http::Response<Body> {
        json(Self::STATUS, &self.0)
    }

    #[cfg(feature = "schema")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Contents {
        vec![Content { media_type: "application/json", schema: generator.subschema_for::<T>() }]
    }
}

impl<T: Serialize + Described> Answer for Created<T> {
    const STATUS: StatusCode = StatusCode::CREATED;

    fn into_response(self) -> http::Response<Body> {
        let mut response = json(Self::STATUS, &self.made);
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }

    #[cfg(feature = "schema")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Contents {
        Json::<T>::describe(generator)
    }
}

impl Answer for Done {
    const STATUS: StatusCode = StatusCode::NO_CONTENT;

    fn into_response(self) -> http::Response<Body> {
        let mut response = http::Response::new(Body::empty());
        *response.status_mut() = Self::STATUS;
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    #[cfg(feature = "schema")]
    fn describe(_: &mut schemars::SchemaGenerator) -> Contents {
        Vec::new()
    }
}

/// Nothing of the admin API may be kept on the way: it changes at any time, and some of it is secret.
fn json(status: StatusCode, value: &impl Serialize) -> http::Response<Body> {
    let Ok(body) = serde_json::to_vec(value) else {
        let mut response = http::Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut response = http::Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
