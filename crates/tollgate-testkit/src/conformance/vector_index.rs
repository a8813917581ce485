//! Whether an index of vectors does what its trait promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tollgate_cache::index::{IndexError, Namespace, Neighbour, Point, PointId, VectorIndex};

use crate::PATIENCE;

/// Which vectors must have the same number of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameDimensions {
    /// Those of a namespace.
    InNamespace,
    /// All.
    InIndex,
}

/// Puts an index through everything that [`VectorIndex`] promises, in namespaces of its own. Similarities may be off by
/// `tolerance`.
///
/// # Panics
/// If a promise is broken; the message says which.
pub async fn vector_index(index: Arc<dyn VectorIndex>, tolerance: f32, same: SameDimensions) {
    let suite = Suite { index, tolerance, same };
    suite.what_is_not_there_is_empty().await;
    suite.namespaces_are_apart().await;
    suite.an_upsert_replaces().await;
    suite.similarities_are_cosines().await;
    suite.there_are_no_more_than_the_limit().await;
    suite.equals_come_in_the_order_of_their_ids().await;
    suite.removed_points_are_gone().await;
    suite.a_cleared_namespace_is_empty_and_may_have_other_dimensions().await;
    suite.points_expire().await;
    suite.payloads_and_ids_come_back().await;
    suite.other_dimensions_are_refused().await;
    suite.vectors_without_direction_are_refused().await;
    suite.the_nearest_of_many_is_found().await;
    suite.writers_at_the_same_time().await;
}

struct Suite {
    index: Arc<dyn VectorIndex>,
    tolerance: f32,
    same: SameDimensions,
}

/// Of nearly all vectors here.
const DIMENSIONS: usize = 16;

