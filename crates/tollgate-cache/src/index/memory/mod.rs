//! An index in this process: a scan of bytes while a namespace is small, a graph beyond.
//!
//! Most namespaces of a cache are small, because a namespace is everything that two requests must have in common. Up to
//! some ten thousand vectors a scan is as fast as a graph, exact, and costs nothing when points come and go.
//!
//! ```
//! use tollgate_cache::index::memory::MemoryIndex;
//! use tollgate_cache::index::{Namespace, Point, PointId, VectorIndex};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let index = MemoryIndex::builder().max_bytes(64 << 20).build();
//! let namespace = Namespace::new([7; 32]);
//! let points = vec![Point::new(PointId::new(1), [1.0, 0.0], "east"), Point::new(PointId::new(2), [0.0, 1.0], "north")];
//! index.upsert(namespace, points, None).await.unwrap();
//! let nearest = index.search(namespace, &[0.9, 0.1], 1).await.unwrap();
//! assert_eq!(nearest[0].payload, "east");
//! # });
//! ```

mod blocks;
mod graph;
mod planes;
mod queue;
mod snapshot;
mod space;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_core::BoxFuture;

use self::graph::Shape;
use self::planes::{Probe, Stored};
use self::queue::{Queue, Ticket};
use self::space::{Entry, Plan, Space};
use super::vector::Unit;
use super::{IndexError, Namespace, Neighbour, Point, PointId, VectorIndex};

pub use snapshot::SnapshotError;

/// A [`VectorIndex`] in memory. Clones share their points. See the [module docs](self).
///
/// Everything is computed where the future is polled: up to the threshold a search takes half a millisecond, and beyond it
/// storing a point takes as long (384 dimensions). Searches take no lock that another search would wait for; a change keeps
/// searches of its own namespace waiting for a tenth of a millisecond for each point.
#[derive(Clone)]
pub struct MemoryIndex(Arc<Inner>);

/// Builds a [`MemoryIndex`].
#[derive(Clone)]
#[must_use = "there is no index before `build`"]
pub struct MemoryIndexBuilder {
    max_bytes: usize,
    plan: Plan,
    clock: Clock,
}

type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

struct Inner {
    settings: MemoryIndexBuilder,
    shards: [RwLock<HashMap<Namespace, Arc<Home>>>; SHARDS],
    hasher: RandomState,
    queue: Mutex<Queue<Place>>,
    bytes: AtomicUsize,
}

/// A namespace and where it is. Locks are taken in the order shard, space, queue.
struct Home {
    namespace: Namespace,
    space: RwLock<Space>,
}

/// Where a point is. Its number is in bytes, because a number of that size would be kept at a multiple of its size.
struct Place {
    home: Arc<Home>,
    id: [u8; 16],
}

const SHARDS: usize = 16;
/// What the index keeps of a namespace beside its [`Space`].
const HOME_BYTES: usize = size_of::<Home>() + size_of::<(Namespace, Arc<Home>)>() * 2;
/// What the queue keeps of a point.
const QUEUED_BYTES: usize = Queue::<Place>::BYTES;
/// How many pending points each new one brings into the graph, itself included. So a namespace that has just reached the
/// threshold has its graph complete after a third more, and nobody has to link all its points at once.
const LINKED_PER_POINT: usize = 4;

// === impl MemoryIndexBuilder ===

impl MemoryIndexBuilder {
    /// Sets how many bytes of memory all points together may take, with everything that is kept of them. When there are
    /// more, those that are least worth keeping are dropped. Defaults to 256 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets with how many points a namespace gets a graph; with fewer all its vectors are scanned. Defaults to 16,384.
    pub fn graph_threshold(mut self, points: usize) -> Self {
        self.plan.threshold = points.max(2);
        self
    }

    /// Sets how many neighbours a vector has in a graph, from 2 to 128: more find better and take more memory. Defaults
    /// to 16.
    pub fn graph_links(mut self, links: usize) -> Self {
        self.plan.shape.links = links.clamp(2, 128);
        self
    }

    /// Sets how many candidates are looked at for the neighbours of a new vector. Defaults to 100.
    pub fn build_width(mut self, candidates: usize) -> Self {
        self.plan.shape.build_width = candidates.max(1);
        self
    }

    /// Sets how many candidates a search of a graph keeps: more find better and take longer. Defaults to 64.
    pub fn search_width(mut self, candidates: usize) -> Self {
        self.plan.shape.search_width = candidates.max(1);
        self
    }

    /// Sets what tells the time, which decides what has expired. Defaults to the system's clock.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The index, empty.
    #[must_use]
    pub fn build(self) -> MemoryIndex {
        MemoryIndex(Arc::new(Inner {
            settings: self,
            shards: std::array::from_fn(|_| RwLock::default()),
            hasher: RandomState::new(),
            queue: Mutex::new(Queue::new()),
            bytes: AtomicUsize::new(0),
        }))
    }
}

