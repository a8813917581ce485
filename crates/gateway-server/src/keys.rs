//! Who may come in: whoever has a virtual key, or the one key of the configuration.

use std::sync::Arc;
use std::time::SystemTime;

use tollgate_core::{BoxFuture, Error, ErrorKind, Identity, Secret};
use tollgate_http::Authenticate;
use tollgate_usage::directory::{KeyRefusal, KeyRing};

/// The name under which the use of the configuration's key is accounted.
const CONFIGURED: &str = "default";

/// Lets in whoever has a key. Where there is none and none is demanded, everybody may come in.
#[derive(Clone, Debug)]
pub(crate) struct ClientKeys {
    ring: Arc<KeyRing>,
    configured: Option<Secret>,
    required: bool,
    default_identity: Identity,
}

// === impl ClientKeys ===

impl ClientKeys {
    /// The keys of a ring, and the configuration's. If `required` is set a key is demanded even before there is one.
    pub(crate) fn new(ring: Arc<KeyRing>, configured: Option<Secret>, required: bool) -> Self {
        Self { ring, configured, required, default_identity: Identity::of_key(CONFIGURED) }
    }

    fn identify(&self, credential: Option<&Secret>) -> Result<Identity, Error> {
        let is_open = self.configured.is_none() && !self.required && !self.ring.had_keys();
        let Some(credential) = credential else {
            let message = "You did not provide an API key; send it as `Authorization: Bearer KEY`.";
            return if is_open { Ok(Identity::default()) } else { Err(refused(message)) };
        };
        if self.configured.as_ref() == Some(credential) {
            return Ok(self.default_identity.clone());
        }
        match self.ring.find(credential.expose(), SystemTime::now()) {
            Ok(holder) => Ok(holder.identity().clone()),
            // Clients send what they have to send to servers that ask for nothing.
            Err(KeyRefusal::Unknown) if is_open => Ok(Identity::default()),
            Err(KeyRefusal::Unknown) => Err(refused("The API key is not valid for this gateway.")),
            Err(KeyRefusal::Disabled) => Err(refused("The API key is disabled.")),
            Err(KeyRefusal::Expired) => Err(refused("The API key has expired.")),
        }
    }
}

impl Authenticate for ClientKeys {
    fn authenticate<'a>(&'a self, credential: Option<&'a Secret>) -> BoxFuture<'a, Result<Identity, Error>> {
        Box::pin(std::future::ready(self.identify(credential)))
    }
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::InvalidApiKey, message)
}

#[cfg(test)]
mod tests {
    use tollgate_usage::directory::{Actor, Directory, KeyUpdate, MemoryDirectory, NewKey};

    use super::*;

    /// A ring with the key `web`, whose secret is returned.
    async fn ring(disabled: bool) -> (Arc<KeyRing>, Secret) {
        let directory = Directory::new(Arc::new(MemoryDirectory::new()));
        let new = NewKey { name: "web".into(), ..NewKey::default() };
        let issued = directory.create_key(&Actor::cli("test"), new).await.expect("is made");
        directory.update_key(&Actor::cli("test"), "web", KeyUpdate::disabled(disabled)).await.expect("is changed");
        let ring = Arc::new(KeyRing::new());
        ring.replace(&directory.snapshot().await.expect("a snapshot"));
        (ring, issued.secret)
    }

    #[track_caller]
    fn check(keys: &ClientKeys, credential: Option<&Secret>, expect: Result<Option<&str>, &str>) {
        match (keys.identify(credential), expect) {
            (Ok(identity), Ok(name)) => assert_eq!(identity.key.as_deref(), name),
            (Err(error), Err(part)) => {
                assert_eq!(error.kind(), ErrorKind::InvalidApiKey);
                assert!(error.to_string().contains(part), "{error}");
            }
            (answer, expect) => panic!("{expect:?} and not {answer:?}"),
        }
    }

    #[tokio::test]
    async fn without_any_key_everybody_may_come_in() {
        let keys = ClientKeys::new(Arc::default(), None, false);
        check(&keys, None, Ok(None));
        check(&keys, Some(&Secret::new("sk-anything")), Ok(None));
    }

    #[tokio::test]
    async fn a_key_may_be_demanded_before_there_is_one() {
        let keys = ClientKeys::new(Arc::default(), None, true);
        check(&keys, None, Err("did not provide"));
        check(&keys, Some(&Secret::new("sk-anything")), Err("not valid"));
    }

    #[tokio::test]
    async fn one_virtual_key_closes_the_door() {
        let (ring, secret) = ring(false).await;
        let keys = ClientKeys::new(ring, None, false);
        check(&keys, Some(&secret), Ok(Some("web")));
        check(&keys, None, Err("did not provide"));
        check(&keys, Some(&Secret::new("sk-anything")), Err("not valid"));
    }

    #[tokio::test]
    async fn the_configured_key_stays_valid() {
        let (ring, secret) = ring(false).await;
        let keys = ClientKeys::new(ring, Some(Secret::new("configured")), false);
        check(&keys, Some(&secret), Ok(Some("web")));
        check(&keys, Some(&Secret::new("configured")), Ok(Some("default")));
    }

    #[tokio::test]
    async fn who_is_disabled_is_told_so() {
        let (ring, secret) = ring(true).await;
        check(&ClientKeys::new(ring, None, false), Some(&secret), Err("is disabled"));
    }
}
