//! The index against an exact scan, through growth and decay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, UNIX_EPOCH};

use super::*;

const DIMENSIONS: usize = 24;

fn namespace(number: u8) -> Namespace {
    Namespace::new([number; 32])
}

/// Vectors in clusters, as those of prompts are.
fn vector(seed: u64) -> Vec<f32> {
    let mut center = fastrand::Rng::with_seed(seed % 50);
    let mut own = fastrand::Rng::with_seed(seed);
    (0..DIMENSIONS).map(|_| center.f32() - 0.5 + 0.6 * (own.f32() - 0.5)).collect()
}

fn point(number: u64) -> Point {
    Point::new(PointId::new(number.into()), vector(number), number.to_string())
}

fn put(index: &MemoryIndex, numbers: impl IntoIterator<Item = u64>, ttl: Option<Duration>) {
    index.upsert_now(namespace(1), numbers.into_iter().map(point).collect(), ttl).unwrap();
}

fn nearest(index: &MemoryIndex, vector: &[f32]) -> Option<u128> {
    index.search_now(namespace(1), vector, 1).unwrap().first().map(|found| found.id.number())
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let [one, other] = [one, other].map(|vector| Unit::new(vector).unwrap());
    one.as_slice().iter().zip(other.as_slice()).map(|(x, y)| x * y).sum()
}

/// How many of some queries find what an exact scan of these points finds first.
fn recall(index: &MemoryIndex, numbers: &[u64]) -> f64 {
    let unit = |number| Unit::new(&vector(number)).unwrap();
    let units: Vec<(u64, Unit)> = numbers.iter().map(|&number| (number, unit(number))).collect();
    let dot = |one: &Unit, other: &Unit| one.as_slice().iter().zip(other.as_slice()).map(|(x, y)| x * y).sum::<f32>();
    let queries = (1_000_000..1_000_100).map(unit);
    let hits = queries.filter(|query| {
        let best = units.iter().max_by(|one, other| dot(query, &one.1).total_cmp(&dot(query, &other.1)));
        nearest(index, query.as_slice()) == best.map(|(number, _)| u128::from(*number))
    });
    hits.count() as f64 / 100.0
}

#[test]
fn a_scan_finds_the_nearest_with_its_similarity() {
    let index = MemoryIndex::builder().build();
    let numbers: Vec<u64> = (0..500).collect();
    put(&index, numbers.clone(), None);
    assert_eq!(recall(&index, &numbers), 1.0);
    let query = vector(99_999);
    let found = index.search_now(namespace(1), &query, 20).unwrap();
    assert_eq!(found.len(), 20);
    assert!(found.is_sorted_by(|one, next| one.similarity >= next.similarity));
    for neighbour in found {
        let exact = cosine(&query, &vector(u64::try_from(neighbour.id.number()).unwrap()));
        assert!((neighbour.similarity - exact).abs() < 5e-4, "{} {exact}", neighbour.similarity);
    }
}

#[test]
fn a_graph_finds_what_a_scan_finds_through_growth_and_decay() {
    let index = MemoryIndex::builder().graph_threshold(300).build();
    put(&index, 0..1000, None);
    let mut numbers: Vec<u64> = (0..1000).collect();
    assert!(recall(&index, &numbers) >= 0.99);
    // Half of the points are replaced by others, a few at a time.
    for round in 0..5 {
        let gone: Vec<PointId> = numbers.drain(..100).map(|number| PointId::new(number.into())).collect();
        index.remove_now(namespace(1), &gone);
        let new = 1000 + round * 100..1100 + round * 100;
        put(&index, new.clone(), None);
        numbers.extend(new);
    }
    assert!(recall(&index, &numbers) >= 0.99);
    // And down to where there is no graph any more.
    let gone: Vec<PointId> = numbers.drain(100..).map(|number| PointId::new(number.into())).collect();
    index.remove_now(namespace(1), &gone);
    assert_eq!(recall(&index, &numbers), 1.0);
}

