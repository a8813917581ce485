//! How a cache behaves.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{CacheMode, Identity};

/// How a cache behaves.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// What is done for requests that do not say. Defaults to [`CacheMode::Off`].
    pub mode: CacheMode,
    /// Who shares answers. Defaults to [`Scope::Key`].
    pub scope: Scope,
    /// For how long an answer is fresh where nothing else says so. Defaults to an hour.
    pub ttl: Duration,
    /// Whether prompts whose answers soon go stale, such as those about today, shorten that time. Defaults to true.
    pub volatility: bool,
    /// The longest that a client may ask for. Defaults to 30 days.
    pub max_ttl: Duration,
    /// For how long after that it is still served while a new one is fetched. Defaults to zero.
    pub stale_while_revalidate: Duration,
    /// For how long after that it is served where a new one cannot be had. Defaults to zero.
    pub stale_if_error: Duration,
    /// The largest answer that is stored, in bytes as its client saw it. Defaults to 1 MiB.
    pub max_entry: usize,
    /// Whether answers are reused where the temperature is above zero, or not given. Defaults to true.
    pub reuse_sampled: bool,
    /// How many different answers are kept for each request of that kind, of which one is served at random; at least one.
    /// Defaults to one.
    pub variants: u8,
    /// Whether equal requests in flight share one answer. Defaults to true.
    pub coalesce: bool,
    /// Whether clients that share answers are kept from telling what others have asked: stored answers come as slowly as they
    /// came the first time. Has no effect with [`Scope::Key`]. Defaults to true.
    pub conceal: bool,
}

/// Who shares answers. Keys belong to paths such as `acme/search/alice`, of tenant, team and user; of a key that belongs
/// nowhere, the name is taken for its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Requests with the same key.
    #[default]
    Key,
    /// Requests whose keys have the first two parts of their path in common.
    Team,
    /// Requests whose keys have the first part of their path in common.
    Tenant,
    /// All requests.
    Deployment,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: CacheMode::Off,
            scope: Scope::Key,
            ttl: Duration::from_secs(3600),
            volatility: true,
            max_ttl: Duration::from_secs(30 * 24 * 3600),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            max_entry: 1024 * 1024,
            reuse_sampled: true,
            variants: 1,
            coalesce: true,
            conceal: true,
        }
    }
}

impl Settings {
    /// Whether a stored answer must look as if it were new.
    #[must_use]
    pub fn conceals(&self) -> bool {
        self.conceal && self.scope != Scope::Key
    }
}

impl Scope {
    /// The name of the scope of a client; requests without a key share one of their own.
    #[must_use]
    pub fn of(self, identity: &Identity) -> Arc<str> {
        let Some(key) = &identity.key else { return "".into() };
        let parts = match self {
            Self::Key => return format!("key:{key}").into(),
            Self::Team => 2,
            Self::Tenant => 1,
            Self::Deployment => return "all".into(),
        };
        let path = identity.path.as_ref().unwrap_or(key);
        let end = path.match_indices('/').nth(parts - 1).map_or(path.len(), |(at, _)| at);
        format!("path:{}", &path[..end]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_keys() {
        let of = |scope: Scope, key: &str| scope.of(&Identity::of_key(key)).to_string();
        assert_eq!(of(Scope::Key, "acme/search/alice"), "key:acme/search/alice");
        assert_eq!(of(Scope::Team, "acme/search/alice"), "path:acme/search");
        assert_eq!(of(Scope::Tenant, "acme/search/alice"), "path:acme");
        assert_eq!(of(Scope::Tenant, "acme"), "path:acme");
        assert_eq!(of(Scope::Deployment, "acme"), "all");
        assert_eq!(&*Scope::Key.of(&Identity::default()), "");
    }

    #[test]
    fn scopes_follow_the_path_of_a_key() {
        let mut identity = Identity::of_key("alice/laptop");
        identity.path = Some("acme/search/alice".into());
        let of = |scope: Scope| scope.of(&identity).to_string();
        assert_eq!(of(Scope::Key), "key:alice/laptop");
        assert_eq!(of(Scope::Team), "path:acme/search");
        assert_eq!(of(Scope::Tenant), "path:acme");
    }
}
