//! An index in Qdrant, by its REST interface.
//!
//! All namespaces share a collection, as Qdrant advises for many tenants: the namespace is a keyword that is declared to be
//! the tenant, each has a graph of its own once it is large, and every request filters by it. The collection is made with
//! the first point, and has that point's number of dimensions for all namespaces.
//!
//! Points cannot expire in Qdrant. Each says until when it may be found, by the clock of the gateway; searches filter by
//! it, and what has expired is deleted once a minute, as long as new points come.

mod body;
mod http;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::IgnoredAny;
use tollgate_core::{BoxFuture, Secret};

use self::body::{Answer, Counted, Described, Found, Stored};
use self::http::{Http, Operation};
use super::vector::Unit;
use super::{IndexError, Namespace, Neighbour, Point, PointId, VectorIndex};
use tollgate_remote::CoolDown;

/// A [`VectorIndex`] in Qdrant. Clones share everything. See the [module docs](self).
#[derive(Clone)]
pub struct QdrantIndex(Arc<Inner>);

/// Builds a [`QdrantIndex`].
#[derive(Clone, Debug)]
#[must_use = "there is no index before `build`"]
pub struct QdrantIndexBuilder {
    url: String,
    api_key: Option<Secret>,
    collection: String,
    read_timeout: Duration,
    write_timeout: Duration,
    cool_down: CoolDown,
}

struct Inner {
    http: Http,
    collection: String,
    /// The number of dimensions of the collection, once it is known.
    dimensions: Mutex<Option<usize>>,
    purged: AtomicU64,
}

/// How often what has expired is deleted, in milliseconds.
const PURGE_EVERY: u64 = 60_000;

// === impl QdrantIndexBuilder ===

impl QdrantIndexBuilder {
    /// Sets the key that is sent in the header `api-key`. Defaults to none.
    pub fn api_key(mut self, key: Secret) -> Self {
        self.api_key = Some(key);
        self
    }

    /// Sets the name of the collection. Defaults to `tollgate`.
    pub fn collection(mut self, name: impl Into<String>) -> Self {
        self.collection = name.into();
        self
    }

    /// Sets how long a search may take. Defaults to 50 milliseconds.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Sets how long each request of a change may take. Defaults to 1 second.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets how long a server is left alone after it did not answer three times in a row, and how long at most if it goes
    /// on not to. Both vary by a quarter. Defaults to 200 milliseconds and 5 seconds.
    pub fn cool_down(mut self, first: Duration, longest: Duration) -> Self {
        self.cool_down = CoolDown { first, longest };
        self
    }

    /// The index. Nothing is sent before the first operation.
    ///
    /// # Errors
    /// If the address is not one of a server, or the name of the collection has other characters than letters, digits,
    /// `-` and `_`.
    pub fn build(self) -> Result<QdrantIndex, IndexError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if self.collection.is_empty() || !self.collection.bytes().all(is_plain) {
            return Err(IndexError::invalid("the name of the collection must have letters, digits, `-` and `_` only"));
        }
        let http = Http::new(&self)?;
        let (dimensions, purged) = (Mutex::default(), AtomicU64::new(now()));
        Ok(QdrantIndex(Arc::new(Inner { http, collection: self.collection, dimensions, purged })))
    }
}

// === impl QdrantIndex ===

impl QdrantIndex {
    /// An index in the server at an address, `http://host:6333` or `https://host`.
    pub fn builder(url: impl Into<String>) -> QdrantIndexBuilder {
        QdrantIndexBuilder {
            url: url.into(),
            api_key: None,
            collection: "tollgate".to_owned(),
            read_timeout: Duration::from_millis(50),
            write_timeout: Duration::from_secs(1),
            cool_down: CoolDown::default(),
        }
    }
}

impl VectorIndex for QdrantIndex {
    fn upsert(
        &self,
        namespace: Namespace,
        points: Vec<Point>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(self.0.upsert(namespace, points, ttl))
    }

    fn search<'a>(
        &'a self,
        namespace: Namespace,
        vector: &'a [f32],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Neighbour>, IndexError>> {
        Box::pin(self.0.search(namespace, vector, limit))
    }

    fn remove<'a>(&'a self, namespace: Namespace, ids: &'a [PointId]) -> BoxFuture<'a, Result<(), IndexError>> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(());
            }
            self.0.delete(&body::points(namespace, ids)).await
        })
    }

    fn clear(&self, namespace: Namespace) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(async move { self.0.delete(&body::of_namespace(namespace)).await })
    }

    fn count(&self, namespace: Namespace) -> BoxFuture<'_, Result<usize, IndexError>> {
        Box::pin(self.0.count(namespace))
    }
}