#[test]
fn a_graph_that_is_still_growing_misses_nothing() {
    let index = MemoryIndex::builder().graph_threshold(300).build();
    for size in [300, 301, 350, 420] {
        put(&index, 0..size, None);
        for number in (0..size).step_by(37) {
            assert_eq!(nearest(&index, &vector(number)), Some(number.into()), "{number} of {size}");
        }
    }
}

#[test]
fn runs_repeat() {
    let run = || {
        let index = MemoryIndex::builder().graph_threshold(100).build();
        put(&index, 0..400, None);
        (0..50).map(|query| index.search_now(namespace(1), &vector(5000 + query), 5).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn expired_points_are_not_found_and_go() {
    let now = Arc::new(AtomicU64::new(1_000_000));
    let clock = now.clone();
    let index = MemoryIndex::builder()
        .graph_threshold(50)
        .clock(move || UNIX_EPOCH + Duration::from_millis(clock.load(Ordering::Relaxed)))
        .build();
    put(&index, 0..40, Some(Duration::from_millis(10)));
    put(&index, 40..80, Some(Duration::from_millis(20)));
    now.fetch_add(10, Ordering::Relaxed);
    assert!(nearest(&index, &vector(3)).is_some_and(|found| found >= 40));
    index.maintain();
    assert_eq!(index.totals(), (1, 40));
    now.fetch_add(10, Ordering::Relaxed);
    // A point that comes looks at some others, so that they go without anybody's care.
    put(&index, 100..120, None);
    assert_eq!(index.totals(), (1, 20));
}

#[test]
fn what_is_worth_least_makes_room() {
    let index = MemoryIndex::builder().max_bytes(200_000).build();
    let cheap = |number| point(number).weight(1.0);
    let dear = |number| point(number).weight(10.0);
    index.upsert_now(namespace(2), (0..100).map(dear).collect(), None).unwrap();
    for number in 100..3000 {
        index.upsert_now(namespace(1), vec![cheap(number)], None).unwrap();
        assert!(index.bytes() <= 200_000);
        if number < 1500 {
            assert_eq!(index.0.find(namespace(2)).map(|home| home.read().len()), Some(100), "{number}");
        }
    }
    // The latest is there, and so are as many as fit.
    assert_eq!(nearest(&index, &vector(2999)), Some(2999));
    assert!(index.totals().1 > 400, "{:?}", index.totals());
}

#[test]
fn nothing_is_counted_that_is_not_there() {
    let index = MemoryIndex::builder().graph_threshold(100).build();
    put(&index, 0..300, None);
    put(&index, 100..350, None);
    index.remove_now(namespace(1), &(0..340).map(PointId::new).collect::<Vec<_>>());
    index.upsert_now(namespace(2), vec![point(1)], None).unwrap();
    index.clear_now(namespace(2));
    index.remove_now(namespace(1), &(340..350).map(PointId::new).collect::<Vec<_>>());
    assert_eq!((index.totals(), index.bytes()), ((0, 0), 0));
}

#[test]
fn an_emptied_namespace_may_have_other_dimensions() {
    let index = MemoryIndex::builder().build();
    put(&index, 0..1, None);
    let flat = || Point::new(PointId::new(7), [1.0, 0.0], "flat");
    assert!(index.upsert_now(namespace(1), vec![flat()], None).unwrap_err().is_invalid());
    index.clear_now(namespace(1));
    index.upsert_now(namespace(1), vec![flat()], None).unwrap();
    assert_eq!(nearest(&index, &[1.0, 0.1]), Some(7));
}

#[test]
fn threads_in_one_namespace() {
    let index = MemoryIndex::builder().graph_threshold(200).max_bytes(300_000).build();
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (index, start) = (&index, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..300 {
                    put(index, [thread * 1000 + round], None);
                    nearest(index, &vector(round));
                    if round % 10 == 0 {
                        index.remove_now(namespace(1), &[PointId::new((thread * 1000 + round / 2).into())]);
                    }
                    if round % 100 == 99 {
                        index.clear_now(namespace(1));
                    }
                }
            });
        }
    });
    index.clear_now(namespace(1));
    assert_eq!((index.totals(), index.bytes()), ((0, 0), 0));
}

