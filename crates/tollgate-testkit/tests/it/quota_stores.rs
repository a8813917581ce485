//! Counters in memory and in Redis do the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_cache::redis::RedisClient;
use tollgate_core::Secret;
use tollgate_testkit::PATIENCE;
use tollgate_testkit::conformance::{QuotaStores, quota_store};
use tollgate_testkit::servers::Redis;
use tollgate_usage::quota::{
    Charge, Clock, Counter, CounterKind, Decision, MemoryQuotas, Observer, QuotaStore, RedisQuotas, Set, Update, Window,
};

struct InMemory;

impl QuotaStores for InMemory {
    type Store = MemoryQuotas;

    fn make(&self, clock: Clock, lease: Duration, observer: Option<Arc<dyn Observer>>) -> MemoryQuotas {
        let store = MemoryQuotas::new().clock(clock).lease(lease);
        match observer {
            Some(observer) => store.observer(observer),
            None => store,
        }
    }

    async fn flushed(&self, _: &MemoryQuotas) {}
}

struct InRedis(RedisClient);

impl InRedis {
    fn of(redis: &Redis) -> Self {
        // A machine that is busy with other tests may need longer than a gateway has.
        Self(client(redis, PATIENCE))
    }
}

impl QuotaStores for InRedis {
    type Store = RedisQuotas;

    fn make(&self, clock: Clock, lease: Duration, observer: Option<Arc<dyn Observer>>) -> RedisQuotas {
        let store = RedisQuotas::builder(self.0.clone()).clock(clock).lease(lease);
        let store = match observer {
            Some(observer) => store.observer(observer),
            None => store,
        };
        store.build().expect("a thread")
    }

    async fn flushed(&self, store: &RedisQuotas) {
        assert!(store.flushed(PATIENCE).await, "the server was not told in time");
    }
}

fn client(redis: &Redis, patience: Duration) -> RedisClient {
    let builder = RedisClient::builder(Secret::new(redis.url()));
    builder.read_timeout(patience).write_timeout(patience).build().expect("an address")
}

#[tokio::test]
async fn in_memory() {
    quota_store(&InMemory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_redis_8() {
    let Some(redis) = Redis::start().await else { return };
    quota_store(&InRedis::of(&redis)).await;
}

#[tokio::test]
async fn in_redis_7() {
    let Some(redis) = Redis::start_version_7().await else { return };
    quota_store(&InRedis::of(&redis)).await;
}

#[tokio::test]
async fn in_valkey() {
    let Some(valkey) = Redis::start_valkey().await else { return };
    quota_store(&InRedis::of(&valkey)).await;
}

const TOTAL: CounterKind = CounterKind::Budget(Window { start: 0, end: None });

fn ten() -> Charge {
    Charge { counter: Counter { name: "b".into(), kind: TOTAL }, amount: 10, limit: Some(100) }
}

async fn take(store: &RedisQuotas) -> Update {
    let Ok(Decision::Granted(granted)) = store.acquire(&[ten()]).await else { panic!("is granted") };
    Update::Settle { lease: granted.lease, at: granted.at, used: vec![(ten(), 4)] }
}

async fn level(store: &RedisQuotas) -> (u64, u64) {
    let level = store.levels(&[ten().counter]).await.expect("is there")[0];
    (level.used, level.held)
}

#[tokio::test]
async fn what_was_used_while_redis_hung_is_told_once() {
    let Some(redis) = Redis::start().await else { return };
    // So short that batches are sent several times before the server answers.
    let store = RedisQuotas::builder(client(&redis, Duration::from_millis(50))).build().expect("a thread");
    store.set(&ten().counter, 0, Set::IfUnset).await.expect("is set");
    let settlements = [take(&store).await, take(&store).await, take(&store).await];
    redis.pause();
    settlements.into_iter().for_each(|settlement| store.update(settlement));
    assert!(!store.flushed(Duration::from_millis(500)).await, "nobody can have been told");
    redis.resume();
    assert!(store.flushed(PATIENCE).await);
    assert_eq!(level(&store).await, (12, 0));
}

#[tokio::test]
async fn a_server_that_lost_its_data_wants_budgets_set_again() {
    let Some(mut redis) = Redis::start().await else { return };
    let store = RedisQuotas::builder(client(&redis, PATIENCE)).build().expect("a thread");
    store.set(&ten().counter, 50, Set::IfUnset).await.expect("is set");
    let settlement = take(&store).await;
    redis.restart().await;
    assert_eq!(store.acquire(&[ten()]).await.expect("is there"), Decision::Unset(vec![0]));
    store.set(&ten().counter, 60, Set::IfUnset).await.expect("is set");
    store.update(settlement);
    assert!(store.flushed(PATIENCE).await);
    assert_eq!(level(&store).await, (64, 0));
}

#[tokio::test]
async fn a_lease_is_renewed_as_long_as_it_is_held() {
    let Some(redis) = Redis::start().await else { return };
    let lease = Duration::from_millis(600);
    let store = RedisQuotas::builder(client(&redis, PATIENCE)).lease(lease).build().expect("a thread");
    let other = RedisQuotas::builder(client(&redis, PATIENCE)).lease(lease).build().expect("a thread");
    store.set(&ten().counter, 0, Set::IfUnset).await.expect("is set");
    let (held, lost) = (take(&store).await, take(&other).await);
    // As if its process had died: nobody renews, and nobody settles.
    drop((other, lost));
    let start = Instant::now();
    while level(&store).await != (0, 10) {
        assert!(start.elapsed() < PATIENCE, "what nobody renews does not lapse");
        tokio::time::sleep(lease / 10).await;
    }
    let start = Instant::now();
    while start.elapsed() < lease * 3 {
        assert_eq!(level(&store).await, (0, 10));
        tokio::time::sleep(lease / 10).await;
    }
    store.update(held);
    assert!(store.flushed(PATIENCE).await);
    assert_eq!(level(&store).await, (4, 0));
}

#[tokio::test]
async fn the_end_of_a_process_waits_for_what_was_used() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisQuotas::builder(client(&redis, PATIENCE)).build().expect("a thread");
    store.set(&ten().counter, 0, Set::IfUnset).await.expect("is set");
    let settlement = take(&store).await;
    store.update(settlement);
    drop(store);
    let store = RedisQuotas::builder(client(&redis, PATIENCE)).build().expect("a thread");
    assert_eq!(level(&store).await, (4, 0));
}
