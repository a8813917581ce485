//! The cache of answers as a whole: which requests it is for, what it finds, and what it keeps.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tollgate_core::ir::{Answer, AnswerCodec, Canonical, Event, Naming};
use tollgate_core::{
    Body, BoxFuture, CacheDirectives, CacheMode, CacheOutcome, CacheStatus, Context, Operation, Request, Response,
    Secret, Target, Usage,
};

use crate::admission::{self, NotStored};
use crate::flight::{Flights, Landing};
use crate::memo::Memo;
use crate::semantic::decision::ClusterId;
use crate::semantic::text::Volatility;
use crate::semantic::{Query, SemanticCache};
use crate::statistics::Statistics;
use crate::store::memory::MemoryStore;
use crate::store::{SharedEpochs, Store};
use crate::{Entry, Epochs, Freshness, Key, KeyMaker, KeyParts, Packed, Payload, Settings, Stamp, Subject, now_millis};

/// The cache of answers.
pub struct AnswerCache {
    settings: Settings,
    keys: KeyMaker,
    codec: Arc<dyn AnswerCodec>,
    memory: Arc<MemoryStore>,
    memo: Memo,
    shared: Option<Arc<dyn Store>>,
    epochs: Arc<Epochs>,
    flights: Flights,
    statistics: Statistics,
    semantic: Option<Arc<SemanticCache>>,
    shared_epochs: Option<Arc<dyn SharedEpochs>>,
    /// When the shared epochs are looked at next, in milliseconds since 1970.
    next_look: AtomicU64,
}

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
    scope: Arc<str>,
    target: Target,
    stamps: Vec<Stamp>,
    strict: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Found {
    /// An answer that may be served.
    Fresh(Arc<Entry>),
    /// One that may be served while a new one is fetched.
    Stale(Arc<Entry>),
    /// One that may be served if no new one can be had.
    ForErrors(Arc<Entry>),
    /// None.
    Nothing,
}

/// On which terms a client takes an answer.
struct Terms<'a> {
    max_age: Option<Duration>,
    strict: bool,
    scope: &'a str,
}

/// What became of an answer that was to be kept.
pub struct Filled {
    /// The entry, or why there is none.
    pub outcome: Result<Arc<Entry>, NotStored>,
    /// What is left to be done for it, if it is also kept elsewhere; nobody needs to wait for it.
    pub write: Option<BoxFuture<'static, ()>>,
}

/// Composes an [`AnswerCache`].
pub struct AnswerCacheBuilder {
    settings: Settings,
    codec: Arc<dyn AnswerCodec>,
    secret: Secret,
    memory: Arc<MemoryStore>,
    memo: usize,
    shared: Option<Arc<dyn Store>>,
    epochs: Arc<Epochs>,
    semantic: Option<Arc<SemanticCache>>,
    shared_epochs: Option<Arc<dyn SharedEpochs>>,
}

// === impl AnswerCacheBuilder ===

impl AnswerCacheBuilder {
    /// Sets the secret that goes into every key. Every process that shares a store needs the same. Defaults to none.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = secret;
        self
    }

    /// Sets the store in memory. Defaults to one of 64 MiB.
    #[must_use]
    pub fn memory(mut self, memory: Arc<MemoryStore>) -> Self {
        self.memory = memory;
        self
    }

    /// Sets how many bytes may be taken by what is remembered of requests that were answered from the cache: their bodies, and
    /// the bytes of their answers, with which the same request is answered without being read again. Defaults to 8 MiB; zero
    /// is none.
    #[must_use]
    pub fn memo(mut self, bytes: usize) -> Self {
        self.memo = bytes;
        self
    }

    /// Sets a store that is shared with other processes, asked where the memory has nothing. Defaults to none.
    #[must_use]
    pub fn shared<S: Store + SharedEpochs + 'static>(mut self, store: Arc<S>) -> Self {
        self.shared = Some(store.clone());
        self.shared_epochs = Some(store);
        self
    }

    /// Sets the epochs, which may be shared with other caches. Defaults to epochs of its own.
    #[must_use]
    pub fn epochs(mut self, epochs: Arc<Epochs>) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets what finds answers for rephrased requests. Defaults to nothing.
    #[must_use]
    pub fn semantic(mut self, semantic: Arc<SemanticCache>) -> Self {
        self.semantic = Some(semantic);
        self
    }

    /// The cache.
    #[must_use]
    pub fn build(self) -> AnswerCache {
        AnswerCache {
            settings: self.settings,
            keys: KeyMaker::new(self.secret),
            codec: self.codec,
            memory: self.memory,
            memo: Memo::new(self.memo),
            shared: self.shared,
            epochs: self.epochs,
            flights: Flights::default(),
            statistics: Statistics::default(),
            semantic: self.semantic,
            shared_epochs: self.shared_epochs,
            next_look: AtomicU64::new(0),
        }
    }
}

