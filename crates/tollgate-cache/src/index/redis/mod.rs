//! An index in Redis: by vector sets (Redis 8), or by RediSearch where only that is there.
//!
//! Which of the two a server has is asked once, by [`RedisIndexBuilder::open`]. Redis 7 and Valkey have neither, which is an
//! error there and not in the middle of traffic.

mod search;
mod sets;

use std::time::Duration;

use tollgate_core::BoxFuture;

use self::search::Search;
use self::sets::Sets;
use super::vector::Unit;
use super::{IndexError, Namespace, Neighbour, Point, PointId, VectorIndex};
use crate::redis::{Operation, RedisClient, RedisError, Reply, cmd};

/// A [`VectorIndex`] in Redis. See the [module docs](self).
///
/// Redis 8 keeps a vector set for each namespace and drops points by itself when their time has come. With bytes for
/// vectors ([`RedisIndexBuilder::exact`]) similarities are off by some thousandths.
#[derive(Clone, Debug)]
pub struct RedisIndex {
    client: RedisClient,
    engine: Engine,
}

/// Builds a [`RedisIndex`].
#[derive(Clone, Debug)]
#[must_use = "there is no index before `open`"]
pub struct RedisIndexBuilder {
    client: RedisClient,
    is_exact: bool,
}

/// What the server searches with.
#[derive(Clone, Debug)]
enum Engine {
    Sets(Sets),
    Search(Search),
}

/// A vector that was checked, with what belongs to it.
struct Checked {
    id: PointId,
    blob: Vec<u8>,
    payload: bytes::Bytes,
}

// === impl RedisIndexBuilder ===

impl RedisIndexBuilder {
    /// Sets whether vectors are kept as 32-bit numbers instead of bytes, in four times the memory. Defaults to false.
    /// RediSearch always keeps the numbers.
    pub fn exact(mut self, is_exact: bool) -> Self {
        self.is_exact = is_exact;
        self
    }

    /// The index, after the server was asked what it can do.
    ///
    /// # Errors
    /// If the server does not answer, or has neither vector sets nor RediSearch ([`RedisError::is_configuration`]).
    pub async fn open(self) -> Result<RedisIndex, RedisError> {
        let mut command = cmd("COMMAND");
        command.arg("INFO").arg(&["VSIM", "FT.SEARCH"]);
        let known = match self.client.run(&command, Operation::Write).await? {
            Reply::Array(known) if known.len() == 2 => known,
            _ => return Err(RedisError::unexpected()),
        };
        let is_there = |command: &Reply| matches!(command, Reply::Array(facts) if !facts.is_empty());
        let engine = match (is_there(&known[0]), is_there(&known[1])) {
            (true, _) => Engine::Sets(Sets::new(self.is_exact)),
            (false, true) => Engine::Search(Search::new()),
            (false, false) => {
                return Err(RedisError::configuration(
                    "this server can search no vectors; Redis 8 can, and Redis with RediSearch",
                ));
            }
        };
        Ok(RedisIndex { client: self.client, engine })
    }
}

// === impl RedisIndex ===

impl RedisIndex {
    /// An index in the server of a client, under its prefix. Deadlines are the client's.
    pub fn builder(client: RedisClient) -> RedisIndexBuilder {
        RedisIndexBuilder { client, is_exact: false }
    }

    async fn upsert_all(
        &self,
        namespace: Namespace,
        points: Vec<Point>,
        ttl: Option<Duration>,
    ) -> Result<(), IndexError> {
        let mut checked: Vec<Checked> = Vec::with_capacity(points.len());
        let mut dimensions = None;
        for point in points {
            let unit = Unit::new(&point.vector)?;
            let expected = *dimensions.get_or_insert(unit.dimensions());
            if expected != unit.dimensions() {
                return Err(IndexError::dimensions(expected, unit.dimensions()));
            }
            checked.push(Checked { id: point.id, blob: blob(&unit), payload: point.payload });
        }
        let Some(dimensions) = dimensions else { return Ok(()) };
        match &self.engine {
            Engine::Sets(sets) => sets.upsert(&self.client, namespace, checked, ttl).await,
            Engine::Search(search) => search.upsert(&self.client, namespace, dimensions, checked, ttl).await,
        }
    }

    async fn search_for(
        &self,
        namespace: Namespace,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Neighbour>, IndexError> {
        let unit = Unit::new(vector)?;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut found = match &self.engine {
            Engine::Sets(sets) => sets.search(&self.client, namespace, blob(&unit), limit).await?,
            Engine::Search(search) => {
                search.search(&self.client, namespace, unit.dimensions(), blob(&unit), limit).await?
            }
        };
        super::sort(&mut found, limit);
        Ok(found)
    }
}

impl VectorIndex for RedisIndex {
    fn upsert(
        &self,
        namespace: Namespace,
        points: Vec<Point>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(self.upsert_all(namespace, points, ttl))
    }

    fn search<'a>(
        &'a self,
        namespace: Namespace,
        vector: &'a [f32],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Neighbour>, IndexError>> {
        Box::pin(self.search_for(namespace, vector, limit))
    }

    fn remove<'a>(&'a self, namespace: Namespace, ids: &'a [PointId]) -> BoxFuture<'a, Result<(), IndexError>> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(());
            }
            match &self.engine {
                Engine::Sets(sets) => sets.remove(&self.client, namespace, ids).await,
                Engine::Search(search) => search.remove(&self.client, namespace, ids).await,
            }
        })
    }

    fn clear(&self, namespace: Namespace) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(async move {
            match &self.engine {
                Engine::Sets(sets) => sets.clear(&self.client, namespace).await,
                Engine::Search(search) => search.clear(&self.client, namespace).await,
            }
        })
    }

    fn count(&self, namespace: Namespace) -> BoxFuture<'_, Result<usize, IndexError>> {
        Box::pin(async move {
            match &self.engine {
                Engine::Sets(sets) => sets.count(&self.client, namespace).await,
                Engine::Search(search) => search.count(&self.client, namespace).await,
            }
        })
    }
}

impl From<RedisError> for IndexError {
    fn from(error: RedisError) -> Self {
        let said = error.refusal().unwrap_or_default().to_ascii_lowercase();
        let made = if error.is_timeout() {
            Self::timeout("redis did not answer in time")
        } else if error.is_unavailable() {
            Self::unavailable("redis is not available")
        } else if said.contains("vector dimension mismatch") {
            Self::invalid("the vectors of the namespace have another number of dimensions")
        } else {
            Self::refused("redis refused a command of the index")
        };
        made.with_source(error)
    }
}

/// A vector as Redis takes it: 32-bit numbers, little-endian.
fn blob(unit: &Unit) -> Vec<u8> {
    unit.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The bytes of a reply.
fn bytes_of(value: &Reply) -> Result<&[u8], RedisError> {
    match value {
        Reply::BulkString(bytes) => Ok(bytes),
        Reply::SimpleString(text) => Ok(text.as_bytes()),
        _ => Err(RedisError::unexpected()),
    }
}

/// The number that a reply spells.
fn float_of(value: &Reply) -> Result<f64, RedisError> {
    if let Reply::Double(number) = value {
        return Ok(*number);
    }
    let text = std::str::from_utf8(bytes_of(value)?).ok();
    text.and_then(|text| text.trim().parse().ok()).ok_or_else(RedisError::unexpected)
}
