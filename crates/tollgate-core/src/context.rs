//! What travels with a request beside its body.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use crate::ir::{Losses, Protocol};
use crate::{CacheOutcome, Cost, NanoUsd, QuotaNotice, Secret, Target, Usage};

/// Who asks, since when, and what is observed on the way. Clones share one state.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    request_id: Arc<str>,
    credential: Option<Secret>,
    tags: Vec<Tag>,
    received: Instant,
    received_at: SystemTime,
    observed: Mutex<Observed>,
}

/// The client, as authentication knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The name of the key that was presented, never the key itself. `None` where no key is asked for.
    pub key: Option<Arc<str>>,
    /// Where the key belongs, from the largest to the smallest, such as `acme/search/alice`. `None` where nobody said.
    pub path: Option<Arc<str>>,
    /// What the key may be used for; `None` means everything.
    pub grant: Option<Arc<Grant>>,
    /// Tags of requests that give none of the same name themselves.
    pub tags: Option<Arc<[Tag]>>,
}

/// What a key may be used for. An empty list allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The models, as clients name them or as `provider/model`; `*` at the end stands for anything.
    pub models: Vec<Arc<str>>,
    /// The providers.
    pub providers: Vec<Arc<str>>,
    /// The protocols of the front doors.
    pub protocols: Vec<Protocol>,
    /// Whether what providers offer besides may be asked for where models or protocols are listed.
    pub passthrough: bool,
}

impl Grant {
    /// Whether it allows everything.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.models.is_empty() && self.providers.is_empty() && self.protocols.is_empty()
    }

    /// Whether a model may be used that has all of these names.
    #[must_use]
    pub fn allows_model<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        self.models.is_empty()
            || names.into_iter().any(|name| self.models.iter().any(|listed| stands_for(listed, name)))
    }

    /// Whether a target may be used under the name that the client gave it.
    #[must_use]
    pub fn allows_target(&self, asked: Option<&str>, target: &Target) -> bool {
        self.models.is_empty() || {
            let qualified = target.to_string();
            self.allows_model(asked.into_iter().chain([&*target.model, &qualified]))
        }
    }

    /// Whether a provider may be used.
    #[must_use]
    pub fn allows_provider(&self, name: &str) -> bool {
        self.providers.is_empty() || self.providers.iter().any(|listed| **listed == *name)
    }

    /// Whether the front doors of a protocol may be used.
    #[must_use]
    pub fn allows_protocol(&self, protocol: Protocol) -> bool {
        self.protocols.is_empty() || self.protocols.contains(&protocol)
    }

    /// Whether what a provider offers may be asked for as it is. Only the provider knows which model that is for, so a list of
    /// models forbids it unless it is allowed by itself.
    #[must_use]
    pub fn allows_passthrough(&self) -> bool {
        self.passthrough || (self.models.is_empty() && self.protocols.is_empty())
    }
}

fn stands_for(listed: &str, name: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => listed == name,
    }
}

impl Identity {
    /// The holder of a named key.
    pub fn of_key(key: impl Into<Arc<str>>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }
}

/// A label such as `team=search` that a client gives its request, to be summed by later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag {
    /// The label's name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
}

/// What has become known of a request and its answer so far.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Who asks. A layer that authenticates sets it.
    pub identity: Identity,
    /// Who was asked last.
    pub target: Option<Target>,
    /// How many times a provider was asked.
    pub attempts: u32,
    /// The model as the provider names it in its answer.
    pub model: Option<Arc<str>>,
    /// Token counts so far.
    pub usage: Option<Usage>,
    /// The class of service that the provider says it answered with, such as `flex` or `priority`.
    pub service_tier: Option<Arc<str>>,
    /// The cost that the provider says itself.
    pub reported_cost: Option<NanoUsd>,
    /// What the request cost; `None` as long as that is not known, which is not the same as nothing.
    pub cost: Option<Cost>,
    /// What the answer would have cost, had a cache not given it.
    pub saved: Option<NanoUsd>,
    /// What the client is told of its limits.
    pub quota: Option<Arc<QuotaNotice>>,
    /// What a translation for the provider could not carry.
    pub losses: Losses,
    /// Whether the model said why it does not answer, which some clients' protocols cannot tell from an answer.
    pub refused: bool,
    /// What caches did.
    pub cache: Option<CacheOutcome>,
    /// When the first token of the answer arrived.
    pub first_token: Option<Instant>,
    /// How the answer ended.
    pub outcome: Outcome,
}

/// How an answer ended, as its reader saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Not ended yet; at the time of accounting this means that the client went away.
    #[default]
    Pending,
    /// The provider finished it.
    Complete,
    /// It broke off or ended with an error; the word is the stable error code.
    Failed(&'static str),
}

impl Context {
    /// Starts a context for a request received now.
    pub fn builder(request_id: impl Into<Arc<str>>) -> ContextBuilder {
        Self::received_then(request_id, Instant::now())
    }

