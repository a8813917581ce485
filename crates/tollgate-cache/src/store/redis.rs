//! Answers in Redis or Valkey, shared by every process that uses the same server.
//!
//! What was invalidated is kept there too: a process looks at it once in a second at most, so that a purge anywhere holds
//! everywhere within that time.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::BoxFuture;

use super::{NamedEpochs, SharedEpochs, Store};
use crate::provenance::Provenances;
use crate::redis::RedisClient;
use crate::{Entry, Freshness, Key, now_millis};

/// Answers in Redis. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct RedisStore {
    client: RedisClient,
    provenances: Arc<Provenances>,
}

/// The form of entries; another one is as good as none.
const VERSION: u8 = b'1';
/// The hash of epochs by name.
const EPOCHS: &[u8] = b"epochs";

impl RedisStore {
    /// A store behind a client.
    #[must_use]
    pub fn new(client: RedisClient) -> Self {
        Self { client, provenances: Arc::default() }
    }

    /// Whether the server answers, within the client's time limit for reading.
    pub async fn is_reachable(&self) -> bool {
        self.client.ping().await.is_ok()
    }
}

impl Store for RedisStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Arc<Entry>>> {
        Box::pin(async move {
            let written = self.client.get(&name(key)).await.ok()??;
            let mut entry: Entry = match written.split_first() {
                Some((&VERSION, json)) => serde_json::from_slice(json).ok()?,
                _ => return None,
            };
            entry.provenance = self.provenances.share(entry.provenance);
            (entry.freshness(now_millis()) != Freshness::Expired).then(|| Arc::new(entry))
        })
    }

    fn put(&self, key: Key, entry: Arc<Entry>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut written = vec![VERSION];
            // An answer is made of texts and numbers, which can always be written.
            if serde_json::to_writer(&mut written, &*entry).is_err() {
                return;
            }
            let ttl = Duration::from_millis(entry.remaining(now_millis()).max(1));
            // What is not kept is asked for again.
            let _ = self.client.set(&name(&key), &written, Some(ttl)).await;
        })
    }

    fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, bool> {
        Box::pin(async move { self.client.delete(&[&name(key)]).await.is_ok_and(|removed| removed > 0) })
    }
}

impl SharedEpochs for RedisStore {
    fn load(&self) -> BoxFuture<'_, Option<NamedEpochs>> {
        Box::pin(async move {
            let fields = self.client.hash_all(EPOCHS).await.ok()?;
            let epochs = fields.into_iter().filter_map(|(name, epoch)| {
                let name = std::str::from_utf8(&name).ok()?;
                let epoch = std::str::from_utf8(&epoch).ok()?.parse().ok()?;
                Some((name.into(), epoch))
            });
            Some(epochs.collect())
        })
    }

    fn advance<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<u64>> {
        Box::pin(async move { self.client.hash_increment(EPOCHS, name.as_bytes()).await.ok() })
    }
}

fn name(key: &Key) -> Vec<u8> {
    format!("answer:{key}").into_bytes()
}
