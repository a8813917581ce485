//! An index that is opened when it is first asked.
//!
//! The server that it is in may not be there when the gateway starts, and need not be.

use std::time::Duration;

use tokio::sync::OnceCell;
use tollgate_cache::index::redis::RedisIndex;
use tollgate_cache::index::{IndexError, Namespace, Neighbour, Point, PointId, VectorIndex};
use tollgate_cache::redis::RedisClient;
use tollgate_core::BoxFuture;

/// An index in Redis.
#[derive(Debug)]
pub(super) struct LazyRedis {
    client: RedisClient,
    index: OnceCell<RedisIndex>,
}

impl LazyRedis {
    pub(super) fn new(client: RedisClient) -> Self {
        Self { client, index: OnceCell::new() }
    }

    async fn open(&self) -> Result<&RedisIndex, IndexError> {
        let open = async || {
            RedisIndex::builder(self.client.clone()).open().await.map_err(|error| {
                if error.is_configuration() {
                    tracing::error!(%error, "vectors cannot be kept in this server");
                }
                IndexError::unavailable("redis could not be asked what it can do")
            })
        };
        self.index.get_or_try_init(open).await
    }
}

impl VectorIndex for LazyRedis {
    fn upsert(
        &self,
        namespace: Namespace,
        points: Vec<Point>,
        ttl: Option<Duration>,
    ) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(async move { self.open().await?.upsert(namespace, points, ttl).await })
    }

    fn search<'a>(
        &'a self,
        namespace: Namespace,
        vector: &'a [f32],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Neighbour>, IndexError>> {
        Box::pin(async move { self.open().await?.search(namespace, vector, limit).await })
    }

    fn remove<'a>(&'a self, namespace: Namespace, ids: &'a [PointId]) -> BoxFuture<'a, Result<(), IndexError>> {
        Box::pin(async move { self.open().await?.remove(namespace, ids).await })
    }

    fn clear(&self, namespace: Namespace) -> BoxFuture<'_, Result<(), IndexError>> {
        Box::pin(async move { self.open().await?.clear(namespace).await })
    }

    fn count(&self, namespace: Namespace) -> BoxFuture<'_, Result<usize, IndexError>> {
        Box::pin(async move { self.open().await?.count(namespace).await })
    }
}
