//! Nearest neighbours among the vectors of cached prompts, kept apart by namespace.
//!
//! A [`VectorIndex`] answers one question: which stored vectors of this [`Namespace`] are most like this one. Whether a
//! neighbour may be served is decided elsewhere. An index never answers with a point of another namespace, whatever
//! it was asked.
//!
//! - [`memory`]: in this process; a scan while a namespace is small, a graph beyond.
//! - `qdrant`: in Qdrant; with the feature of that name.
//! - `redis`: in Redis 8, or Redis with RediSearch; with the feature of that name.

mod error;
pub mod memory;
#[cfg(feature = "qdrant")]
pub mod qdrant;
#[cfg(feature = "redis")]
pub mod redis;
mod vector;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tollgate_core::BoxFuture;

pub use error::IndexError;

/// Stores vectors and finds those most like another, by cosine similarity.
///
/// What all indexes have in common:
///
/// - **Namespaces are apart.** They come to be with their first point and have its number of dimensions until they are
///   empty again; a vector with another number of dimensions is refused ([`IndexError::is_invalid`]). Some indexes
///   have one number of dimensions for all namespaces.
/// - **Vectors have a direction only.** They are normalised on entry; one that has no direction, because it is zero or
///   not finite, is refused.
/// - **Time is bounded.** An index that is elsewhere has a deadline for each operation, and one that has been found broken
///   is not asked again until a short time has passed ([`IndexError::is_unavailable`]).
/// - **Nothing is promised to stay.** A point may be gone before its time, because of a bound on memory or a restart.
pub trait VectorIndex: Send + Sync + fmt::Debug {
    /// Stores points; one that is there under the same id is replaced, with its payload and time to live. They are found
    /// when the future has completed. Without `ttl` they stay until there is a reason to drop them.
    ///
    /// Either all points are refused, or all are stored unless the index fails in between.
    fn upsert(
        &self,
        namespace: Namespace,
        points: Vec<Point>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'_, Result<(), IndexError>>;

    /// At most `limit` points, the most similar first, and of equals the one with the least id. A
    /// namespace that is not there has none.
    fn search<'a>(
        &'a self,
        namespace: Namespace,
        vector: &'a [f32],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Neighbour>, IndexError>>;

    /// Removes points. Ids that are not there are passed over.
    fn remove<'a>(&'a self, namespace: Namespace, ids: &'a [PointId]) -> BoxFuture<'a, Result<(), IndexError>>;

    /// Removes all points of a namespace.
    fn clear(&self, namespace: Namespace) -> BoxFuture<'_, Result<(), IndexError>>;

    /// How many points a namespace has. Those that have just expired may be among them.
    fn count(&self, namespace: Namespace) -> BoxFuture<'_, Result<usize, IndexError>>;
}

/// Whose vectors: the digest of everything that two requests must have in common before one may be answered with what was
/// stored for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace([u8; 32]);

/// Names a point within its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointId(u128);

/// A vector to be stored, with what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its name.
    pub id: PointId,
    /// Its direction; of any length but zero.
    pub vector: Vec<f32>,
    /// What a search gives back with it. Small, such as the id of an answer: it is copied with every result.
    pub payload: Bytes,
    /// What it is worth to keep it, from 0 up, in any unit that all points share. An index that has a bound of its own
    /// drops the least worth first, and among equals the oldest; servers drop by rules of their own.
    pub weight: f32,
}

/// A point that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// Its name.
    pub id: PointId,
    /// The cosine of the angle between its vector and the one asked for, from -1 to 1.
    pub similarity: f32,
    /// What was stored with it.
    pub payload: Bytes,
}

// === impl Namespace ===

impl Namespace {
    /// A namespace with the given digest. Two that differ in anything must have digests that differ.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In hexadecimal.
impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

// === impl PointId ===

impl PointId {
    /// An id with the given number.
    #[must_use]
    pub const fn new(number: u128) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u128 {
        self.0
    }
}

/// As 32 hexadecimal digits.
impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

// === impl Point ===

impl Point {
    /// A point of weight 1.
    pub fn new(id: PointId, vector: impl Into<Vec<f32>>, payload: impl Into<Bytes>) -> Self {
        Self { id, vector: vector.into(), payload: payload.into(), weight: 1.0 }
    }

    /// Sets what it is worth to keep it. Defaults to 1.
    #[must_use]
    pub fn weight(mut self, weight: f32) -> Self {
        self.weight = weight;
        self
    }
}

/// The order in which results are given.
#[cfg(any(feature = "qdrant", feature = "redis"))]
fn sort(found: &mut Vec<Neighbour>, limit: usize) {
    found.sort_by(|one, other| other.similarity.total_cmp(&one.similarity).then_with(|| one.id.cmp(&other.id)));
    found.truncate(limit);
}
