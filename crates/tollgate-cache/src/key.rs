//! Keys: what must be equal for two requests to have the same answer.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tollgate_core::{Request, Secret, Target};

/// The digest of everything that determines an answer: 256 bits, so that no two requests share one by chance or on purpose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key([u8; 32]);

/// Makes keys. Those of makers with different secrets never meet, so whoever can read a shared store cannot tell from its
/// keys what was asked without knowing the secret.
#[derive(Clone)]
pub struct KeyMaker {
    secret: Secret,
}

/// What goes into a key besides the request's canonical form.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'a> {
    /// Who may share the answer.
    pub scope: &'a str,
    /// Who answers.
    pub target: &'a Target,
    /// The request, for the headers that travel with it.
    pub request: &'a Request,
}

/// Headers that say nothing about the answer: traces, sessions, and who asks.
const NOT_ABOUT_THE_ANSWER: &[&str] = &[
    "helicone-session-id",
    "http-referer",
    "idempotency-key",
    "session-id",
    "traceparent",
    "tracestate",
    "x-client-request-id",
    "x-grok-conv-id",
    "x-session-id",
    "x-title",
];

/// Headers with the value that holds where they are absent.
const DEFAULTS: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];

impl Key {
    /// A key from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that 64 hexadecimal digits stand for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// A digest is a hash already, of which 64 bits are enough. Not its first ones, by which stores are divided.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.iter().rev().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte)));
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl fmt::Debug for KeyMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMaker").finish_non_exhaustive()
    }
}

// === impl KeyMaker ===

impl KeyMaker {
    /// A maker with a secret of the deployment. Every process that shares a store needs the same one.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self { secret }
    }

    /// The key of an exact answer.
    #[must_use]
    pub fn exact(&self, parts: KeyParts<'_>, canonical: &[u8]) -> Key {
        self.digest("exact", parts, &[canonical])
    }

    /// The key of a namespace, within which requests differ in nothing but the words of the user. `further` is whatever
    /// else must be equal.
    #[must_use]
    pub fn namespace(&self, parts: KeyParts<'_>, around: &[u8], further: &[&[u8]]) -> Key {
        let mut fields = vec![around];
        fields.extend_from_slice(further);
        self.digest("namespace", parts, &fields)
    }

    /// The key of the answer that several prompts have.
    #[must_use]
    pub fn cluster(&self, cluster: u64) -> Key {
        let mut hash = Fields(Sha256::new());
        hash.field(self.secret.expose().as_bytes());
        hash.field(b"cluster");
        hash.field(&cluster.to_le_bytes());
        Key(hash.0.finalize().into())
    }

    fn digest(&self, purpose: &str, parts: KeyParts<'_>, fields: &[&[u8]]) -> Key {
        let mut hash = Fields(Sha256::new());
        hash.field(self.secret.expose().as_bytes());
        hash.field(purpose.as_bytes());
        hash.field(parts.scope.as_bytes());
        hash.field(parts.target.provider.as_bytes());
        hash.field(parts.target.model.as_bytes());
        let mut headers: Vec<(&str, &[u8])> = parts
            .request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .filter(|(name, value)| {
                NOT_ABOUT_THE_ANSWER.binary_search(name).is_err()
                    && !DEFAULTS.iter().any(|(known, default)| known == name && default.as_bytes() == *value)
            })
            .collect();
        headers.sort_unstable();
        hash.0.update((headers.len() as u64).to_le_bytes());
        for (name, value) in headers {
            hash.field(name.as_bytes());
            hash.field(value);
        }
        fields.iter().for_each(|field| hash.field(field));
        Key(hash.0.finalize().into())
    }
}

/// A digest of fields, each with its length before it: otherwise a byte could move from one field to the next unnoticed.
struct Fields(Sha256);

impl Fields {
    fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tollgate_core::{Context, Head, Operation};

    use super::*;

    fn request(headers: &[(&'static str, &'static str)]) -> Request {
        let context = Context::builder("r").build();
        let mut request = Request::new(Operation::Messages, Head::default(), "".into(), context);
        for (name, value) in headers {
            request.headers.append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn key(
        secret: &str,
        scope: &str,
        target: (&str, &str),
        headers: &[(&'static str, &'static str)],
        body: &str,
    ) -> Key {
        let target = Target::new(target.0, target.1);
        let parts = KeyParts { scope, target: &target, request: &request(headers) };
        KeyMaker::new(Secret::new(secret)).exact(parts, body.as_bytes())
    }

    #[test]
    fn whatever_differs_makes_another_key() {
        let keys = [
            key("s", "a", ("p", "m"), &[], "body"),
            key("t", "a", ("p", "m"), &[], "body"),
            key("s", "b", ("p", "m"), &[], "body"),
            key("s", "a", ("pm", ""), &[], "body"),
            key("s", "ap", ("", "m"), &[], "body"),
            key("s", "a", ("p", "mb"), &[], "ody"),
            key("s", "a", ("p", "m"), &[("anthropic-beta", "x")], "body"),
            key("s", "a", ("p", "m"), &[("anthropic-version", "2099-01-01")], "body"),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn traces_and_defaults_do_not_count() {
        let plain = key("s", "a", ("p", "m"), &[], "body");
        let traced = [("traceparent", "00-1"), ("anthropic-version", "2023-06-01"), ("x-title", "app")];
        assert_eq!(key("s", "a", ("p", "m"), &traced, "body"), plain);
        assert!(NOT_ABOUT_THE_ANSWER.is_sorted());
    }

    #[test]
    fn keys_are_written_and_read() {
        let key = key("s", "a", ("p", "m"), &[], "body");
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_eq!(Key::parse("ab"), None);
        assert_eq!(Key::parse(&"ü".repeat(32)), None);
    }
}