// === impl AnswerCache ===

impl AnswerCache {
    /// A cache that understands what `codec` does.
    #[must_use]
    pub fn builder(settings: Settings, codec: Arc<dyn AnswerCodec>) -> AnswerCacheBuilder {
        AnswerCacheBuilder {
            settings,
            codec,
            secret: Secret::new(""),
            memory: Arc::new(MemoryStore::new(64 * 1024 * 1024)),
            memo: 8 * 1024 * 1024,
            shared: None,
            epochs: Arc::default(),
            semantic: None,
            shared_epochs: None,
        }
    }

    /// How it behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The answers in memory.
    #[must_use]
    pub fn memory(&self) -> &MemoryStore {
        &self.memory
    }

    /// The answers that other processes have too.
    #[must_use]
    pub fn shared(&self) -> Option<&Arc<dyn Store>> {
        self.shared.as_ref()
    }

    /// What was invalidated.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// The answers that are on their way.
    #[must_use]
    pub fn flights(&self) -> &Flights {
        &self.flights
    }

    /// What finds answers for rephrased requests.
    #[must_use]
    pub fn semantic(&self) -> Option<&Arc<SemanticCache>> {
        self.semantic.as_ref()
    }

    /// The request as a query for what finds answers for rephrased ones; `None` where there is no such thing, or the client
    /// does not want it.
    #[must_use]
    pub fn query(&self, lookup: &Lookup, request: &Request) -> Option<Result<Query, &'static str>> {
        let semantic = self.semantic.as_ref().filter(|_| lookup.mode == CacheMode::Semantic)?;
        // Who wants a new answer does not want that of another request.
        (!lookup.directives.refresh).then(|| semantic.prepare(&self.keys, lookup, request))
    }

    /// The answer of a cluster, if it may be served to a request.
    pub(crate) async fn cluster(&self, lookup: &Lookup, cluster: ClusterId) -> Option<Arc<Entry>> {
        let key = self.keys.cluster(cluster.0);
        let entry = match self.memory.find(&key) {
            Some(entry) => entry,
            None => {
                let entry = self.shared.as_ref()?.get(&key).await?;
                self.memory.keep(key, entry.clone());
                entry
            }
        };
        match self.judge(&lookup.terms(), entry) {
            Found::Fresh(entry) => Some(entry),
            _ => None,
        }
    }

    pub(crate) async fn keep_cluster(&self, lookup: &Lookup, cluster: ClusterId, entry: Arc<Entry>) {
        // Entries of clusters belong to a scope as others do; `lookup` is where it comes from.
        debug_assert_eq!(entry.scope, lookup.scope);
        let key = self.keys.cluster(cluster.0);
        self.memory.keep(key, entry.clone());
        if let Some(shared) = &self.shared {
            shared.put(key, entry).await;
        }
    }

    /// Forgets an answer, here and in the shared store.
    pub async fn forget(&self, key: &Key) -> bool {
        let was_here = self.memory.forget(key);
        match &self.shared {
            Some(shared) => shared.remove(key).await || was_here,
            None => was_here,
        }
    }

    pub(crate) async fn forget_cluster(&self, cluster: ClusterId) {
        self.forget(&self.keys.cluster(cluster.0)).await;
    }

    /// What it knows of requests and answers.
    #[must_use]
    pub fn codec(&self) -> &Arc<dyn AnswerCodec> {
        &self.codec
    }

    /// What it did so far.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The answer to a request that was answered from the cache before, if that answer still may be served: what
    /// [`Self::plan`], [`Self::find`] and [`Self::serve_exact`] come to, without reading the request.
    #[must_use]
    pub fn recall(&self, request: &Request) -> Option<Response> {
        // The long way looks at what other processes have invalidated.
        if self.shared_epochs.is_some() && now_millis() >= self.next_look.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.memo.find(request)?;
        let entry = self.memory.find(&known.key).filter(|entry| known.is_of(entry))?;
        let max_age = request.cache.as_ref().and_then(|asked| asked.max_age);
        let terms = Terms { max_age, strict: request.strict, scope: &known.scope };
        let Found::Fresh(entry) = self.judge(&terms, entry) else { return None };
        let body = known.template.fill(&naming())?;
        let rendered = (body, known.template.content_type());
        Some(self.respond(request, &entry, CacheStatus::Hit, EXACT, rendered))
    }

    /// A fresh entry as the answer to the very request that it is of, which is remembered. `None` if the request cannot be
    /// answered with it.
    #[must_use]
    pub fn serve_exact(&self, request: &Request, lookup: &Lookup, entry: &Arc<Entry>) -> Option<Response> {
        let render = |naming: &Naming| self.render(request, entry, naming);
        let known = self.memo.remember(request, (lookup.key, &lookup.scope), entry, render);
        let filled = known.and_then(|known| Some((known.template.fill(&naming())?, known.template.content_type())));
        match filled {
            Some(rendered) => Some(self.respond(request, entry, CacheStatus::Hit, EXACT, rendered)),
            None => self.serve(request, entry, CacheStatus::Hit, EXACT),
        }
    }

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
        let Some(canonical) = self.codec.canonical(request) else { return Plan::Bypass("malformed") };
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
        let scope = self.settings.scope.of(&request.context.identity());
        let directives = asked.cloned().unwrap_or_default();
        let key = self.keys.exact(KeyParts { scope: &scope, target, request }, &canonical.body);
        let stamps = self.epochs.stamps(&scope, target, &directives.tags);
        let (canonical, target, strict) = (Arc::new(canonical), target.clone(), request.strict);
        Plan::Use(Box::new(Lookup { key, canonical, mode, directives, scope, target, stamps, strict }))
    }

    /// Begins a new epoch of something, here and for all who share the store. Whether the others will know of it.
    pub async fn invalidate(&self, subject: &Subject) -> bool {
        let epoch = self.epochs.advance(subject);
        let Some(shared) = &self.shared_epochs else { return true };
        let name = subject.name();
        match shared.advance(&name).await {
            Some(theirs) => {
                self.epochs.merge([(name, theirs.max(epoch))]);
                true
            }
            None => false,
        }
    }

    /// Takes over what others have invalidated, at most once in a second.
    async fn look_at_epochs(&self) {
        const INTERVAL: u64 = 1000;
        let Some(shared) = &self.shared_epochs else { return };
        let (now, due) = (now_millis(), self.next_look.load(Ordering::Relaxed));
        // One request asks for all others, which go on with what is known.
        let is_due = now >= due;
        if is_due
            && self.next_look.compare_exchange(due, now + INTERVAL, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && let Some(epochs) = shared.load().await
        {
            self.epochs.merge(epochs);
        }
    }

    /// Looks for the answer to a request.
    pub async fn find(&self, lookup: &mut Lookup) -> Found {
        self.look_at_epochs().await;
        if self.shared_epochs.is_some() {
            self.epochs.renew(&mut lookup.stamps);
        }
        if lookup.directives.refresh {
            return Found::Nothing;
        }
        if let Some(entry) = self.memory.find(&lookup.key) {
            match self.judge(&lookup.terms(), entry) {
                Found::Nothing => drop(self.memory.forget(&lookup.key)),
                found => return found,
            }
        }
        let Some(shared) = &self.shared else { return Found::Nothing };
        let Some(entry) = shared.get(&lookup.key).await else { return Found::Nothing };
        let found = self.judge(&lookup.terms(), entry.clone());
        if !matches!(found, Found::Nothing) {
            self.memory.keep(lookup.key, entry);
        }
        found
    }

    fn judge(&self, terms: &Terms<'_>, entry: Arc<Entry>) -> Found {
        let now = now_millis();
        let age = entry.age(now);
        let is_refused = !self.epochs.is_current(&entry.stamps)
            || (terms.strict && !entry.dropped.is_empty())
            || terms.max_age.is_some_and(|max_age| age > max_age)
            || *entry.scope != *terms.scope;
        match entry.freshness(now) {
            _ if is_refused => Found::Nothing,
            Freshness::Fresh => Found::Fresh(entry),
            Freshness::Stale if age < millis(entry.ttl) + self.settings.stale_while_revalidate => Found::Stale(entry),
            Freshness::Stale if age < millis(entry.ttl) + self.settings.stale_if_error => Found::ForErrors(entry),
            Freshness::Stale | Freshness::Expired => Found::Nothing,
        }
    }

    /// An entry as the answer to a request, and what is noted of it. `None` if the request cannot be answered with it.
    #[must_use]
    pub fn serve(
        &self,
        request: &Request,
        entry: &Entry,
        status: CacheStatus,
        detail: &'static str,
    ) -> Option<Response> {
        let rendered = self.render(request, entry, &naming())?;
        Some(self.respond(request, entry, status, detail, rendered))
    }

    fn render(&self, request: &Request, entry: &Entry, naming: &Naming) -> Option<(Bytes, &'static str)> {
        Some(match &entry.payload {
            Payload::Text(text) => (Bytes::from(text.clone()), "application/json"),
            Payload::Answer(answer) if request.is_streamed() => {
                self.write_stream(request, &self.codec.replay(&answer.unpack()), naming)?
            }
            Payload::Answer(answer) => (self.codec.write_whole(request, &answer.unpack(), naming)?, "application/json"),
        })
    }

    fn respond(
        &self,
        request: &Request,
        entry: &Entry,
        status: CacheStatus,
        detail: &'static str,
        (body, content_type): (Bytes, &'static str),
    ) -> Response {
        let mut response = Response::new(Body::from(body));
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut outcome = CacheOutcome::new(status).detail(detail).saved(entry.usage);
        outcome.age = Some(entry.age(now_millis()));
        request.context.observe(|observed| {
            observed.model.clone_from(&entry.model_answered);
            observed.cache = Some(outcome);
            for field in &entry.dropped {
                observed.losses.drop(field.clone());
            }
        });
        self.statistics.served(status, detail, entry.usage.as_ref());
        response
    }

    fn write_stream(&self, request: &Request, events: &[Event], naming: &Naming) -> Option<(Bytes, &'static str)> {
        let (mut writer, content_type) = self.codec.write_stream(request, naming)?;
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut out));
        Some((out.into(), content_type))
    }

    /// Keeps an answer that has landed, if it may be kept.
    #[must_use]
    pub fn fill(&self, lookup: &Lookup, operation: Operation, context: &Context, landing: Landing) -> Filled {
        let entry = match self.entry(lookup, operation, context, landing) {
            Ok(entry) => Arc::new(entry),
            Err(reason) => {
                self.statistics.not_stored(reason);
                return Filled { outcome: Err(reason), write: None };
            }
        };
        self.statistics.stored();
        self.memory.keep(lookup.key, entry.clone());
        let write = self.shared.clone().map(|shared| {
            let (key, entry) = (lookup.key, entry.clone());
            let write: BoxFuture<'static, ()> = Box::pin(async move { shared.put(key, entry).await });
            write
        });
        Filled { outcome: Ok(entry), write }
    }

    fn entry(
        &self,
        lookup: &Lookup,
        operation: Operation,
        context: &Context,
        landing: Landing,
    ) -> Result<Entry, NotStored> {
        let begun = landing.begun.ok_or(NotStored::Incomplete)?;
        if begun.status != http::StatusCode::OK {
            return Err(NotStored::Status);
        }
        let chunks = landing.chunks.ok_or(NotStored::Incomplete)?;
        if chunks.iter().map(|chunk| chunk.raw.len()).sum::<usize>() > self.settings.max_entry {
            return Err(NotStored::TooLarge);
        }
        let observed = context.observed();
        // Under this key only the model that was asked may answer, whoever stood in for it.
        let target = observed.target.clone().filter(|target| *target == lookup.target).ok_or(NotStored::OtherModel)?;
        if observed.refused {
            return Err(NotStored::Refusal);
        }
        let counted = observed.usage.filter(|usage| !usage.is_empty());
        let (payload, usage) = if operation == Operation::Embeddings {
            let raw: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.raw.iter().copied()).collect();
            let text = String::from_utf8(raw).map_err(|_| NotStored::Incomplete)?;
            admission::check_embeddings(&text)?;
            (Payload::Text(text), counted)
        } else {
            if !landing.is_understood {
                return Err(NotStored::Incomplete);
            }
            let events: Vec<Event> = chunks.iter().flat_map(|chunk| chunk.events.iter().cloned()).collect();
            let mut answer = self.codec.gather(&events);
            admission::check(&answer, lookup.canonical.traits)?;
            let usage = counted.or(without_names(&mut answer));
            // A client that did not ask for counts did not get them; the next one may.
            answer.usage = usage;
            (Payload::Answer(Packed::new(answer)), usage)
        };
        Ok(self.keep_as(lookup, payload, usage, &observed, &target))
    }

    fn keep_as(
        &self,
        lookup: &Lookup,
        payload: Payload,
        usage: Option<Usage>,
        observed: &tollgate_core::Observed,
        target: &Target,
    ) -> Entry {
        let default = || match self.settings.volatility {
            true => self.settings.ttl.min(lifetime(&lookup.canonical)),
            false => self.settings.ttl,
        };
        let ttl = lookup.directives.ttl.unwrap_or_else(default).min(self.settings.max_ttl);
        let grace = self.settings.stale_while_revalidate.max(self.settings.stale_if_error);
        Entry {
            payload,
            provider: target.provider.clone(),
            model: target.model.clone(),
            model_answered: observed.model.clone(),
            usage,
            dropped: observed.losses.fields().map(str::to_owned).collect(),
            scope: lookup.scope.clone(),
            tags: lookup.directives.tags.clone(),
            stamps: lookup.stamps.clone(),
            stored_at: now_millis(),
            ttl: whole_millis(ttl),
            grace: whole_millis(grace),
        }
    }
}

