//! A virtual key.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_core::ir::Protocol;

use super::document::kinds;
use super::token::{self, Digest};
use super::{DirectoryError, KeyPath, Object, time};

/// A key that the gateway gives to a client: whose it is and what it may be used for. Its secret is not in here; of that
/// only the digest is kept, which neither `Debug` nor JSON shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VirtualKey {
    /// What tells it from others; a part of the key's text, and no secret.
    pub id: String,
    /// The beginning of its text, `tg-` and the id, by which somebody who holds a key can find it here.
    pub prefix: String,
    /// The name under which its use is accounted. No other key has it, and it never changes.
    pub name: String,
    /// Where it belongs; `None` where nobody said.
    pub path: Option<KeyPath>,
    /// Tags of requests that do not give a value of their own.
    pub tags: BTreeMap<String, String>,
    /// The models that it may be used for; all if empty. See [`tollgate_core::Grant`].
    pub models: Vec<String>,
    /// The providers that it may be used for; all if empty.
    pub providers: Vec<String>,
    /// The protocols of the front doors that it may be used at, such as `openai_chat`; all if empty.
    pub protocols: Vec<String>,
    /// Whether it may be used for what a provider offers besides, also where models or protocols are limited.
    pub passthrough: bool,
    /// Limits on its use, each as the document of a limit says it.
    pub limits: Vec<Value>,
    /// Budgets for its use, each as the document of a budget says it.
    pub budgets: Vec<Value>,
    /// Until when it is valid; `None` if it has no end.
    #[serde(with = "time::optional")]
    pub expires_at: Option<SystemTime>,
    /// Whether it is refused for now.
    pub disabled: bool,
    /// Until when a secret from before a rotation is still taken, if there is one.
    #[serde(with = "time::optional")]
    pub previous_secret_until: Option<SystemTime>,
    /// The revision that it has been like this since.
    pub version: u64,
    /// When it was made.
    #[serde(with = "time")]
    pub created_at: SystemTime,
    /// When it was changed last.
    #[serde(with = "time")]
    pub changed_at: SystemTime,
    /// When it was last used, to about a minute; `None` if never.
    #[serde(with = "time::optional")]
    pub last_used_at: Option<SystemTime>,
    #[serde(skip)]
    pub(crate) secrets: Vec<StoredSecret>,
}

/// Which keys are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Only those with this path or one below it.
    pub within: Option<KeyPath>,
    /// Only those that are disabled, or that are not.
    pub disabled: Option<bool>,
    /// Only those that have expired by now, or that have not.
    pub expired: Option<bool>,
    /// Only those with this default tag and value.
    pub tag: Option<(String, String)>,
}

/// A secret that is taken for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredSecret {
    pub(crate) digest: Digest,
    /// Until when; `None` for the newest.
    pub(crate) until: Option<SystemTime>,
}

/// What a store keeps of a key besides its names and times.
#[derive(Deserialize, Serialize)]
struct Body {
    tags: BTreeMap<String, String>,
    models: Vec<String>,
    providers: Vec<String>,
    protocols: Vec<String>,
    passthrough: bool,
    limits: Vec<Value>,
    budgets: Vec<Value>,
    #[serde(with = "time::optional")]
    expires_at: Option<SystemTime>,
    disabled: bool,
    secrets: Vec<BodySecret>,
}

#[derive(Deserialize, Serialize)]
struct BodySecret {
    sha256: String,
    #[serde(with = "time::optional")]
    until: Option<SystemTime>,
}

// === impl VirtualKey ===

impl VirtualKey {
    /// Whether it has expired at a time.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The protocols that it is limited to.
    pub(crate) fn known_protocols(&self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.into_iter().filter(|protocol| self.protocols.iter().any(|word| word == protocol.as_str()))
    }

    /// The key that a store has kept.
    pub(crate) fn of(object: Object) -> Result<Self, DirectoryError> {
        let broken = |cause: Box<dyn std::error::Error + Send + Sync>| {
            DirectoryError::unavailable(format!("the key {} cannot be read", object.id), cause)
        };
        let body: Body = serde_json::from_str(&object.body).map_err(|error| broken(error.into()))?;
        let path = object.path.as_deref().map(str::parse).transpose().map_err(|error| broken(Box::new(error)))?;
        let secrets: Option<Vec<StoredSecret>> = body
            .secrets
            .iter()
            .map(|secret| Some(StoredSecret { digest: Digest::from_hex(&secret.sha256)?, until: secret.until }))
            .collect();
        let secrets = secrets.ok_or_else(|| broken("a digest is none".into()))?;
        Ok(Self {
            prefix: token::visible_part(&object.id),
            id: object.id,
            name: object.name,
            path,
            tags: body.tags,
            models: body.models,
            providers: body.providers,
            protocols: body.protocols,
            passthrough: body.passthrough,
            limits: body.limits,
            budgets: body.budgets,
            expires_at: body.expires_at,
            disabled: body.disabled,
            previous_secret_until: secrets.iter().filter_map(|secret| secret.until).max(),
            version: object.version,
            created_at: object.created_at,
            changed_at: object.changed_at,
            last_used_at: object.last_used_at,
            secrets,
        })
    }

    /// The key as a store keeps it.
    pub(crate) fn to_object(&self) -> Object {
        let secret = |secret: &StoredSecret| BodySecret { sha256: secret.digest.to_hex(), until: secret.until };
        let body = Body {
            tags: self.tags.clone(),
            models: self.models.clone(),
            providers: self.providers.clone(),
            protocols: self.protocols.clone(),
            passthrough: self.passthrough,
            limits: self.limits.clone(),
            budgets: self.budgets.clone(),
            expires_at: self.expires_at,
            disabled: self.disabled,
            secrets: self.secrets.iter().map(secret).collect(),
        };
        Object {
            kind: kinds::KEY.to_owned(),
            id: self.id.clone(),
            name: self.name.clone(),
            path: self.path.as_ref().map(|path| path.as_str().to_owned()),
            // Maps with keys that are text, lists, numbers: there is nothing in it that JSON cannot say.
            body: serde_json::to_string(&body).unwrap_or_default(),
            version: self.version,
            created_at: self.created_at,
            changed_at: self.changed_at,
            last_used_at: self.last_used_at,
        }
    }

    /// What the audit log tells of it.
    pub(crate) fn for_audit(&self) -> Value {
        let mut told = serde_json::to_value(self).unwrap_or_default();
        if let Some(members) = told.as_object_mut() {
            // They are in every entry already, or change without anybody changing them.
            ["version", "changed_at", "last_used_at"].into_iter().for_each(|name| drop(members.remove(name)));
        }
        told
    }
}

// === impl KeyFilter ===

impl KeyFilter {
    pub(crate) fn matches(&self, key: &VirtualKey, now: SystemTime) -> bool {
        let is_within = |path: &KeyPath| key.path.as_ref().is_some_and(|own| own.is_within(path));
        self.within.as_ref().is_none_or(is_within)
            && self.disabled.is_none_or(|disabled| key.disabled == disabled)
            && self.expired.is_none_or(|expired| key.is_expired(now) == expired)
            && self.tag.as_ref().is_none_or(|(name, value)| key.tags.get(name) == Some(value))
    }
}
