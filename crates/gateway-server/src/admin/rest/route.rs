//! One row of the table: where an endpoint is, what it is for, and what answers.

use http::Method;
use serde::de::DeserializeOwned;
use tollgate_core::{Body, BoxFuture};

use super::call::TakeBody;
use super::{Answer, Call, Described, Failure, Incoming, Kind, pairs};

/// An endpoint.
pub(in crate::admin) struct Route {
    /// The method that it takes.
    pub(in crate::admin) method: Method,
    /// Its path below `/admin/v1/`; `{name}` stands for one part.
    pub(in crate::admin) path: &'static str,
    handler: Box<Handler>,
    /// What the document says of it.
    pub(in crate::admin) documented: Documented,
}

/// What the document says of an endpoint.
#[cfg_attr(not(any(feature = "schema", test)), expect(dead_code, reason = "only the document tells it"))]
pub(in crate::admin) struct Documented {
    /// The name that generated clients give it.
    pub(in crate::admin) id: &'static str,
    /// What it does, in a line.
    pub(in crate::admin) summary: &'static str,
    /// What is worth knowing beyond it.
    pub(in crate::admin) notes: &'static str,
    /// Refusals beyond those that every endpoint of its shape has.
    pub(in crate::admin) failures: Vec<Kind>,
    /// Its types.
    #[cfg(feature = "schema")]
    pub(in crate::admin) shape: fn(&mut Generators) -> Shape,
}

/// What makes schemas: of what is read, and of what is written.
#[cfg(feature = "schema")]
pub(in crate::admin) struct Generators {
    pub(in crate::admin) read: schemars::SchemaGenerator,
    pub(in crate::admin) written: schemars::SchemaGenerator,
}

/// The types of an endpoint.
#[cfg(feature = "schema")]
pub(in crate::admin) struct Shape {
    pub(in crate::admin) path: schemars::Schema,
    pub(in crate::admin) query: schemars::Schema,
    pub(in crate::admin) body: Option<super::BodySchema>,
    pub(in crate::admin) status: http::StatusCode,
    pub(in crate::admin) contents: super::Contents,
}

type Handler = dyn Fn(Incoming, Vec<(&'static str, String)>) -> Handled + Send + Sync;
type Handled = BoxFuture<'static, Result<http::Response<Body>, Failure>>;

// === impl Route ===

impl Route {
    /// A row: `handler` answers `method` at `path`.
    pub(in crate::admin) fn new<P, Q, B, A, F>(
        method: Method,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: impl Fn(Call<P, Q, B>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: DeserializeOwned + Described,
        Q: DeserializeOwned + Described,
        B: TakeBody,
        A: Answer,
        F: Future<Output = Result<A, Failure>> + Send + 'static,
    {
        let handler = move |incoming, parts| -> Handled {
            match Call::read(incoming, parts) {
                Ok(call) => {
                    let answer = handler(call);
                    Box::pin(async move { Ok(answer.await?.into_response()) })
                }
                Err(failure) => Box::pin(std::future::ready(Err(failure))),
            }
        };
        #[cfg(feature = "schema")]
        let shape = |generators: &mut Generators| Shape {
            path: P::json_schema(&mut generators.read),
            query: Q::json_schema(&mut generators.read),
            body: B::describe(&mut generators.read),
            status: A::STATUS,
            contents: A::describe(&mut generators.written),
        };
        let documented = Documented {
            id,
            summary,
            notes: "",
            failures: Vec::new(),
            #[cfg(feature = "schema")]
            shape,
        };
        Self { method, path, handler: Box::new(handler), documented }
    }

    /// Says more than the summary. Default: nothing.
    pub(in crate::admin) fn notes(mut self, notes: &'static str) -> Self {
        self.documented.notes = notes;
        self
    }

    /// Adds refusals that its types do not tell. Default: none.
    pub(in crate::admin) fn fails(mut self, kinds: &[Kind]) -> Self {
        self.documented.failures.extend_from_slice(kinds);
        self
    }

    /// The parts of a path that the template names, if it is of this form.
    ///
    /// # Errors
    /// If a part is not UTF-8.
    pub(in crate::admin) fn parts(&self, path: &str) -> Result<Option<Vec<(&'static str, String)>>, Failure> {
        let mut parts = Vec::new();
        let mut given = path.split('/');
        for wanted in self.path.split('/') {
            let Some(part) = given.next() else { return Ok(None) };
            match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(_) if part.is_empty() => return Ok(None),
                Some(name) => parts.push((name, part)),
                None if wanted == part => {}
                None => return Ok(None),
            }
        }
        if given.next().is_some() {
            return Ok(None);
        }
        parts.into_iter().map(|(name, part)| Ok((name, pairs::decode(part)?))).collect::<Result<_, _>>().map(Some)
    }

    /// Answers a request.
    pub(in crate::admin) fn call(&self, incoming: Incoming, parts: Vec<(&'static str, String)>) -> Handled {
        (self.handler)(incoming, parts)
    }
}
