//! Refuses what a client's key may not be used for.
//!
//! What a key may be used for is the [`Grant`] in the client's identity: models, providers, protocols. A client without one
//! may do everything. A model is allowed by any of its names: the client's, such as an alias, the provider's, and both
//! together as `provider/model`.
//!
//! Put it inside of routing, which decides what a name stands for, and outside of everything that may answer: what is cached
//! is not for everybody either.

use std::task::{Context, Poll};

use tollgate_core::{BoxFuture, Error, ErrorKind, Grant, Operation, Request, Response, boxed};
use tower_layer::Layer;
use tower_service::Service;

/// Makes [`Access`]. See the [module docs](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessLayer(());

/// Lets through what the client's key allows. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Access<S> {
    inner: S,
}

impl AccessLayer {
    /// Refuses by the grants of the requests' identities.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Access { inner }
    }
}

impl<S> Service<Request> for Access<S>
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
        let grant = request.context.observe(|observed| observed.identity.grant.clone());
        let refused = grant.and_then(|grant| refusal(&grant, &request));
        match refused {
            Some(error) => Box::pin(std::future::ready(Err(error))),
            None => boxed(self.inner.call(request)),
        }
    }
}

fn refusal(grant: &Grant, request: &Request) -> Option<Error> {
    let is_passthrough = request.operation == Operation::Passthrough;
    if is_passthrough && !grant.allows_passthrough() {
        return Some(denied("Your API key may not be used for what providers offer at `/p/`."));
    }
    if !is_passthrough && !grant.allows_protocol(request.protocol) {
        return Some(denied(&format!(
            "Your API key may not be used with the protocol `{}`.",
            request.protocol.as_str()
        )));
    }
    // Whatever is answered without a provider has no model either.
    let target = request.target.as_ref()?;
    if !grant.allows_provider(&target.provider) {
        return Some(denied(&format!("Your API key may not be used for the provider `{}`.", target.provider)));
    }
    let asked = request.head.model_name();
    if is_passthrough || grant.allows_target(asked, target) {
        return None;
    }
    let name = asked.unwrap_or(&target.model);
    let message = format!(
        "Your API key may not be used for the model `{name}`. GET /v1/models lists those that it may be used for."
    );
    Some(denied(&message).with_param("model"))
}

fn denied(message: &str) -> Error {
    Error::new(ErrorKind::PermissionDenied, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tollgate_core::ir::Protocol;
    use tollgate_core::{Identity, Target};
    use tower::{Layer as _, ServiceExt, service_fn};

    use super::*;
    use crate::test_helpers::chat;

    /// Whether a chat for the model `known`, routed to `there/it`, comes through.
    #[track_caller]
    fn check(grant: Option<Grant>, change: impl Fn(&mut Request), expect: Result<(), &str>) {
        let mut request = chat();
        request.target = Some(Target::new("there", "it"));
        change(&mut request);
        let mut identity = Identity::of_key("k");
        identity.grant = grant.map(Arc::new);
        request.context.observe(|observed| observed.identity = identity);
        let inner = service_fn(|_: Request| async { Ok::<_, Error>(Response::new("{}".into())) });
        let calling = AccessLayer::new().layer(inner).oneshot(request);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        match (runtime.block_on(calling), expect) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) => {
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                assert!(error.to_string().contains(part), "{error}");
            }
            (answer, expect) => panic!("{expect:?} and not {answer:?}"),
        }
    }

    fn models(names: &[&str]) -> Option<Grant> {
        Some(Grant { models: names.iter().map(|&name| name.into()).collect(), ..Grant::default() })
    }

    fn providers(names: &[&str]) -> Option<Grant> {
        Some(Grant { providers: names.iter().map(|&name| name.into()).collect(), ..Grant::default() })
    }

    fn protocols(allowed: &[Protocol]) -> Option<Grant> {
        Some(Grant { protocols: allowed.to_vec(), ..Grant::default() })
    }

    #[test]
    fn who_has_no_grant_may_do_everything() {
        check(None, |_| {}, Ok(()));
        check(Some(Grant::default()), |_| {}, Ok(()));
    }

    #[test]
    fn models_by_any_of_their_names() {
        for name in ["known", "it", "there/it", "kn*", "there/*", "*"] {
            check(models(&["other", name]), |_| {}, Ok(()));
        }
        for name in ["other", "know", "elsewhere/it", "there"] {
            check(models(&[name]), |_| {}, Err("the model `known`"));
        }
    }

    #[test]
    fn providers_by_name() {
        check(providers(&["there"]), |_| {}, Ok(()));
        check(providers(&["elsewhere"]), |_| {}, Err("the provider `there`"));
    }

    #[test]
    fn protocols_of_the_front_doors() {
        check(protocols(&[Protocol::OpenAiChat]), |_| {}, Ok(()));
        check(protocols(&[Protocol::AnthropicMessages]), |_| {}, Err("protocol `openai_chat`"));
    }

    #[test]
    fn a_pass_through_needs_everything_or_a_word_of_its_own() {
        let to_passthrough = |request: &mut Request| request.operation = Operation::Passthrough;
        check(providers(&["there"]), to_passthrough, Ok(()));
        check(providers(&["elsewhere"]), to_passthrough, Err("the provider `there`"));
        for grant in [models(&["*"]), protocols(&[Protocol::OpenAiChat])] {
            check(grant.clone(), to_passthrough, Err("`/p/`"));
            check(grant.map(|grant| Grant { passthrough: true, ..grant }), to_passthrough, Ok(()));
        }
    }
}
