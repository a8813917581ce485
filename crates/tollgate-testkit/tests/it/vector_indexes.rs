//! All indexes of vectors by the same suite, and each where it differs.

use std::sync::Arc;
use std::time::Duration;

use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::index::redis::RedisIndex;
use tollgate_cache::index::{Namespace, Point, PointId, VectorIndex};
use tollgate_cache::redis::RedisClient;
use tollgate_core::Secret;
use tollgate_testkit::conformance;
use tollgate_testkit::servers::Redis;

const LONG: Duration = Duration::from_secs(20);
/// Single precision, through two planes of bytes or through Redis's text of numbers.
const EXACT: f32 = 1e-5;
/// Vectors of a few dozen dimensions in bytes.
const BYTES: f32 = 0.01;

fn namespace(number: u8) -> Namespace {
    Namespace::new([number; 32])
}

fn client(redis: &Redis) -> RedisClient {
    RedisClient::builder(Secret::new(redis.url()))
        .read_timeout(LONG)
        .write_timeout(LONG)
        .connect_timeout(LONG)
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_scans() {
    conformance::vector_index(Arc::new(MemoryIndex::builder().build()), EXACT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_with_graphs() {
    let index = MemoryIndex::builder().graph_threshold(4).build();
    conformance::vector_index(Arc::new(index), EXACT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_with_bytes() {
    let Some(redis) = Redis::start().await else { return };
    let index = RedisIndex::builder(client(&redis)).open().await.unwrap();
    conformance::vector_index(Arc::new(index), BYTES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_with_numbers() {
    let Some(redis) = Redis::start().await else { return };
    let index = RedisIndex::builder(client(&redis)).exact(true).open().await.unwrap();
    conformance::vector_index(Arc::new(index), EXACT).await;
}

#[tokio::test]
async fn redis_that_cannot_search_is_refused_at_once() {
    let Some(redis) = Redis::start_version_7().await else { return };
    let error = RedisIndex::builder(client(&redis)).open().await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("Redis 8"), "{error}");
}

#[tokio::test]
async fn redis_that_is_away_is_an_error_and_comes_back_empty() {
    let Some(mut redis) = Redis::start().await else { return };
    let index = RedisIndex::builder(client(&redis)).open().await.unwrap();
    let point = || vec![Point::new(PointId::new(1), [1.0, 2.0], "p")];
    index.upsert(namespace(1), point(), None).await.unwrap();
    redis.stop();
    assert!(index.search(namespace(1), &[1.0, 2.0], 1).await.unwrap_err().is_unavailable());
    redis.restart().await;
    // Neither the points nor the scripts are there any more.
    assert_eq!(index.search(namespace(1), &[1.0, 2.0], 1).await.unwrap(), []);
    index.upsert(namespace(1), point(), None).await.unwrap();
    assert_eq!(index.count(namespace(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn redis_forgets_namespaces_whose_points_have_expired() {
    let Some(redis) = Redis::start().await else { return };
    let client = client(&redis);
    let index = RedisIndex::builder(client.clone()).open().await.unwrap();
    let points = (0..5).map(|number| Point::new(PointId::new(number), [1.0, 2.0], "")).collect();
    index.upsert(namespace(1), points, Some(Duration::from_millis(10))).await.unwrap();
    // Nobody searches it. With other dimensions it is a new namespace as soon as the old is gone.
    let other = || vec![Point::new(PointId::new(1), [1.0, 2.0, 3.0], "")];
    let deadline = std::time::Instant::now() + LONG;
    while let Err(error) = index.upsert(namespace(1), other(), None).await {
        assert!(error.is_invalid() && std::time::Instant::now() < deadline, "{error:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