impl fmt::Debug for MemoryIndexBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MemoryIndexBuilder");
        debug.field("max_bytes", &self.max_bytes).field("plan", &self.plan).finish_non_exhaustive()
    }
}

// === impl MemoryIndex ===

impl MemoryIndex {
    /// An index with defaults to change.
    pub fn builder() -> MemoryIndexBuilder {
        let shape = Shape { links: 16, build_width: 100, search_width: 64 };
        MemoryIndexBuilder {
            max_bytes: 256 << 20,
            plan: Plan { threshold: 16_384, shape },
            clock: Arc::new(SystemTime::now),
        }
    }

    /// The bytes of memory that all points take together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// How many namespaces and how many points there are.
    #[must_use]
    pub fn totals(&self) -> (usize, usize) {
        let homes = self.0.homes();
        (homes.len(), homes.iter().map(|home| home.read().len()).sum())
    }

    /// Drops what has expired and brings graphs up to date. All of this happens by itself, a little with every new point;
    /// an owner with a thread to spare calls it now and then for namespaces that get no new ones. May take seconds after a
    /// large snapshot was read, while others wait for milliseconds at most.
    pub fn maintain(&self) {
        for home in self.0.homes() {
            let mut space = home.write();
            let before = space.bytes();
            let expired = space.sweep(None, self.0.now());
            self.0.take_out(&mut space, &expired);
            self.0.resized(before, space.bytes());
            drop(space);
            self.0.close_if_empty(&home);
            while self.0.link_one(&home) {}
        }
    }

    fn upsert_now(&self, namespace: Namespace, points: Vec<Point>, ttl: Option<Duration>) -> Result<(), IndexError> {
        let units: Vec<Unit> = points.iter().map(|point| Unit::new(&point.vector)).collect::<Result<_, _>>()?;
        let Some(first) = units.first() else { return Ok(()) };
        let expires = ttl.map_or(u64::MAX, |ttl| self.0.now().saturating_add(milliseconds(ttl)));
        let home = self.0.home(namespace, first.dimensions());
        let expected = home.read().dimensions();
        if let Some(unit) = units.iter().find(|unit| unit.dimensions() != expected) {
            self.0.close_if_empty(&home);
            return Err(IndexError::dimensions(expected, unit.dimensions()));
        }
        for (point, unit) in points.into_iter().zip(&units) {
            self.0.put(namespace, point, &Stored::new(unit), expires)?;
        }
        Ok(())
    }

    fn search_now(&self, namespace: Namespace, vector: &[f32], limit: usize) -> Result<Vec<Neighbour>, IndexError> {
        let unit = Unit::new(vector)?;
        let Some(home) = self.0.find(namespace) else { return Ok(Vec::new()) };
        let space = home.read();
        if space.len() == 0 {
            return Ok(Vec::new());
        }
        if space.dimensions() != unit.dimensions() {
            return Err(IndexError::dimensions(space.dimensions(), unit.dimensions()));
        }
        Ok(space.search(&Probe::new(&unit), limit, self.0.now()))
    }

    fn remove_now(&self, namespace: Namespace, ids: &[PointId]) {
        let Some(home) = self.0.find(namespace) else { return };
        let mut space = home.write();
        let before = space.bytes();
        self.0.take_out(&mut space, ids);
        self.0.resized(before, space.bytes());
        drop(space);
        self.0.close_if_empty(&home);
    }

    fn clear_now(&self, namespace: Namespace) {
        let Some(home) = self.0.shard(namespace).write().unwrap_or_else(PoisonError::into_inner).remove(&namespace)
        else {
            return;
        };
        let mut space = home.write();
        self.0.bytes.fetch_sub(HOME_BYTES + space.bytes(), Ordering::Relaxed);
        let tickets = space.close();
        drop(space);
        tickets.into_iter().for_each(|ticket| self.0.leave_queue(ticket));
    }
}

impl VectorIndex for MemoryIndex {
    fn upsert(
        &self,
        namespace: Namespace,
        points: Vec<Point>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(async move { self.upsert_now(namespace, points, ttl) })
    }

