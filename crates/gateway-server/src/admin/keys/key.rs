//! A virtual key, as the API tells it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tollgate_usage::directory;

use crate::admin::rest::Time;

/// A key that clients use. Its secret is not in here: the gateway does not know it.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(in crate::admin) struct Key {
    /// What tells it from others; a part of the key's text, and no secret.
    id: String,
    /// The beginning of its text, by which somebody who holds a key can find it here.
    prefix: String,
    /// The name under which its use is accounted.
    name: String,
    /// Where it belongs; null where nobody said.
    path: Option<String>,
    /// Tags of requests that do not give a value of their own.
    tags: BTreeMap<String, String>,
    /// The models that it may be used for; all if empty.
    models: Vec<String>,
    /// The providers that it may be used for; all if empty.
    providers: Vec<String>,
    /// The protocols of the front doors that it may be used at; all if empty.
    protocols: Vec<String>,
    /// Whether it may be used for what a provider offers besides, also where models or protocols are limited.
    passthrough: bool,
    /// Limits on its use.
    limits: Vec<Value>,
    /// Budgets for its use.
    budgets: Vec<Value>,
    /// Until when it is valid; null if it has no end.
    expires_at: Option<Time>,
    /// Whether it is refused for now.
    disabled: bool,
    /// Until when a secret from before a rotation is still taken, if there is one.
    previous_secret_until: Option<Time>,
    /// The revision that it has been like this since.
    version: u64,
    created_at: Time,
    changed_at: Time,
    /// When it was last used, to about a minute; null if never.
    last_used_at: Option<Time>,
}

/// A key with its secret, which nobody can see a second time.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(in crate::admin) struct IssuedKey {
    /// The text that clients send.
    secret: String,
    #[serde(flatten)]
    key: Key,
}

impl From<directory::VirtualKey> for Key {
    fn from(key: directory::VirtualKey) -> Self {
        Self {
            id: key.id,
            prefix: key.prefix,
            name: key.name,
            path: key.path.map(|path| path.to_string()),
            tags: key.tags,
            models: key.models,
            providers: key.providers,
            protocols: key.protocols,
            passthrough: key.passthrough,
            limits: key.limits,
            budgets: key.budgets,
            expires_at: key.expires_at.map(Time),
            disabled: key.disabled,
            previous_secret_until: key.previous_secret_until.map(Time),
            version: key.version,
            created_at: Time(key.created_at),
            changed_at: Time(key.changed_at),
            last_used_at: key.last_used_at.map(Time),
        }
    }
}

impl From<directory::IssuedKey> for IssuedKey {
    fn from(issued: directory::IssuedKey) -> Self {
        Self { secret: issued.secret.expose().to_owned(), key: issued.key.into() }
    }
}
