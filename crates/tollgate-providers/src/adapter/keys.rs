//! The keys of one provider, taking turns.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tollgate_core::{Error, Secret};

use super::builder::BuildError;
use crate::Auth;
use crate::auth::{GoogleToken, SigV4Signer};

/// Keys in rotation. One that was refused is left out until its rest is over; when all are resting, the one that has
/// rested most is tried.
pub(super) struct KeyRing {
    keys: Vec<Key>,
    next: AtomicUsize,
    started: Instant,
}

struct Key {
    proof: Proof,
    /// The header for paths at the server's root, where that is another one.
    root_header: Option<(HeaderName, HeaderValue)>,
    /// Milliseconds after `started` until which the key rests.
    rests_until: AtomicU64,
}

/// What a key proves itself with.
pub(super) enum Proof {
    /// The same header each time, with the key in it.
    Fixed { header: (HeaderName, HeaderValue), secret: Secret },
    /// A signature over the request.
    Signed(SigV4Signer),
    /// A token that is renewed.
    Token(GoogleToken),
}

/// A key chosen for one request.
#[derive(Clone, Copy)]
pub(super) struct PickedKey<'a> {
    key: &'a Key,
    started: Instant,
}

impl KeyRing {
    pub(super) fn new(proofs: Vec<Proof>, root_auth: Option<Auth>) -> Result<Self, BuildError> {
        let keys = proofs
            .into_iter()
            .map(|proof| {
                let root_header = match (&proof, root_auth) {
                    (Proof::Fixed { secret, .. }, Some(auth)) => Some(auth_header(auth, secret)?),
                    _ => None,
                };
                Ok(Key { proof, root_header, rests_until: AtomicU64::new(0) })
            })
            .collect::<Result<Vec<Key>, BuildError>>()?;
        Ok(Self { keys, next: AtomicUsize::new(0), started: Instant::now() })
    }

    /// The key whose turn it is; `None` where the provider needs none.
    pub(super) fn pick(&self) -> Option<PickedKey<'_>> {
        if let [only] = &self.keys[..] {
            // Rested or not, there is no other.
            return Some(PickedKey { key: only, started: self.started });
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let now = millis(self.started.elapsed());
        let count = self.keys.len();
        let in_turn = (0..count).map(|step| &self.keys[turn.wrapping_add(step) % count]);
        let key = in_turn
            .clone()
            .find(|key| key.rests_until.load(Ordering::Relaxed) <= now)
            .or_else(|| in_turn.min_by_key(|key| key.rests_until.load(Ordering::Relaxed)))?;
        Some(PickedKey { key, started: self.started })
    }
}

impl PickedKey<'_> {
    /// Leaves the key out for a while.
    pub(super) fn rest(&self, duration: Duration) {
        let until = millis(self.started.elapsed().saturating_add(duration));
        self.key.rests_until.fetch_max(until, Ordering::Relaxed);
    }

    /// Whether a signature needs to see all of the body.
    pub(super) fn signs_body(&self) -> bool {
        matches!(self.key.proof, Proof::Signed(_))
    }

    /// Writes the proof into the headers of a request that is otherwise finished. Returns the secret that they hold now,
    /// since some providers quote it in the error that refuses it.
    pub(super) async fn sign(&self, unsigned: Unsigned<'_>) -> Result<Option<Secret>, Error> {
        let Unsigned { method, uri, headers, body, at_root } = unsigned;
        match &self.key.proof {
            Proof::Fixed { header, secret } => {
                let (name, value) = self.key.root_header.as_ref().filter(|_| at_root).unwrap_or(header);
                headers.insert(name.clone(), value.clone());
                Ok(Some(secret.clone()))
            }
            Proof::Signed(signer) => {
                signer.sign(method, uri, headers, body, SystemTime::now())?;
                Ok(headers.get("x-amz-security-token").and_then(|token| token.to_str().ok()).map(Secret::new))
            }
            Proof::Token(token) => {
                let header = token.header().await?;
                let secret = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).map(Secret::new);
                headers.insert(header::AUTHORIZATION, header);
                Ok(secret)
            }
        }
    }
}

/// A request that is finished but for its proof.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a mut HeaderMap,
    /// All of the body if [`PickedKey::signs_body`].
    pub(super) body: &'a [u8],
    /// Whether the path is at the server's root.
    pub(super) at_root: bool,
}

impl Proof {
    /// A key that is sent as it is.
    pub(super) fn fixed(auth: Auth, secret: Secret) -> Result<Self, BuildError> {
        Ok(Self::Fixed { header: auth_header(auth, &secret)?, secret })
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
        let proofs = keys.iter().map(|key| Proof::fixed(Auth::Bearer, Secret::new(*key)).unwrap()).collect();
        KeyRing::new(proofs, None).unwrap()
    }

    fn secret(key: PickedKey<'_>) -> String {
        let Proof::Fixed { secret, .. } = &key.key.proof else { panic!("a fixed key") };
        secret.expose().to_owned()
    }

    fn picks(ring: &KeyRing, count: usize) -> Vec<String> {
        (0..count).map(|_| secret(ring.pick().unwrap())).collect()
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
        assert!(Proof::fixed(Auth::Bearer, Secret::new("a\nb")).is_err());
        assert!(ring(&[]).pick().is_none());
    }
}