/// A namespace that nobody has used, not even an earlier run on the same server.
fn namespace() -> Namespace {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(&now.to_be_bytes());
    digest[16..20].copy_from_slice(&std::process::id().to_be_bytes());
    digest[24..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Namespace::new(digest)
}

fn id(number: usize) -> PointId {
    PointId::new(number as u128)
}

/// Some vector, always the same for the same seed. Vectors whose seeds are the same modulo 7 are like each other.
fn vector(seed: usize, dimensions: usize) -> Vec<f32> {
    let mut states = [seed % 7 + 1, seed + 1000].map(|seed| seed as u64);
    let mut next = |which: usize| {
        // SplitMix64, whose high bits are as good as random.
        states[which] = states[which].wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = states[which];
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..dimensions).map(|_| next(0) + 0.7 * next(1)).collect()
}

/// A vector that begins with these and is zero elsewhere.
fn padded(begin: &[f32]) -> Vec<f32> {
    begin.iter().copied().chain(std::iter::repeat(0.0)).take(DIMENSIONS).collect()
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot =
        |one: &[f32], other: &[f32]| -> f64 { one.iter().zip(other).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

impl Suite {
    async fn put(&self, namespace: Namespace, points: Vec<Point>) {
        self.index.upsert(namespace, points, None).await.expect("points are stored");
    }

    async fn search(&self, namespace: Namespace, vector: &[f32], limit: usize) -> Vec<Neighbour> {
        self.index.search(namespace, vector, limit).await.expect("a search is answered")
    }

    async fn ids(&self, namespace: Namespace, vector: &[f32], limit: usize) -> Vec<PointId> {
        self.search(namespace, vector, limit).await.iter().map(|found| found.id).collect()
    }

    async fn count(&self, namespace: Namespace) -> usize {
        self.index.count(namespace).await.expect("points are counted")
    }

    async fn what_is_not_there_is_empty(&self) {
        let namespace = namespace();
        assert_eq!(self.search(namespace, &padded(&[1.0, 2.0]), 5).await, []);
        assert_eq!(self.count(namespace).await, 0);
        self.index.remove(namespace, &[id(1)]).await.expect("ids that are not there are passed over");
        self.index.remove(namespace, &[]).await.expect("nothing is removed");
        self.index.clear(namespace).await.expect("an empty namespace is cleared");
        self.put(namespace, Vec::new()).await;
        assert_eq!(self.count(namespace).await, 0);
    }

    async fn namespaces_are_apart(&self) {
        let namespaces: Vec<Namespace> = (0..40).map(|_| namespace()).collect();
        for (number, &namespace) in namespaces.iter().enumerate() {
            // The same ids and vectors everywhere, so that only the namespace tells them apart.
            let points = (0..3).map(|seed| Point::new(id(seed), vector(seed, DIMENSIONS), format!("{number} {seed}")));
            self.put(namespace, points.collect()).await;
        }
        self.index.remove(namespaces[0], &[id(0)]).await.expect("a point is removed");
        self.index.clear(namespaces[1]).await.expect("a namespace is cleared");
        for (number, &namespace) in namespaces.iter().enumerate() {
            let found = self.search(namespace, &vector(1, DIMENSIONS), 50).await;
            assert_eq!(found.len(), [2, 0, 3][number.min(2)], "in namespace {number}");
            for neighbour in found {
                assert_eq!(neighbour.payload, format!("{number} {}", neighbour.id.number()), "in namespace {number}");
            }
        }
    }

    async fn an_upsert_replaces(&self) {
        let namespace = namespace();
        self.put(
            namespace,
            vec![Point::new(id(1), padded(&[1.0]), "old"), Point::new(id(2), padded(&[0.0, 0.0, 1.0]), "other")],
        )
        .await;
        self.put(namespace, vec![Point::new(id(1), padded(&[0.0, 1.0]), "new")]).await;
        let found = self.search(namespace, &padded(&[0.0, 1.0]), 5).await;
        assert_eq!((found.len(), found[0].id, &*found[0].payload), (2, id(1), &b"new"[..]));
        assert!((found[0].similarity - 1.0).abs() <= self.tolerance, "{found:?}");
        assert_eq!(self.count(namespace).await, 2);
    }

    async fn similarities_are_cosines(&self) {
        let namespace = namespace();
        // Lengths differ, and must not matter.
        let scaled = |seed: usize| vector(seed, DIMENSIONS).into_iter().map(move |x| x * (seed + 1) as f32 / 9.0);
        let points = (0..60).map(|seed| Point::new(id(seed), scaled(seed).collect::<Vec<_>>(), ""));
        self.put(namespace, points.collect()).await;
        for query in [0, 3, 100, 101] {
            let query = vector(query, DIMENSIONS);
            for query in [query.clone(), query.iter().map(|x| x * -50.0).collect()] {
                let found = self.search(namespace, &query, 60).await;
                assert_eq!(found.len(), 60);
                assert!(found.is_sorted_by(|one, next| one.similarity >= next.similarity), "the most similar first");
                for neighbour in found {
                    let exact = cosine(&query, &vector(neighbour.id.number() as usize, DIMENSIONS));
                    let off = (f64::from(neighbour.similarity) - exact).abs();
                    assert!(off <= f64::from(self.tolerance), "{} instead of {exact}", neighbour.similarity);
                    assert!((-1.0..=1.0).contains(&neighbour.similarity));
                }
            }
        }
    }

    async fn there_are_no_more_than_the_limit(&self) {
        let namespace = namespace();
        self.put(namespace, (0..10).map(|seed| Point::new(id(seed), vector(seed, DIMENSIONS), "")).collect()).await;
        for (limit, expected) in [(0, 0), (1, 1), (9, 9), (10, 10), (500, 10)] {
            assert_eq!(
                self.search(namespace, &vector(3, DIMENSIONS), limit).await.len(),
                expected,
                "of at most {limit}"
            );
        }
    }

    async fn equals_come_in_the_order_of_their_ids(&self) {
        let namespace = namespace();
        let points = [5, 3, 9, 1].map(|number| Point::new(id(number), padded(&[3.0, 4.0]), ""));
        self.put(namespace, points.into()).await;
        assert_eq!(self.ids(namespace, &padded(&[3.0, 4.0]), 9).await, [1, 3, 5, 9].map(id));
    }

    async fn removed_points_are_gone(&self) {
        let namespace = namespace();
        self.put(namespace, (0..20).map(|seed| Point::new(id(seed), vector(seed, DIMENSIONS), "")).collect()).await;
        let gone: Vec<PointId> = (0..30).step_by(2).map(id).collect();
        self.index.remove(namespace, &gone).await.expect("points are removed");
        let mut left = self.ids(namespace, &vector(2, DIMENSIONS), 50).await;
        left.sort_unstable();
        assert_eq!(left, (1..20).step_by(2).map(id).collect::<Vec<_>>());
        assert_eq!(self.count(namespace).await, 10);
    }

    async fn a_cleared_namespace_is_empty_and_may_have_other_dimensions(&self) {
        let namespace = namespace();
        self.put(namespace, (0..20).map(|seed| Point::new(id(seed), vector(seed, DIMENSIONS), "")).collect()).await;
        self.index.clear(namespace).await.expect("a namespace is cleared");
        assert_eq!((self.count(namespace).await, self.ids(namespace, &vector(1, DIMENSIONS), 5).await), (0, vec![]));
        let dimensions = if self.same == SameDimensions::InNamespace { 12 } else { DIMENSIONS };
        self.put(namespace, vec![Point::new(id(3), vector(3, dimensions), "")]).await;
        assert_eq!(self.ids(namespace, &vector(1, dimensions), 5).await, [id(3)]);
    }

    async fn points_expire(&self) {
        let namespace = namespace();
        let short = Some(Duration::from_millis(20));
        let points = |numbers: std::ops::Range<usize>| -> Vec<Point> {
            numbers.map(|seed| Point::new(id(seed), vector(0, DIMENSIONS), "")).collect()
        };
        self.put(namespace, points(0..2)).await;
        self.index.upsert(namespace, points(1..9), short).await.expect("points are stored");
        self.index.upsert(namespace, points(8..9), Some(PATIENCE * 10)).await.expect("a point is stored");
        self.put(namespace, points(7..8)).await;
        // Those with a short time, of which one had no end before; the others were given another time after it.
        let deadline = std::time::Instant::now() + PATIENCE;
        let expected = [0, 7, 8].map(id);
        loop {
            // Few are asked for, so that those that have expired must not take their place.
            let found = self.ids(namespace, &vector(0, DIMENSIONS), 3).await;
            if found == expected {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "found {found:?} long after all others have expired");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn payloads_and_ids_come_back(&self) {
        let namespace = namespace();
        let payloads = [Vec::new(), (0..=255).collect(), vec![7; 4096], b"\"\\\r\n\0{}".to_vec()];
        let ids = [0, u128::from(u64::MAX) + 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef].map(PointId::new);
        for ((seed, &id), payload) in ids.iter().enumerate().zip(&payloads) {
            self.put(namespace, vec![Point::new(id, vector(seed, DIMENSIONS), payload.clone())]).await;
        }
        for ((seed, &id), payload) in ids.iter().enumerate().zip(&payloads) {
            let found = self.search(namespace, &vector(seed, DIMENSIONS), 1).await;
            assert_eq!((found[0].id, &*found[0].payload), (id, &**payload));
        }
    }

    async fn other_dimensions_are_refused(&self) {
        let namespace = namespace();
        let refused = |result: Result<(), IndexError>| assert!(result.is_err_and(|error| error.is_invalid()));
        let mixed = vec![Point::new(id(1), padded(&[1.0]), ""), Point::new(id(2), [1.0, 0.0, 0.0], "")];
        refused(self.index.upsert(namespace, mixed, None).await);
        assert_eq!(self.count(namespace).await, 0, "all points are refused");
        self.put(namespace, vec![Point::new(id(1), padded(&[1.0]), "")]).await;
        refused(self.index.upsert(namespace, vec![Point::new(id(2), [1.0, 0.0], "")], None).await);
        refused(self.index.search(namespace, &[1.0, 0.0, 0.0, 0.0], 1).await.map(drop));
        assert_eq!(self.ids(namespace, &padded(&[1.0]), 5).await, [id(1)]);
    }

    async fn vectors_without_direction_are_refused(&self) {
        let namespace = namespace();
        let refused = |result: Result<(), IndexError>| assert!(result.is_err_and(|error| error.is_invalid()));
        for vector in [[f32::NAN, 1.0], [1.0, f32::INFINITY], [f32::NEG_INFINITY, 0.0], [0.0, -0.0]] {
            let points = vec![Point::new(id(1), [1.0, 1.0], ""), Point::new(id(2), vector, "")];
            refused(self.index.upsert(namespace, points, None).await);
            refused(self.index.search(namespace, &vector, 1).await.map(drop));
        }
        refused(self.index.search(namespace, &[], 1).await.map(drop));
        assert_eq!(self.count(namespace).await, 0);
    }

    async fn the_nearest_of_many_is_found(&self) {
        let namespace = namespace();
        let vectors: Vec<Vec<f32>> = (0..400).map(|seed| vector(seed, DIMENSIONS)).collect();
        for start in (0..400).step_by(50) {
            let points = (start..start + 50).map(|seed| Point::new(id(seed), vectors[seed].clone(), ""));
            self.put(namespace, points.collect()).await;
        }
        let mut found = 0;
        for query in (0..50).map(|seed| vector(9000 + seed, DIMENSIONS)) {
            let best = vectors.iter().map(|known| cosine(&query, known)).fold(-1.0, f64::max);
            let nearest = self.ids(namespace, &query, 1).await[0].number() as usize;
            found += usize::from(best - cosine(&query, &vectors[nearest]) <= f64::from(self.tolerance));
        }
        assert!(found >= 49, "the nearest was found {found} times of 50");
    }

    async fn writers_at_the_same_time(&self) {
        let namespace = namespace();
        let writers = (0..8).map(|writer| {
            let index = self.index.clone();
            tokio::spawn(async move {
                for number in 0..20 {
                    let seed = writer * 100 + number;
                    let point = Point::new(id(seed), vector(seed, DIMENSIONS), seed.to_string());
                    index.upsert(namespace, vec![point], None).await.expect("a point is stored");
                    let found =
                        index.search(namespace, &vector(seed, DIMENSIONS), 1).await.expect("a search is answered");
                    assert_eq!(found[0].id, id(seed), "what was stored is found");
                }
                index.remove(namespace, &[id(writer * 100)]).await.expect("a point is removed");
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("a writer");
        }
        assert_eq!(self.count(namespace).await, 8 * 19);
    }
}
