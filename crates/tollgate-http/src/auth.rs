//! Who may come in.

use http::{HeaderMap, header};
use tollgate_core::ir::Protocol;
use tollgate_core::{BoxFuture, Error, ErrorKind, Identity, Secret};

/// Decides who a client is, before its body is read: a stranger should not make the gateway hold megabytes.
pub trait Authenticate: Send + Sync {
    /// The identity behind a credential; `None` where the client presented none.
    ///
    /// # Errors
    /// Usually [`ErrorKind::InvalidApiKey`]. The error must not quote the credential.
    fn authenticate<'a>(&'a self, credential: Option<&'a Secret>) -> BoxFuture<'a, Result<Identity, Error>>;
}

/// Everybody may come in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

/// Whoever has the one key may come in.
#[derive(Clone, Debug)]
pub struct OneKey {
    key: Secret,
    name: std::sync::Arc<str>,
}

impl OneKey {
    /// A key, and the name under which its use is accounted.
    #[must_use]
    pub fn new(key: Secret, name: &str) -> Self {
        Self { key, name: name.into() }
    }
}

impl Authenticate for Open {
    fn authenticate<'a>(&'a self, _: Option<&'a Secret>) -> BoxFuture<'a, Result<Identity, Error>> {
        Box::pin(std::future::ready(Ok(Identity::default())))
    }
}

impl Authenticate for OneKey {
    fn authenticate<'a>(&'a self, credential: Option<&'a Secret>) -> BoxFuture<'a, Result<Identity, Error>> {
        Box::pin(std::future::ready(match credential {
            Some(credential) if *credential == self.key => Ok(Identity::of_key(self.name.clone())),
            Some(_) => Err(Error::new(ErrorKind::InvalidApiKey, "The API key is not valid for this gateway.")),
            None => Err(Error::new(
                ErrorKind::InvalidApiKey,
                "You did not provide an API key; send it as `Authorization: Bearer KEY`.",
            )),
        }))
    }
}

/// The credential of a request, wherever the client's SDK puts it: `Authorization: Bearer`, `x-api-key`,
/// `x-goog-api-key` or `api-key`.
#[must_use]
pub fn credential(headers: &HeaderMap) -> Option<Secret> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let alone = || ["x-api-key", "x-goog-api-key", "api-key"].iter().find_map(|name| headers.get(*name)?.to_str().ok());
    bearer.or_else(alone).filter(|token| !token.is_empty()).map(Secret::new)
}

/// Google's clients may put their key into the query.
pub(crate) fn query_credential(protocol: Protocol, query: Option<&str>) -> Option<Secret> {
    let query = query.filter(|_| protocol == Protocol::GeminiGenerate)?;
    let key = query.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    let key = percent_encoding::percent_decode_str(key).decode_utf8().ok()?;
    (!key.is_empty()).then(|| Secret::new(key.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &'static str, value: &'static str, expect: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static(value));
        assert_eq!(credential(&headers).as_ref().map(Secret::expose), expect);
    }

    #[test]
    fn every_sdk_has_its_own_header() {
        check("authorization", "Bearer k", Some("k"));
        check("authorization", "bearer  k ", Some("k"));
        check("authorization", "Basic k", None);
        check("authorization", "Bearer ", None);
        check("x-api-key", "k", Some("k"));
        check("x-goog-api-key", "k", Some("k"));
        check("cookie", "k", None);
    }

    #[tokio::test]
    async fn one_key() {
        let door = OneKey::new(Secret::new("right"), "default");
        assert_eq!(door.authenticate(Some(&Secret::new("right"))).await.unwrap().key.as_deref(), Some("default"));
        for wrong in [None, Some(Secret::new("wrong"))] {
            let error = door.authenticate(wrong.as_ref()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidApiKey);
            assert!(!error.to_string().contains("wrong"));
        }
    }
}