impl fmt::Debug for QdrantIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QdrantIndex").field("collection", &self.0.collection).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    async fn upsert(&self, namespace: Namespace, points: Vec<Point>, ttl: Option<Duration>) -> Result<(), IndexError> {
        let units: Vec<Unit> = points.iter().map(|point| Unit::new(&point.vector)).collect::<Result<_, _>>()?;
        let Some(first) = units.first().map(Unit::dimensions) else { return Ok(()) };
        let expires = ttl.map_or(body::NEVER, |ttl| now().saturating_add(milliseconds(ttl)).min(body::NEVER));
        let stored = points.iter().zip(&units).map(|(point, unit)| Stored::new(namespace, point, unit, expires));
        let stored = body::upsert(stored.collect());
        let mut is_second = false;
        loop {
            let dimensions = self.dimensions(first).await?;
            if let Some(unit) = units.iter().find(|unit| unit.dimensions() != dimensions) {
                return Err(IndexError::dimensions(dimensions, unit.dimensions()));
            }
            match self.http.put(&self.path("/points?wait=true"), &stored).await? {
                Answer::Done(IgnoredAny) => break,
                Answer::NotFound if !is_second => self.forget(),
                Answer::NotFound => return Err(IndexError::refused("qdrant has lost the collection")),
            }
            is_second = true;
        }
        self.purge().await;
        Ok(())
    }

    async fn search(&self, namespace: Namespace, vector: &[f32], limit: usize) -> Result<Vec<Neighbour>, IndexError> {
        let unit = Unit::new(vector)?;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let query = body::query(namespace, &unit, limit, now());
        let found = self.http.post(&self.path("/points/query"), &query, Operation::Read).await?;
        let Answer::Done(Found { points }) = found else { return Ok(Vec::new()) };
        let mut neighbours = points.iter().map(body::neighbour).collect::<Result<Vec<_>, _>>()?;
        super::sort(&mut neighbours, limit);
        Ok(neighbours)
    }

    async fn delete(&self, what: &serde_json::Value) -> Result<(), IndexError> {
        // In a collection that is not there, there is nothing to delete.
        let _: Answer<IgnoredAny> =
            self.http.post(&self.path("/points/delete?wait=true"), what, Operation::Write).await?;
        Ok(())
    }

    async fn count(&self, namespace: Namespace) -> Result<usize, IndexError> {
        let filter = body::count(namespace, now());
        match self.http.post(&self.path("/points/count"), &filter, Operation::Read).await? {
            Answer::Done(Counted { count }) => Ok(count),
            Answer::NotFound => Ok(0),
        }
    }

    /// How many dimensions the collection has; makes it if it is not there.
    async fn dimensions(&self, wanted: usize) -> Result<usize, IndexError> {
        if let Some(known) = *self.known() {
            return Ok(known);
        }
        let found: Answer<Described> = self.http.get(&self.path("")).await?;
        let dimensions = match found {
            Answer::Done(described) => described.dimensions()?,
            Answer::NotFound => self.create(wanted).await?,
        };
        *self.known() = Some(dimensions);
        Ok(dimensions)
    }

    async fn create(&self, wanted: usize) -> Result<usize, IndexError> {
        let created = self.http.put::<_, IgnoredAny>(&self.path(""), &body::collection(wanted)).await;
        // Somebody else may have been faster, and have it made with another number.
        let dimensions = match self.http.get::<Described>(&self.path("")).await? {
            Answer::Done(described) => described.dimensions()?,
            Answer::NotFound => {
                created?;
                return Err(IndexError::refused("qdrant did not keep the collection"));
            }
        };
        for field in body::payload_indexes() {
            let _: Answer<IgnoredAny> = self.http.put(&self.path("/index?wait=true"), &field).await?;
        }
        Ok(dimensions)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<usize>> {
        self.dimensions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self) {
        *self.known() = None;
    }

    async fn purge(&self) {
        let (now, last) = (now(), self.purged.load(Ordering::Relaxed));
        let is_due = now.saturating_sub(last) >= PURGE_EVERY;
        if is_due && self.purged.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let path = self.path("/points/delete?wait=false");
            // If it fails there is another time; what has expired is not found in any case.
            let _: Result<Answer<IgnoredAny>, _> = self.http.post(&path, &body::expired(now), Operation::Write).await;
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/collections/{}{rest}", self.collection)
    }
}

fn now() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