/// Takes out what each client gets anew, and gives what the answer told of its tokens. The tokens stay in it as well.
fn without_names(answer: &mut Answer) -> Option<Usage> {
    answer.id = None;
    answer.created = None;
    answer.usage
}

/// The word for an answer to the very same request.
const EXACT: &str = "exact";

/// New names for an answer.
#[must_use]
pub fn naming() -> Naming {
    let mut id = String::with_capacity(24);
    id.extend((0..24).map(|_| fastrand::alphanumeric()));
    Naming { id, created: now_millis() / 1000 }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How long an answer to a prompt stays true, as far as that can be told from the prompt.
fn lifetime(canonical: &Canonical) -> Duration {
    canonical.last_user.as_ref().map_or(Duration::MAX, |last| Volatility::of(&last.text).freshness.default_lifetime())
}

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
                let mut bytes = *self.key.as_bytes();
                bytes[31] ^= 1;
                Key::from_bytes(bytes)
            }
            CacheMode::Off | CacheMode::Exact => self.key,
        }
    }

    fn terms(&self) -> Terms<'_> {
        Terms { max_age: self.directives.max_age, strict: self.strict, scope: &self.scope }
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for AnswerCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerCache")
            .field("settings", &self.settings)
            .field("memory", &self.memory.stats())
            .field("flights", &self.flights)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AnswerCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerCacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}
