//! Whether a cache is for a request, and what its answer is kept under.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tollgate_core::ir::Canonical;
use tollgate_core::{CacheDirectives, CacheMode, Operation, Request, Target};

use super::AnswerCache;
use super::find::Terms;
use crate::semantic::Query;
use crate::semantic::text::Volatility;
use crate::{Key, KeyParts, Scope, Stamp};

/// What is to be done for a request.
#[derive(Debug)]
pub enum Plan {
    /// Nothing: it is nothing that a cache is for, or the cache is off.
    None,
    /// Nothing, for a reason.
    Bypass(&'static str),
    /// Look for its answer, and keep it.
    Use(Box<Lookup>),
}

/// A request as the cache sees it.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// What its answer is kept under.
    pub key: Key,
    /// What of it determines its answer.
    pub canonical: Arc<Canonical>,
    /// Which caches may be used.
    pub mode: CacheMode,
    /// What the client asks for.
    pub directives: Arc<CacheDirectives>,
    pub(super) scope: Arc<str>,
    pub(super) target: Target,
    pub(super) stamps: Vec<Stamp>,
    strict: bool,
    flight: Key,
    /// Whether the same request may have another key the next time.
    pub(super) is_drawn: bool,
    /// What it is as a query, once that was asked for: its words are read once.
    query: OnceLock<Result<Arc<Query>, &'static str>>,
}

// === impl AnswerCache ===

impl AnswerCache {
    /// What is to be done for a request that has a target.
    #[must_use]
    pub fn plan(&self, request: &Request) -> Plan {
        let asked = request.cache.as_ref();
        let mode = asked.and_then(|asked| asked.mode).unwrap_or(self.settings.mode);
        let operation = request.operation;
        if !operation.is_conversation() && operation != Operation::Embeddings {
            return Plan::None;
        }
        if mode == CacheMode::Off {
            return match asked.and_then(|asked| asked.mode) {
                Some(_) => Plan::Bypass("off"),
                None => Plan::None,
            };
        }
        if asked.is_some_and(|asked| asked.no_store) {
            return Plan::Bypass("no-store");
        }
        let Some(target) = &request.target else { return Plan::None };
        let Some(mut canonical) = self.codec.canonical(request) else { return Plan::Bypass("malformed") };
        let traits = canonical.traits;
        if traits.provider_tools {
            return Plan::Bypass("provider-tools");
        }
        if traits.stateful {
            return Plan::Bypass("stateful");
        }
        let is_sampled = traits.sampled && operation.is_conversation();
        if is_sampled && !self.settings.reuse_sampled && asked.and_then(|asked| asked.mode).is_none() {
            return Plan::Bypass("sampled");
        }
        let is_drawn = is_sampled && self.settings.variants > 1;
        if is_drawn {
            set_apart(&mut canonical, fastrand::u8(..self.settings.variants));
        }
        let scope = self.settings.scope.of(&request.context.identity());
        let directives = asked.cloned().unwrap_or_default();
        let key = self.keys.exact(KeyParts { scope: &scope, target, request }, &canonical.body);
        let flight = match self.settings.conceals() {
            // Nobody else's answer, because it would come sooner than one of one's own.
            true => {
                let scope = Scope::Key.of(&request.context.identity());
                self.keys.exact(KeyParts { scope: &scope, target, request }, &canonical.body)
            }
            false => key,
        };
        let stamps = self.epochs.stamps(&scope, target, &directives.tags);
        let (canonical, target, strict, query) =
            (Arc::new(canonical), target.clone(), request.strict, OnceLock::default());
        Plan::Use(Box::new(Lookup {
            key,
            canonical,
            mode,
            directives,
            scope,
            target,
            stamps,
            strict,
            flight,
            is_drawn,
            query,
        }))
    }

    /// The request as a query for what finds answers for rephrased ones; `None` where there is no such thing, or the client
    /// does not want it.
    #[must_use]
    pub fn query(&self, lookup: &Lookup, request: &Request) -> Option<Result<Arc<Query>, &'static str>> {
        let semantic = self.semantic.as_ref().filter(|_| lookup.mode == CacheMode::Semantic)?;
        // Who wants a new answer does not want that of another request.
        let prepare = || semantic.prepare(&self.keys, lookup, request).map(Arc::new);
        (!lookup.directives.refresh).then(|| lookup.query.get_or_init(prepare).clone())
    }
}

/// Keeps one of several answers to a request apart from the others, in keys and in namespaces. The first one stays where it
/// would be if it were the only one.
fn set_apart(canonical: &mut Canonical, variant: u8) {
    if variant > 0 {
        // No JSON has such a byte.
        let mark = [0, variant];
        canonical.body.extend(mark);
        canonical.last_user.iter_mut().for_each(|last| last.around.extend(mark));
    }
}

// === impl Lookup ===

impl Lookup {
    /// Who may share the answer.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Under what it is on its way. Who wants the answer to the very same request must not get that of another one by way of
    /// somebody who would take it.
    #[must_use]
    pub fn flight(&self) -> Key {
        match self.mode {
            CacheMode::Semantic => {
                let mut bytes = *self.flight.as_bytes();
                bytes[31] ^= 1;
                Key::from_bytes(bytes)
            }
            CacheMode::Off | CacheMode::Exact => self.flight,
        }
    }

    /// How long an answer stays true, as far as that can be told from the prompt.
    pub(super) fn lifetime(&self) -> Duration {
        let freshness = match (self.query.get(), &self.canonical.last_user) {
            (Some(Ok(query)), _) => query.reading.volatility.freshness,
            (_, Some(last)) => Volatility::of(&last.text).freshness,
            (_, None) => return Duration::MAX,
        };
        freshness.default_lifetime()
    }

    pub(super) fn terms(&self) -> Terms<'_> {
        Terms { max_age: self.directives.max_age, strict: self.strict, scope: &self.scope }
    }
}
