//! What is kept.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::AbortHandle;
use tollgate_core::Context;

/// Kept responses, in memory, bounded in bytes and in time. The oldest go first.
pub struct ResponseStore {
    max_bytes: usize,
    ttl: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<Key, (u64, Entry)>,
    /// In the order in which they came. One whose serial is not the entry's was replaced or deleted.
    oldest: VecDeque<(Key, u64, Instant, usize)>,
    bytes: usize,
    serial: u64,
}

/// The client's key and the response's id.
type Key = (Option<Arc<str>>, Arc<str>);

/// A response.
#[derive(Clone)]
pub(super) enum Entry {
    /// Here.
    Here(KeptResponse),
    /// At the provider of this name.
    There(Arc<str>),
}

/// A response that the gateway keeps.
#[derive(Clone)]
pub(super) struct KeptResponse {
    /// The request's body, with everything that it went on from.
    pub(super) body: Bytes,
    /// The response object.
    pub(super) response: Bytes,
    /// What stops it, as long as it runs in the background.
    pub(super) running: Option<AbortHandle>,
}

impl ResponseStore {
    /// A store of at most `max_bytes`, in which nothing is older than `ttl`.
    #[must_use]
    pub fn new(max_bytes: usize, ttl: Duration) -> Self {
        Self { max_bytes, ttl, kept: Mutex::default() }
    }

    pub(super) fn get(&self, context: &Context, id: &str) -> Option<Entry> {
        let mut kept = self.lock();
        self.expire(&mut kept);
        kept.entries.get(&key(context, id)).map(|(_, entry)| entry.clone())
    }

    pub(super) fn put(&self, context: &Context, id: &str, entry: Entry) {
        let key = key(context, id);
        let size = id.len() + entry.size();
        if size > self.max_bytes {
            return;
        }
        let mut kept = self.lock();
        kept.serial += 1;
        let serial = kept.serial;
        kept.entries.insert(key.clone(), (serial, entry));
        kept.oldest.push_back((key, serial, Instant::now(), size));
        kept.bytes += size;
        self.expire(&mut kept);
    }

    /// Replaces a response that is still there; one that was deleted meanwhile stays deleted.
    pub(super) fn update(&self, context: &Context, id: &str, entry: Entry) {
        if self.get(context, id).is_some() {
            self.put(context, id, entry);
        }
    }

    /// Notes that a response runs, unless it is over already.
    pub(super) fn start(&self, context: &Context, id: &str, response: Bytes, running: AbortHandle) {
        let mut kept = self.lock();
        if let Some((_, Entry::Here(known))) = kept.entries.get_mut(&key(context, id))
            && !running.is_finished()
        {
            known.response = response;
            known.running = Some(running);
        }
    }

    pub(super) fn remove(&self, context: &Context, id: &str) -> Option<Entry> {
        self.lock().entries.remove(&key(context, id)).map(|(_, entry)| entry)
    }

    /// The first of the client's kept responses for which `find` finds something, latest first.
    pub(super) fn search<T>(&self, context: &Context, find: impl Fn(&KeptResponse) -> Option<T>) -> Option<T> {
        let owner = context.identity().key;
        let kept = self.lock();
        kept.oldest.iter().rev().filter(|(key, ..)| key.0 == owner).find_map(|(key, serial, ..)| {
            match kept.entries.get(key) {
                Some((known, Entry::Here(response))) if known == serial => find(response),
                _ => None,
            }
        })
    }

    fn expire(&self, kept: &mut Kept) {
        while let Some((_, _, since, _)) = kept.oldest.front() {
            if kept.bytes <= self.max_bytes && since.elapsed() <= self.ttl {
                return;
            }
            let Some((key, serial, _, size)) = kept.oldest.pop_front() else { return };
            kept.bytes -= size;
            if kept.entries.get(&key).is_some_and(|(known, _)| *known == serial) {
                kept.entries.remove(&key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn size(&self) -> usize {
        const OWN: usize = 128;
        match self {
            Self::Here(kept) => OWN + kept.body.len() + kept.response.len(),
            Self::There(_) => OWN,
        }
    }
}

fn key(context: &Context, id: &str) -> Key {
    (context.identity().key, id.into())
}

impl fmt::Debug for ResponseStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseStore")
            .field("max_bytes", &self.max_bytes)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::Identity;

    use super::*;

    fn context(key: &str) -> Context {
        Context::builder("r").identity(Identity::of_key(key)).build()
    }

    fn kept(size: usize) -> Entry {
        Entry::Here(KeptResponse { body: vec![b' '; size].into(), response: Bytes::new(), running: None })
    }

    #[test]
    fn each_key_has_its_own() {
        let store = ResponseStore::new(10_000, Duration::from_secs(60));
        store.put(&context("a"), "r1", kept(10));
        assert!(store.get(&context("a"), "r1").is_some());
        assert!(store.get(&context("b"), "r1").is_none());
        assert!(store.search(&context("b"), |_| Some(())).is_none());
        assert!(store.remove(&context("a"), "r1").is_some());
        store.update(&context("a"), "r1", kept(10));
        assert!(store.get(&context("a"), "r1").is_none(), "what was deleted stays deleted");
    }

    #[test]
    fn it_is_bounded_in_bytes_and_in_time() {
        let store = ResponseStore::new(3000, Duration::from_secs(60));
        for number in 0..100 {
            store.put(&context("a"), &number.to_string(), kept(1000));
        }
        let present = (0..100).filter(|number| store.get(&context("a"), &number.to_string()).is_some()).count();
        assert_eq!(present, 2);
        store.put(&context("a"), "large", kept(5000));
        assert!(store.get(&context("a"), "large").is_none());
        let store = ResponseStore::new(3000, Duration::ZERO);
        store.put(&context("a"), "r", kept(1));
        std::thread::sleep(Duration::from_millis(2));
        assert!(store.get(&context("a"), "r").is_none());
    }
}
