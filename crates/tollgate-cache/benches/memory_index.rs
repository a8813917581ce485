//! A scan against a graph, to choose the size at which a namespace gets one: time, memory and recall.
//!
//! ```sh
//! cargo bench -p tollgate-cache --bench memory_index -- 1000 10000 100000
//! ```
//!
//! Vectors have 384 dimensions and lie in clusters. Two kinds of queries: near a stored vector, as those of rephrased
//! prompts are, and new ones of the same clusters. Recall is the part of queries whose first result is the first of a scan
//! with 32-bit numbers. Times are microseconds for each point or query, on one thread: of the processor for changes, where
//! the system tells, and of the clock for searches.

#![allow(clippy::print_stdout, reason = "what it is for")]
#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement that meets a surprise should stop")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::index::{Namespace, Point, PointId, VectorIndex};

const DIMENSIONS: usize = 384;
const QUERIES: usize = 500;
const NAMESPACE: Namespace = Namespace::new([1; 32]);

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1000, 10_000] } else { sizes };
    println!(
        "         points  insert  remove   search: median      p99   bytes: counted  resident   recall: near    new"
    );
    for size in sizes {
        let vectors = Vectors::new(size);
        measure("scan", &MemoryIndex::builder().graph_threshold(usize::MAX).build(), &vectors);
        measure("graph", &MemoryIndex::builder().graph_threshold(2).build(), &vectors);
    }
}

struct Vectors {
    stored: Vec<Vec<f32>>,
    near: Vec<(Vec<f32>, u128)>,
    new: Vec<(Vec<f32>, u128)>,
}

impl Vectors {
    fn new(size: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let mut normal = move || (0..6).map(|_| random.f32() - 0.5).sum::<f32>() * std::f32::consts::SQRT_2;
        // A cluster for every fifty vectors, as wide as it is far from the middle.
        let centers: Vec<Vec<f32>> = (0..size / 50 + 1).map(|_| (0..DIMENSIONS).map(|_| normal()).collect()).collect();
        let mut around = |center: &[f32], width: f32| -> Vec<f32> {
            let moved: Vec<f32> = center.iter().map(|x| x + width * normal()).collect();
            let length = moved.iter().map(|x| x * x).sum::<f32>().sqrt();
            moved.iter().map(|x| x / length).collect()
        };
        let stored: Vec<Vec<f32>> = (0..size).map(|number| around(&centers[number % centers.len()], 1.0)).collect();
        let length = (DIMENSIONS as f32).sqrt();
        let near = (0..QUERIES).map(|query| around(&stored[query * 7919 % size], 0.4 / length)).collect::<Vec<_>>();
        let new = (0..QUERIES).map(|query| around(&centers[query * 31 % centers.len()], 1.0)).collect::<Vec<_>>();
        let [near, new] = [near, new].map(|queries| {
            let nearest = |query: &Vec<f32>| {
                let similarity = |stored: &Vec<f32>| stored.iter().zip(query).map(|(x, y)| x * y).sum::<f32>();
                let best =
                    stored.iter().enumerate().max_by(|one, other| similarity(one.1).total_cmp(&similarity(other.1)));
                best.unwrap().0 as u128
            };
            queries
                .into_iter()
                .map(|query| {
                    let nearest = nearest(&query);
                    (query, nearest)
                })
                .collect()
        });
        Self { stored, near, new }
    }
}

fn measure(name: &str, index: &MemoryIndex, vectors: &Vectors) {
    let size = vectors.stored.len();
    let before = resident();
    let start = Watch::start();
    for (number, vector) in vectors.stored.iter().enumerate() {
        let point = Point::new(PointId::new(number as u128), vector.clone(), vec![7_u8; 16]);
        ready(index.upsert(NAMESPACE, vec![point], None)).unwrap();
    }
    let insert = start.microseconds() / size as f64;
    let resident = resident().saturating_sub(before) / size;
    let mut times = Vec::new();
    let recalls = [&vectors.near, &vectors.new].map(|queries| {
        let hits = queries.iter().filter(|(query, nearest)| {
            let start = Instant::now();
            let found = ready(index.search(NAMESPACE, query, 8)).unwrap();
            times.push(start.elapsed().as_secs_f64() * 1e6);
            found[0].id.number() == *nearest
        });
        hits.count() as f64 / queries.len() as f64
    });
    times.sort_by(f64::total_cmp);
    let counted = index.bytes() / size;
    let start = Watch::start();
    for number in (0..QUERIES).map(|number| number * 7919 % size) {
        ready(index.remove(NAMESPACE, &[PointId::new(number as u128)])).unwrap();
    }
    let remove = start.microseconds() / QUERIES as f64;
    let (median, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let [near, new] = recalls;
    println!(
        "{name:6} {size:8} {insert:7.1} {remove:7.1} {median:16.1} {late:8.1} {counted:16} {resident:9} {near:14.3} {new:6.3}"
    );
}

/// The memory index never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("the memory index never waits"),
    }
}

/// Time that this thread has run, so that others on the machine do not count.
struct Watch {
    started: Instant,
    ran: Option<u64>,
}

impl Watch {
    fn start() -> Self {
        Self { started: Instant::now(), ran: Self::ran() }
    }

    fn ran() -> Option<u64> {
        std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
    }

    fn microseconds(&self) -> f64 {
        match self.ran.zip(Self::ran()) {
            Some((before, after)) if after > before => (after - before) as f64 / 1e3,
            _ => self.started.elapsed().as_secs_f64() * 1e6,
        }
    }
}

/// The bytes of memory that the process holds, where the system tells.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).map_or(0, |kilobytes| kilobytes * 1024)
}