    /// Starts a context for a request that was received a moment ago, while its body arrived.
    pub fn received_then(request_id: impl Into<Arc<str>>, received: Instant) -> ContextBuilder {
        ContextBuilder(Inner {
            request_id: request_id.into(),
            credential: None,
            tags: Vec::new(),
            received,
            received_at: SystemTime::now(),
            observed: Mutex::default(),
        })
    }

    /// The id that names the request in logs, records and the `x-request-id` header.
    #[must_use]
    pub fn request_id(&self) -> &Arc<str> {
        &self.0.request_id
    }

    /// Who asks.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.observe(|observed| observed.identity.clone())
    }

    /// The credential that the client presented, for layers that check one themselves. It is for this gateway, never for
    /// a provider.
    #[must_use]
    pub fn credential(&self) -> Option<&Secret> {
        self.0.credential.as_ref()
    }

    /// The request's tags.
    #[must_use]
    pub fn tags(&self) -> &[Tag] {
        &self.0.tags
    }

    /// When the request was received, for measuring.
    #[must_use]
    pub fn received(&self) -> Instant {
        self.0.received
    }

    /// When the request was received, for records.
    #[must_use]
    pub fn received_at(&self) -> SystemTime {
        self.0.received_at
    }

    /// Notes something observed. Keep `note` short: everyone who holds this context waits for it.
    pub fn observe<T>(&self, note: impl FnOnce(&mut Observed) -> T) -> T {
        // A panic in a note leaves counters that are still worth recording, so poisoning is of no interest.
        note(&mut self.0.observed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A copy of what was observed so far.
    #[must_use]
    pub fn observed(&self) -> Observed {
        self.observe(|observed| observed.clone())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("request_id", &self.0.request_id)
            .field("identity", &self.identity())
            .field("tags", &self.0.tags)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Context`].
pub struct ContextBuilder(Inner);

impl ContextBuilder {
    /// Sets who asks. Defaults to nobody in particular.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.0.observed.get_mut().unwrap_or_else(PoisonError::into_inner).identity = identity;
        self
    }

    /// Sets the credential that was presented. Defaults to none.
    #[must_use]
    pub fn credential(mut self, credential: Option<Secret>) -> Self {
        self.0.credential = credential;
        self
    }

    /// Sets the tags. Defaults to none.
    #[must_use]
    pub fn tags(mut self, tags: Vec<Tag>) -> Self {
        self.0.tags = tags;
        self
    }

    /// The context.
    #[must_use]
    pub fn build(self) -> Context {
        Context(Arc::new(self.0))
    }
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder").field("request_id", &self.0.request_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_model(listed: &[&str], names: &[&str], expect: bool) {
        let grant = Grant { models: listed.iter().map(|&name| name.into()).collect(), ..Grant::default() };
        assert_eq!(grant.allows_model(names.iter().copied()), expect, "{listed:?} {names:?}");
    }

    #[test]
    fn models_that_a_grant_allows() {
        check_model(&[], &["anything"], true);
        check_model(&["fast"], &["fast", "openai/gpt-4o-mini", "gpt-4o-mini"], true);
        check_model(&["openai/gpt-4o-mini"], &["fast", "openai/gpt-4o-mini", "gpt-4o-mini"], true);
        check_model(&["openai/*"], &["gpt-4o", "openai/gpt-4o"], true);
        check_model(&["openai/*"], &["gpt-4o", "azure/gpt-4o"], false);
        check_model(&["gpt-4o"], &["gpt-4o-mini"], false);
        check_model(&["gpt-4o*"], &["gpt-4o-mini"], true);
        check_model(&["GPT-4o"], &["gpt-4o"], false);
        check_model(&["gpt-4o"], &[], false);
    }

    #[test]
    fn what_a_grant_says_of_the_rest() {
        let grant = Grant {
            providers: vec!["openai".into()],
            protocols: vec![Protocol::AnthropicMessages],
            ..Grant::default()
        };
        assert!(grant.allows_provider("openai") && !grant.allows_provider("azure"));
        assert!(grant.allows_protocol(Protocol::AnthropicMessages) && !grant.allows_protocol(Protocol::OpenAiChat));
        assert!(!grant.allows_passthrough());
        assert!(Grant { passthrough: true, ..grant }.allows_passthrough());
        assert!(Grant::default().allows_passthrough() && Grant::default().is_unlimited());
    }

    #[test]
    fn debug_shows_no_credential() {
        let context = Context::builder("r1").credential(Some(Secret::new("sk-secret"))).build();
        assert!(!format!("{context:?}").contains("sk-secret"));
        assert_eq!(context.credential().map(Secret::expose), Some("sk-secret"));
    }

    #[test]
    fn clones_share_what_is_observed() {
        let context = Context::builder("r1").build();
        context.clone().observe(|observed| observed.attempts += 1);
        assert_eq!(context.observed().attempts, 1);
    }
}