    fn search<'a>(
        &'a self,
        namespace: Namespace,
        vector: &'a [f32],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Neighbour>, IndexError>> {
        Box::pin(async move { self.search_now(namespace, vector, limit) })
    }

    fn remove<'a>(&'a self, namespace: Namespace, ids: &'a [PointId]) -> BoxFuture<'a, Result<(), IndexError>> {
        Box::pin(async move {
            self.remove_now(namespace, ids);
            Ok(())
        })
    }

    fn clear(&self, namespace: Namespace) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(async move {
            self.clear_now(namespace);
            Ok(())
        })
    }

    fn count(&self, namespace: Namespace) -> BoxFuture<'_, Result<usize, IndexError>> {
        Box::pin(async move { Ok(self.0.find(namespace).map_or(0, |home| home.read().len())) })
    }
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn now(&self) -> u64 {
        milliseconds((self.settings.clock)().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn shard(&self, namespace: Namespace) -> &RwLock<HashMap<Namespace, Arc<Home>>> {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are enough")]
        let hash = self.hasher.hash_one(namespace) as usize;
        &self.shards[hash % SHARDS]
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue<Place>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, namespace: Namespace) -> Option<Arc<Home>> {
        self.shard(namespace).read().unwrap_or_else(PoisonError::into_inner).get(&namespace).cloned()
    }

    fn home(&self, namespace: Namespace, dimensions: usize) -> Arc<Home> {
        if let Some(home) = self.find(namespace) {
            return home;
        }
        let mut shard = self.shard(namespace).write().unwrap_or_else(PoisonError::into_inner);
        let home = shard.entry(namespace).or_insert_with(|| {
            let space = Space::new(dimensions);
            self.bytes.fetch_add(HOME_BYTES + space.bytes(), Ordering::Relaxed);
            Arc::new(Home { namespace, space: RwLock::new(space) })
        });
        home.clone()
    }

    fn homes(&self) -> Vec<Arc<Home>> {
        let shards = self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner));
        shards.flat_map(|shard| shard.values().cloned().collect::<Vec<_>>()).collect()
    }

    fn put(&self, namespace: Namespace, point: Point, vector: &Stored, expires: u64) -> Result<(), IndexError> {
        let dimensions = vector.coarse.len();
        loop {
            let home = self.home(namespace, dimensions);
            let mut space = home.write();
            // Between being found and being locked it may have become empty and been taken out.
            if space.is_closed {
                continue;
            }
            if space.dimensions() != dimensions {
                return Err(IndexError::dimensions(space.dimensions(), dimensions));
            }
            let before = space.bytes();
            let mut leaving = space.sweep(Some(Space::SWEPT_PER_POINT), self.now());
            leaving.push(point.id);
            self.take_out(&mut space, &leaving);
            let place = Place { home: home.clone(), id: point.id.number().to_ne_bytes() };
            let ticket = self.queue().push(point.weight, place);
            self.bytes.fetch_add(QUEUED_BYTES, Ordering::Relaxed);
            let Point { id, payload, weight, .. } = point;
            space.insert(
                Entry { id, payload: (*payload).into(), expires, weight, ticket },
                vector,
                &self.settings.plan,
            );
            self.resized(before, space.bytes());
            drop(space);
            (0..LINKED_PER_POINT).take_while(|_| self.link_one(&home)).for_each(drop);
            break;
        }
        self.drop_surplus();
        Ok(())
    }

    fn take_out(&self, space: &mut Space, ids: &[PointId]) {
        for id in ids {
            if let Some(entry) = space.remove(*id, &self.settings.plan) {
                self.leave_queue(entry.ticket);
            }
        }
    }

    fn leave_queue(&self, ticket: Ticket) {
        // Whoever drops points may have called it already.
        if self.queue().leave(ticket) {
            self.bytes.fetch_sub(QUEUED_BYTES, Ordering::Relaxed);
        }
    }

    /// Brings a point into the graph; whether there was one.
    fn link_one(&self, home: &Home) -> bool {
        // Most of the work is done while others search.
        let planned = home.read().plan();
        let Some(planned) = planned else { return false };
        home.write().link(planned);
        true
    }

    fn drop_surplus(&self) {
        while self.bytes.load(Ordering::Relaxed) > self.settings.max_bytes {
            // A statement of its own, so that the queue is free again: spaces are locked before it.
            let next = self.queue().pop();
            let Some((ticket, Place { home, id })) = next else { return };
            let id = PointId::new(u128::from_ne_bytes(id));
            self.bytes.fetch_sub(QUEUED_BYTES, Ordering::Relaxed);
            let mut space = home.write();
            if space.get(id).is_some_and(|entry| entry.ticket == ticket) {
                let before = space.bytes();
                space.remove(id, &self.settings.plan);
                self.resized(before, space.bytes());
            }
            drop(space);
            self.close_if_empty(&home);
        }
    }

    fn close_if_empty(&self, home: &Arc<Home>) {
        if home.read().len() > 0 {
            return;
        }
        let mut shard = self.shard(home.namespace).write().unwrap_or_else(PoisonError::into_inner);
        let mut space = home.write();
        if space.len() == 0 && !space.is_closed {
            space.is_closed = true;
            shard.remove(&home.namespace);
            self.bytes.fetch_sub(HOME_BYTES + space.bytes(), Ordering::Relaxed);
        }
    }

    fn resized(&self, before: usize, after: usize) {
        if after >= before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

// === impl Home ===

impl Home {
    fn read(&self) -> RwLockReadGuard<'_, Space> {
        self.space.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Space> {
        self.space.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
