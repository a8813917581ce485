//! Counters in Redis or Valkey, for all processes that use the server.
//!
//! Taking is one script, and so one round trip, atomic over all counters of a request. What became of leases is told in the
//! background: one thread sends it in batches, in order, again and again until the server has it. Each batch has a number,
//! and the server passes over what it has had, so nothing is lost or counted twice if an answer is lost or the server is
//! away for a while. The same thread renews leases that are still held.
//!
//! All keys have one hash tag, so that a cluster keeps them together. The clock is the server's.

mod background;
mod codec;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollgate_core::BoxFuture;
use tollgate_remote::redis::{Operation, RedisClient, RedisError, Reply, Script};

use self::background::Background;
use super::memory::Clock;
use super::store::{Charge, Counter, Decision, LeaseId, Level, Observer, QuotaStore, Set, StoreError, Update};

/// A [`QuotaStore`] in Redis. See the module's documentation.
pub struct RedisQuotas {
    shared: Arc<Shared>,
    background: Background,
    next: AtomicU64,
}

/// Builds [`RedisQuotas`].
#[must_use = "there is no store before `build`"]
pub struct RedisQuotasBuilder {
    client: RedisClient,
    lease: Duration,
    observer: Option<Arc<dyn Observer>>,
    clock: Option<Clock>,
}

/// What the thread in the background needs too.
struct Shared {
    client: RedisClient,
    owner: u64,
    lease: Duration,
    observer: Option<Arc<dyn Observer>>,
    clock: Option<Clock>,
    acquire: Script,
    update: Script,
    levels: Script,
    set: Script,
}

const ACQUIRE: &str = concat!(include_str!("common.lua"), include_str!("acquire.lua"));
const UPDATE: &str = concat!(include_str!("common.lua"), include_str!("update.lua"));
const LEVELS: &str = concat!(include_str!("common.lua"), include_str!("levels.lua"));
const SET: &str = concat!(include_str!("common.lua"), include_str!("set.lua"));

/// Gives back what was taken for somebody who does not wait for it any more.
struct Unwanted<'a> {
    store: &'a RedisQuotas,
    lease: LeaseId,
    charges: &'a [Charge],
    is_wanted: bool,
}

// === impl RedisQuotasBuilder ===

impl RedisQuotasBuilder {
    /// Sets after what time a lease lapses whose owner has not been heard of. Renewed at a third of it. Defaults to 60
    /// seconds.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(100));
        self
    }

    /// Sets who is told of what this process spends. Defaults to nobody.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets a clock in place of the server's, for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The store. Nothing is sent before something is asked of it.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn build(self) -> std::io::Result<RedisQuotas> {
        let shared = Arc::new(Shared {
            client: self.client,
            // Zero would be an owner that has had no batch.
            owner: fastrand::u64(1..),
            lease: self.lease,
            observer: self.observer,
            clock: self.clock,
            acquire: Script::new(ACQUIRE),
            update: Script::new(UPDATE),
            levels: Script::new(LEVELS),
            set: Script::new(SET),
        });
        let background = Background::start(shared.clone())?;
        Ok(RedisQuotas { shared, background, next: AtomicU64::new(1) })
    }
}

// === impl RedisQuotas ===

impl RedisQuotas {
    /// A store in the server of a client, under its prefix. How long a request waits for it is the client's time for reads.
    pub fn builder(client: RedisClient) -> RedisQuotasBuilder {
        RedisQuotasBuilder { client, lease: Duration::from_secs(60), observer: None, clock: None }
    }

    /// Waits until the server knows all that [`QuotaStore::update`] was told before, at most for a while; whether it does.
    pub async fn flushed(&self, patience: Duration) -> bool {
        self.background.flushed(patience).await
    }

    async fn take(&self, charges: &[Charge]) -> Result<Decision, StoreError> {
        let lease = LeaseId { owner: self.shared.owner, number: self.next.fetch_add(1, Ordering::Relaxed) };
        let mut unwanted = Unwanted { store: self, lease, charges, is_wanted: false };
        let (keys, arguments) = self.shared.acquisition(lease, charges);
        let shared = &self.shared;
        let reply = shared.client.call(&shared.acquire, &keys, &arguments, Operation::Read).await;
        let decision = reply.and_then(|reply| codec::decision(&reply, lease, charges))?;
        unwanted.is_wanted = true;
        if let Decision::Granted(_) = &decision
            && charges.iter().any(|charge| charge.counter.kind.holds())
        {
            self.background.hold(lease, charges);
        }
        Ok(decision)
    }
}

