//! All keys, in memory, as requests meet them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tollgate_core::{Grant, Identity, Tag};

use super::token::Digest;
use super::{Snapshot, VirtualKey, time};

/// Finds keys by what clients send. Readers wait for nobody, also while the keys are replaced.
pub struct KeyRing {
    current: ArcSwap<Keys>,
    had_keys: AtomicBool,
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// There is no such key.
    Unknown,
    /// It is disabled.
    Disabled,
    /// It has expired, or was replaced and the time in which it was still taken is over.
    Expired,
}

/// Who holds a key.
pub struct Holder {
    id: String,
    identity: Identity,
    expires_at: Option<SystemTime>,
    disabled: bool,
    /// Milliseconds since 1970; zero if it was not used since somebody asked.
    used_at: AtomicU64,
}

#[derive(Default)]
struct Keys {
    revision: u64,
    by_place: HashMap<u64, Vec<Held>>,
    holders: Vec<Arc<Holder>>,
}

/// A secret that is taken for a key.
struct Held {
    digest: Digest,
    until: Option<SystemTime>,
    holder: Arc<Holder>,
}

// === impl KeyRing ===

impl KeyRing {
    /// A ring without keys.
    #[must_use]
    pub fn new() -> Self {
        Self { current: ArcSwap::from_pointee(Keys::default()), had_keys: AtomicBool::new(false) }
    }

    /// Exchanges the keys for those of a snapshot.
    pub fn replace(&self, snapshot: &Snapshot) {
        let earlier = self.current.load();
        let unwritten: HashMap<&str, u64> = earlier
            .holders
            .iter()
            .map(|holder| (holder.id.as_str(), holder.used_at.load(Ordering::Relaxed)))
            .filter(|(_, used_at)| *used_at > 0)
            .collect();
        let mut keys = Keys { revision: snapshot.revision, ..Keys::default() };
        for key in &snapshot.keys {
            let used_at = unwritten.get(key.id.as_str()).copied().unwrap_or(0);
            let holder = Arc::new(Holder::of(key, used_at));
            for secret in &key.secrets {
                let held = Held { digest: secret.digest, until: secret.until, holder: holder.clone() };
                keys.by_place.entry(secret.digest.place()).or_default().push(held);
            }
            keys.holders.push(holder);
        }
        if !keys.holders.is_empty() {
            self.had_keys.store(true, Ordering::Relaxed);
        }
        self.current.store(Arc::new(keys));
    }

    /// The holder of what a client has sent, at a time, and notes that the key was used.
    ///
    /// # Errors
    /// Why it is refused. Only who sends a secret of the key learns more than that it is unknown.
    pub fn find(&self, sent: &str, now: SystemTime) -> Result<Arc<Holder>, KeyRefusal> {
        let digest = Digest::of(sent);
        let keys = self.current.load();
        let held = keys.by_place.get(&digest.place()).into_iter().flatten().find(|held| held.digest == digest);
        let held = held.ok_or(KeyRefusal::Unknown)?;
        if held.holder.disabled {
            return Err(KeyRefusal::Disabled);
        }
        if [held.until, held.holder.expires_at].into_iter().flatten().any(|end| end <= now) {
            return Err(KeyRefusal::Expired);
        }
        held.holder.used_at.store(time::to_millis(now), Ordering::Relaxed);
        Ok(held.holder.clone())
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.load().holders.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are keys, or were at any time since the start. Removing the last key does not let everybody in.
    #[must_use]
    pub fn had_keys(&self) -> bool {
        self.had_keys.load(Ordering::Relaxed)
    }

    /// The revision of the snapshot in use; zero before the first.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.current.load().revision
    }

    /// The keys, by id, that were used since this was asked last, for [`Directory::touch`](super::Directory::touch).
    #[must_use]
    pub fn take_uses(&self) -> Vec<(String, SystemTime)> {
        let keys = self.current.load();
        let used = keys.holders.iter().map(|holder| (holder, holder.used_at.swap(0, Ordering::Relaxed)));
        used.filter(|(_, at)| *at > 0).map(|(holder, at)| (holder.id.clone(), time::from_millis(at))).collect()
    }
}

impl Default for KeyRing {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("revision", &self.revision()).field("keys", &self.len()).finish_non_exhaustive()
    }
}

// === impl Holder ===

impl Holder {
    fn of(key: &VirtualKey, used_at: u64) -> Self {
        let shared = |list: &[String]| list.iter().map(|name| name.as_str().into()).collect();
        let grant = Grant {
            models: shared(&key.models),
            providers: shared(&key.providers),
            protocols: key.known_protocols().collect(),
            passthrough: key.passthrough,
        };
        let mut identity = Identity::of_key(key.name.as_str());
        identity.path = key.path.as_ref().map(super::KeyPath::as_shared);
        identity.grant = (!grant.is_unlimited()).then(|| Arc::new(grant));
        let tags =
            key.tags.iter().map(|(name, value)| Tag { name: name.as_str().into(), value: value.as_str().into() });
        identity.tags = (!key.tags.is_empty()).then(|| tags.collect());
        Self {
            id: key.id.clone(),
            identity,
            expires_at: key.expires_at,
            disabled: key.disabled,
            used_at: AtomicU64::new(used_at),
        }
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who that is to the rest of the gateway.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("id", &self.id).field("identity", &self.identity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
