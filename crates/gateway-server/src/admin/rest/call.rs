//! What an endpoint takes.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tollgate_usage::directory::{Actor, Directory};

use super::{Described, Failure, Json, Kind, pairs};
use crate::gateway::Gateway;
use crate::texts::Object;

/// A request that has been read: the parts of its path `P`, its query `Q` and its body `B`.
pub(in crate::admin) struct Call<P = Nothing, Q = Nothing, B = Nothing> {
    pub(in crate::admin) gateway: Arc<Gateway>,
    pub(in crate::admin) actor: Actor,
    pub(in crate::admin) headers: HeaderMap,
    pub(in crate::admin) path: P,
    pub(in crate::admin) query: Q,
    pub(in crate::admin) body: B,
}

/// A request as it came, from whoever may make it.
pub(in crate::admin) struct Incoming {
    pub(in crate::admin) gateway: Arc<Gateway>,
    pub(in crate::admin) actor: Actor,
    pub(in crate::admin) headers: HeaderMap,
    pub(in crate::admin) query: String,
    pub(in crate::admin) body: Bytes,
}

/// No parameters, or no body.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Nothing {}

/// What a body may be.
pub(in crate::admin) trait TakeBody: Sized {
    /// Reads it.
    fn take(headers: &HeaderMap, body: &Bytes) -> Result<Self, Failure>;

    /// What the document says of it; nothing if there is none.
    #[cfg(feature = "schema")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Option<BodySchema>;
}

/// What the document says of a body.
#[cfg(feature = "schema")]
pub(in crate::admin) struct BodySchema(pub(in crate::admin) schemars::Schema);

// === impl Call ===

impl<P, Q, B> Call<P, Q, B> {
    /// Where keys and documents are kept.
    pub(in crate::admin) fn directory(&self) -> Result<&Directory, Failure> {
        self.gateway.managed.directory().ok_or_else(|| {
            let message =
                "There is no database here, since the data folder could not be used at the start; see the log.";
            Failure::new(Kind::Unavailable, message)
        })
    }

    /// Takes the body out.
    pub(in crate::admin) fn take_body(self) -> (Call<P, Q>, B) {
        let Self { gateway, actor, headers, path, query, body } = self;
        (Call { gateway, actor, headers, path, query, body: Nothing {} }, body)
    }

    /// Has requests from now on know of a change.
    pub(in crate::admin) async fn changed(&self) {
        // What was changed is changed; whoever polls will find it.
        if let Err(error) = self.gateway.managed.refresh().await {
            tracing::warn!(%error, "a change is not seen yet");
        }
        let snapshot = self.gateway.managed.subscribe().borrow().clone();
        self.gateway.follow(&snapshot);
    }
}

impl<P, Q, B> Call<P, Q, B>
where
    P: DeserializeOwned,
    Q: DeserializeOwned,
    B: TakeBody,
{
    /// Reads a request whose path has these parts.
    pub(super) fn read(incoming: Incoming, parts: Vec<(&'static str, String)>) -> Result<Self, Failure> {
        let parts = parts.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        Ok(Self {
            path: pairs::read(parts)?,
            query: read_query(&incoming.query)?,
            body: B::take(&incoming.headers, &incoming.body)?,
            gateway: incoming.gateway,
            actor: incoming.actor,
            headers: incoming.headers,
        })
    }
}

/// The type that a query says.
pub(in crate::admin) fn read_query<Q: DeserializeOwned>(query: &str) -> Result<Q, Failure> {
    pairs::read(pairs::of_query(query)?)
}

// === impl TakeBody ===

impl TakeBody for Nothing {
    fn take(_: &HeaderMap, body: &Bytes) -> Result<Self, Failure> {
        // Somebody who sends one expects it to matter.
        if !body.is_empty() {
            return Err(Failure::new(Kind::Invalid, "This request takes no body."));
        }
        Ok(Self {})
    }

    #[cfg(feature = "schema")]
    fn describe(_: &mut schemars::SchemaGenerator) -> Option<BodySchema> {
        None
    }
}

impl<T: DeserializeOwned + Described> TakeBody for Json<T> {
    fn take(headers: &HeaderMap, body: &Bytes) -> Result<Self, Failure> {
        if !is_json(headers) {
            let message = "The body must be JSON and say so: `content-type: application/json`.";
            return Err(Failure::new(Kind::UnsupportedMediaType, message));
        }
        let read = serde_json::from_slice::<Object<T>>(body);
        read.map(|object| Json(object.0))
            .map_err(|error| Failure::new(Kind::Invalid, format!("The body cannot be read: {error}.")))
    }

    #[cfg(feature = "schema")]
    fn describe(generator: &mut schemars::SchemaGenerator) -> Option<BodySchema> {
        Some(BodySchema(generator.subschema_for::<T>()))
    }
}

/// Other types are refused, because a page of any site may send those that forms have without asking first.
fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