impl QuotaStore for RedisQuotas {
    fn acquire<'a>(&'a self, charges: &'a [Charge]) -> BoxFuture<'a, Result<Decision, StoreError>> {
        Box::pin(self.take(charges))
    }

    fn update(&self, update: Update) {
        self.background.push(update);
    }

    fn levels<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Vec<Level>, StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            let keys: Vec<Vec<u8>> = counters.iter().flat_map(|counter| shared.keys(counter)).collect();
            let kinds = counters.iter().flat_map(|counter| [codec::kind(counter.kind), codec::span(counter.kind)]);
            let arguments: Vec<Vec<u8>> = std::iter::once(shared.time()).chain(kinds).collect();
            let reply = shared.client.call(&shared.levels, &keys, &arguments, Operation::Read).await?;
            Ok(codec::levels(&reply, counters)?)
        })
    }

    fn set<'a>(&'a self, counter: &'a Counter, used: u64, when: Set) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            let arguments = [
                shared.time(),
                codec::kind(counter.kind),
                codec::amount(counter.kind, used),
                codec::span(counter.kind),
                codec::expires(counter.kind),
                if when == Set::Always { b"1".to_vec() } else { Vec::new() },
            ];
            shared.client.call(&shared.set, &shared.keys(counter), &arguments, Operation::Read).await?;
            Ok(())
        })
    }
}

impl Drop for Unwanted<'_> {
    fn drop(&mut self) {
        if !self.is_wanted {
            let is_held = |charge: &&Charge| charge.counter.kind.holds();
            let used = self.charges.iter().filter(is_held).map(|charge| (charge.clone(), 0)).collect();
            self.store.update(Update::Settle { lease: self.lease, at: 0, used });
        }
    }
}

// === impl Shared ===

impl Shared {
    /// What a counter is kept under: what is counted, and what is held.
    fn keys(&self, counter: &Counter) -> [Vec<u8>; 2] {
        let name = codec::name(counter);
        [self.client.key(name.as_bytes()), self.client.key(format!("{name}:holds").as_bytes())]
    }

    fn time(&self) -> Vec<u8> {
        self.clock.as_ref().map(|clock| clock().to_string().into_bytes()).unwrap_or_default()
    }

    fn lease_millis(&self) -> Vec<u8> {
        self.lease.as_millis().to_string().into_bytes()
    }

    fn acquisition(&self, lease: LeaseId, charges: &[Charge]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let keys = charges.iter().flat_map(|charge| self.keys(&charge.counter)).collect();
        let mut arguments = Vec::with_capacity(3 + charges.len() * 5);
        arguments.extend([self.time(), lease.to_string().into_bytes(), self.lease_millis()]);
        for Charge { counter, amount, limit } in charges {
            let kind = counter.kind;
            let limit = limit.map_or_else(Vec::new, |limit| codec::amount(kind, limit));
            arguments.extend([codec::kind(kind), codec::amount(kind, *amount), limit]);
            arguments.extend([codec::span(kind), codec::expires(kind)]);
        }
        (keys, arguments)
    }

    /// Sends a batch of what became of leases.
    async fn send(&self, sequence: u64, batch: &[Update]) -> Result<(), RedisError> {
        let mut keys = vec![self.client.key(format!("{}owner:{:x}", codec::TAG, self.owner).as_bytes())];
        let mut arguments = vec![self.time(), sequence.to_string().into_bytes(), self.lease_millis()];
        let mut counters = Vec::new();
        for update in batch {
            for item in codec::items(update) {
                keys.extend(self.keys(&item.charge.counter));
                arguments.extend(item.arguments());
                counters.push(&item.charge.counter);
            }
        }
        let reply = self.client.call(&self.update, &keys, &arguments, Operation::Write).await?;
        let (Reply::Array(answers), Some(observer)) = (reply, &self.observer) else { return Ok(()) };
        for (counter, change) in counters.into_iter().zip(answers.chunks_exact(2)) {
            if let (Ok(before), Ok(after)) = (codec::number(&change[0]), codec::number(&change[1])) {
                observer.spent(counter, before, after);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RedisQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQuotas").field("client", &self.shared.client).finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisQuotasBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQuotasBuilder").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        let message = if error.is_timeout() { "redis did not answer in time" } else { "redis is not available" };
        let source: Arc<dyn std::error::Error + Send + Sync> = Arc::new(error);
        Self::new(message, source)
    }
}