mod snapshots {
    use super::*;

    #[test]
    fn points_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vectors");
        let index = MemoryIndex::builder().graph_threshold(200).build();
        put(&index, 0..400, None);
        put(&index, 0..10, Some(Duration::ZERO));
        index.upsert_now(namespace(2), vec![Point::new(PointId::new(1), [1.0, 2.0], "two")], None).unwrap();
        index.save(&file).unwrap();
        let restored = MemoryIndex::builder().graph_threshold(200).build();
        assert_eq!(restored.load(&file).unwrap(), 391);
        restored.maintain();
        index.maintain();
        assert_eq!(restored.totals(), index.totals());
        for query in (0..20).map(|number| vector(7000 + number)) {
            let [one, other] = [&index, &restored].map(|index| index.search_now(namespace(1), &query, 1).unwrap());
            assert_eq!(one, other);
        }
        assert_eq!(restored.search_now(namespace(2), &[1.0, 2.0], 3).unwrap()[0].payload, "two");
        let mut payloads = Vec::new();
        restored.for_each_payload(|namespace, payload| payloads.push((*namespace, payload.to_vec())));
        assert_eq!(payloads.len(), 391);
        assert!(payloads.contains(&(namespace(2), b"two".to_vec())));
    }

    /// A file of version 1 with one point of three dimensions: whole steps 127, -64 and 0, and rests of 0.25, -0.5 and 0.5.
    #[test]
    fn a_file_of_the_first_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vectors");
        let (scale, payload) = (1.0_f32 / 142.0, b"three");
        let mut bytes = [b"TGVECTOR".as_slice(), &1_u32.to_le_bytes(), &[1], &[1; 32], &3_u32.to_le_bytes()].concat();
        bytes.extend([[1].as_slice(), &7_u128.to_le_bytes(), &u64::MAX.to_le_bytes()].concat());
        bytes.extend([1.0_f32.to_le_bytes(), scale.to_le_bytes()].concat());
        bytes.extend([127_i8, -64, 0, 63, -127, 127].map(i8::cast_unsigned));
        bytes.extend([&5_u32.to_le_bytes(), payload.as_slice(), &[0, 0]].concat());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        std::fs::write(&file, &bytes).unwrap();
        let index = MemoryIndex::builder().build();
        assert_eq!(index.load(&file).unwrap(), 1);
        let found = index.search_now(namespace(1), &[127.25, -64.5, 0.5], 1).unwrap();
        assert_eq!((found[0].id, &found[0].payload[..]), (PointId::new(7), payload.as_slice()));
        assert!((found[0].similarity - 1.0).abs() < 0.01, "{found:?}");
        // It is written in the form of today.
        index.save(&file).unwrap();
        let again = MemoryIndex::builder().build();
        assert_eq!(again.load(&file).unwrap(), 1);
        assert_eq!(again.search_now(namespace(1), &[127.25, -64.5, 0.5], 1).unwrap(), found);
        // One of a version to come is not.
        bytes[8] = 3;
        std::fs::write(&file, &bytes).unwrap();
        assert!(MemoryIndex::builder().build().load(&file).unwrap_err().is_damaged());
    }

    #[test]
    fn a_file_that_is_damaged_adds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vectors");
        let index = MemoryIndex::builder().build();
        assert!(index.load(&file).unwrap_err().is_not_found());
        put(&index, 0..20, None);
        index.save(&file).unwrap();
        let whole = std::fs::read(&file).unwrap();
        let check = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let empty = MemoryIndex::builder().build();
            assert!(empty.load(&file).unwrap_err().is_damaged(), "{} bytes", bytes.len());
            assert_eq!(empty.totals(), (0, 0));
        };
        for length in [0, 7, 12, 13, 40, whole.len() / 2, whole.len() - 1] {
            check(&whole[..length]);
        }
        for at in (0..whole.len()).step_by(97) {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            check(&flipped);
        }
    }
}
