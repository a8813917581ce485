//! The keys of one provider, taking turns.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tollgate_core::Secret;

use super::builder::BuildError;
use crate::Auth;

/// Keys in rotation. One that was refused is left out until its rest is over; when all are resting, the one that has
/// rested most is tried.
pub(super) struct KeyRing {
    keys: Vec<Key>,
    next: AtomicUsize,
    started: Instant,
}

struct Key {
    secret: Secret,
    header: (HeaderName, HeaderValue),
    /// The header for paths at the server's root, where that is another one.
    root_header: Option<(HeaderName, HeaderValue)>,
    /// Milliseconds after `started` until which the key rests.
    rests_until: AtomicU64,
}

/// A key chosen for one request.
#[derive(Clone, Copy)]
pub(super) struct PickedKey<'a> {
    pub(super) secret: &'a Secret,
    key: &'a Key,
    started: Instant,
}

impl KeyRing {
    pub(super) fn new(secrets: Vec<Secret>, auth: Auth, root_auth: Option<Auth>) -> Result<Self, BuildError> {
        let keys = secrets
            .into_iter()
            .map(|secret| {
                Ok(Key {
                    header: auth_header(auth, &secret)?,
                    root_header: root_auth.map(|auth| auth_header(auth, &secret)).transpose()?,
                    secret,
                    rests_until: AtomicU64::new(0),
                })
            })
            .collect::<Result<Vec<Key>, BuildError>>()?;
        Ok(Self { keys, next: AtomicUsize::new(0), started: Instant::now() })
    }

    /// The key whose turn it is; `None` where the provider needs none.
    pub(super) fn pick(&self) -> Option<PickedKey<'_>> {
        if let [only] = &self.keys[..] {
            // Rested or not, there is no other.
            return Some(PickedKey { secret: &only.secret, key: only, started: self.started });
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let now = millis(self.started.elapsed());
        let count = self.keys.len();
        let in_turn = (0..count).map(|step| &self.keys[turn.wrapping_add(step) % count]);
        let key = in_turn
            .clone()
            .find(|key| key.rests_until.load(Ordering::Relaxed) <= now)
            .or_else(|| in_turn.min_by_key(|key| key.rests_until.load(Ordering::Relaxed)))?;
        Some(PickedKey { secret: &key.secret, key, started: self.started })
    }
}

impl PickedKey<'_> {
    /// Leaves the key out for a while.
    pub(super) fn rest(&self, duration: Duration) {
        let until = millis(self.started.elapsed().saturating_add(duration));
        self.key.rests_until.fetch_max(until, Ordering::Relaxed);
    }

    /// Writes the key into a request's headers.
    pub(super) fn sign(&self, headers: &mut HeaderMap, at_root: bool) {
        let (name, value) = match &self.key.root_header {
            Some(header) if at_root => header,
            _ => &self.key.header,
        };
        headers.insert(name.clone(), value.clone());
    }
}

fn auth_header(auth: Auth, secret: &Secret) -> Result<(HeaderName, HeaderValue), BuildError> {
    let (name, value) = match auth {
        Auth::Bearer | Auth::Aws | Auth::Google => {
            (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", secret.expose())))
        }
        Auth::Header(name) => (HeaderName::from_static(name), HeaderValue::from_str(secret.expose())),
    };
    let mut value = value.map_err(|_| BuildError::new("api_key", "has a character that HTTP forbids in a header"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[&str]) -> KeyRing {
        KeyRing::new(keys.iter().map(|key| Secret::new(*key)).collect(), Auth::Bearer, None).unwrap()
    }

    fn picks(ring: &KeyRing, count: usize) -> Vec<String> {
        (0..count).map(|_| ring.pick().unwrap().secret.expose().to_owned()).collect()
    }

    #[test]
    fn keys_take_turns_and_rest() {
        let ring = ring(&["a", "b", "c"]);
        assert_eq!(picks(&ring, 4), ["a", "b", "c", "a"]);
        ring.pick().unwrap().rest(Duration::from_secs(60));
        assert!(!picks(&ring, 6).contains(&"b".to_owned()));
    }

    #[test]
    fn when_all_rest_the_nearest_to_its_end_is_tried() {
        let ring = ring(&["a", "b"]);
        ring.pick().unwrap().rest(Duration::from_secs(60));
        ring.pick().unwrap().rest(Duration::from_secs(30));
        assert_eq!(picks(&ring, 2), ["b", "b"]);
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused() {
        assert!(KeyRing::new(vec![Secret::new("a\nb")], Auth::Bearer, None).is_err());
        assert!(ring(&[]).pick().is_none());
    }
}
