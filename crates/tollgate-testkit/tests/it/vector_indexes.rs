//! All indexes of vectors by the same suite, and each where it differs.

#![expect(clippy::unwrap_used, reason = "a test that meets a surprise should stop there")]

use std::sync::Arc;
use std::time::Duration;

use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::index::qdrant::{QdrantIndex, QdrantIndexBuilder};
use tollgate_cache::index::redis::RedisIndex;
use tollgate_cache::index::{Namespace, Point, PointId, VectorIndex};
use tollgate_cache::redis::RedisClient;
use tollgate_core::Secret;
use tollgate_testkit::conformance;
use tollgate_testkit::conformance::SameDimensions::{InIndex, InNamespace};
use tollgate_testkit::servers::{Qdrant, Redis};

const LONG: Duration = Duration::from_secs(20);
/// Vectors of single precision.
const EXACT: f32 = 1e-5;
/// Vectors in planes of a byte and of half a byte. The bound is that of few dimensions.
const TWELVE_BITS: f32 = 1e-3;
/// Vectors in bytes. The fewer dimensions, the less do errors cancel out.
const BYTES: f32 = 0.02;

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
    conformance::vector_index(Arc::new(MemoryIndex::builder().build()), TWELVE_BITS, InNamespace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_with_graphs() {
    let index = MemoryIndex::builder().graph_threshold(4).build();
    conformance::vector_index(Arc::new(index), TWELVE_BITS, InNamespace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_with_bytes() {
    let Some(redis) = Redis::start().await else { return };
    let index = RedisIndex::builder(client(&redis)).open().await.unwrap();
    conformance::vector_index(Arc::new(index), BYTES, InNamespace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_with_numbers() {
    let Some(redis) = Redis::start().await else { return };
    let index = RedisIndex::builder(client(&redis)).exact(true).open().await.unwrap();
    conformance::vector_index(Arc::new(index), EXACT, InNamespace).await;
}

#[tokio::test]
async fn redis_that_cannot_search_is_refused_at_once() {
    for server in [Redis::start_version_7().await, Redis::start_valkey().await] {
        let Some(server) = server else { continue };
        let error = RedisIndex::builder(client(&server)).open().await.unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("Redis 8"), "{error}");
    }
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

fn patient(qdrant: &Qdrant) -> QdrantIndexBuilder {
    QdrantIndex::builder(qdrant.url()).read_timeout(LONG).write_timeout(LONG)
}

fn point(vector: &[f32]) -> Vec<Point> {
    vec![Point::new(PointId::new(1), vector, "p")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qdrant() {
    let Some(qdrant) = Qdrant::start().await else { return };
    conformance::vector_index(Arc::new(patient(&qdrant).build().unwrap()), EXACT, InIndex).await;
}

#[tokio::test]
async fn qdrant_has_one_number_of_dimensions_for_each_collection() {
    let Some(qdrant) = Qdrant::start().await else { return };
    let [one, same] = [(); 2].map(|()| patient(&qdrant).build().unwrap());
    one.upsert(namespace(1), point(&[1.0, 0.0]), None).await.unwrap();
    let error = same.upsert(namespace(2), point(&[1.0, 0.0, 0.0]), None).await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("2 dimensions"), "{error}");
    let other = patient(&qdrant).collection("other").build().unwrap();
    other.upsert(namespace(2), point(&[1.0, 0.0, 0.0]), None).await.unwrap();
    assert_eq!(same.search(namespace(2), &[1.0, 0.0], 1).await.unwrap(), []);
}

#[tokio::test]
async fn qdrant_wants_its_key() {
    let Some(qdrant) = Qdrant::start_with(&["--api-key", "open-sesame"]).await else { return };
    let with = |key: &'static str| patient(&qdrant).api_key(Secret::new(key)).build().unwrap();
    with("open-sesame").upsert(namespace(1), point(&[1.0, 0.0]), None).await.unwrap();
    let error = with("open-barley").search(namespace(1), &[1.0, 0.0], 1).await.unwrap_err();
    assert_eq!(error.to_string(), "qdrant refused the API key");
    assert!(!format!("{:?} {error:?}", with("open-barley")).contains("open-"));
}

#[tokio::test]
async fn qdrant_that_lost_everything_is_filled_again() {
    let Some(mut qdrant) = Qdrant::start().await else { return };
    let index = patient(&qdrant).cool_down(Duration::from_millis(1), Duration::from_millis(1)).build().unwrap();
    index.upsert(namespace(1), point(&[1.0, 0.0]), None).await.unwrap();
    qdrant.stop();
    assert!(index.search(namespace(1), &[1.0, 0.0], 1).await.unwrap_err().is_unavailable());
    assert!(index.upsert(namespace(1), point(&[1.0, 0.0]), None).await.unwrap_err().is_unavailable());
    qdrant.restart().await;
    assert_eq!(index.search(namespace(1), &[1.0, 0.0], 1).await.unwrap(), []);
    // The collection is made again, even with another number of dimensions.
    index.upsert(namespace(1), point(&[1.0, 0.0]), None).await.unwrap();
    assert_eq!(index.count(namespace(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn qdrant_that_hangs_costs_a_deadline_and_then_nothing() {
    let Some(qdrant) = Qdrant::start().await else { return };
    let index = QdrantIndex::builder(qdrant.url()).read_timeout(Duration::from_millis(30)).cool_down(LONG, LONG);
    let index = index.build().unwrap();
    qdrant.pause();
    for _ in 0..3 {
        assert!(index.search(namespace(1), &[1.0, 0.0], 1).await.unwrap_err().is_timeout());
    }
    // Refused by now, without asking: the cool-down is longer than the test may be.
    assert!(index.search(namespace(1), &[1.0, 0.0], 1).await.unwrap_err().is_unavailable());
    qdrant.resume();
}

#[test]
fn addresses_of_qdrant_that_are_none_are_refused() {
    for url in ["", "localhost:6333", "ftp://localhost", "/collections"] {
        assert!(QdrantIndex::builder(url).build().unwrap_err().is_invalid(), "{url}");
    }
    for name in ["", "a/b", "a b", "ä"] {
        assert!(QdrantIndex::builder("http://localhost").collection(name).build().unwrap_err().is_invalid(), "{name}");
    }
    QdrantIndex::builder("https://localhost/behind/a/proxy/").build().unwrap();
}
