//! Who asks for a token.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use http::Uri;
use http::uri::Scheme;
use serde_json::Value;
use tollgate_core::{Error, Secret};

use super::jwt::Signer;
use crate::auth::CredentialsError;

const DEFAULT_TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A Google identity: a service account's key, a user's refresh token, or an access token that somebody else renews.
pub struct GoogleCredentials {
    pub(super) grant: Grant,
    project_id: Option<String>,
}

pub(super) enum Grant {
    /// A token to be used as it is.
    Fixed(Secret),
    /// A service account (RFC 7523).
    ServiceAccount { signer: Box<Signer>, token_uri: Uri },
    /// A user (RFC 6749, section 6).
    User { client_id: String, client_secret: Secret, refresh_token: Secret, token_uri: Uri },
}

// === impl GoogleCredentials ===

impl GoogleCredentials {
    /// Reads the JSON file of a service account (`service_account`) or of a user (`authorized_user`).
    ///
    /// # Errors
    /// If it is not JSON, of another type, lacks a member, has a key that is no RSA key in PKCS #8, or a `token_uri` that
    /// is neither `https` nor `http` on this machine.
    pub fn from_json(json: &Secret) -> Result<Self, CredentialsError> {
        let document: Value =
            serde_json::from_str(json.expose()).map_err(|_| CredentialsError("the credentials are not JSON"))?;
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let token_uri = token_uri(text("token_uri").unwrap_or(DEFAULT_TOKEN_URI))?;
        let grant = match text("type") {
            Some("service_account") => {
                let email = text("client_email").ok_or(CredentialsError("the credentials lack `client_email`"))?;
                let key = text("private_key").ok_or(CredentialsError("the credentials lack `private_key`"))?;
                Grant::ServiceAccount { signer: Box::new(Signer::new(email, text("private_key_id"), key)?), token_uri }
            }
            Some("authorized_user") => {
                let secret = |name, missing| text(name).map(Secret::new).ok_or(CredentialsError(missing));
                Grant::User {
                    client_id: text("client_id")
                        .ok_or(CredentialsError("the credentials lack `client_id`"))?
                        .to_owned(),
                    client_secret: secret("client_secret", "the credentials lack `client_secret`")?,
                    refresh_token: secret("refresh_token", "the credentials lack `refresh_token`")?,
                    token_uri,
                }
            }
            _ => return Err(CredentialsError("the credentials' `type` is not `service_account` or `authorized_user`")),
        };
        Ok(Self { grant, project_id: text("project_id").or(text("quota_project_id")).map(str::to_owned) })
    }

    /// An access token that is used as it is and never renewed.
    #[must_use]
    pub fn access_token(token: Secret) -> Self {
        Self { grant: Grant::Fixed(token), project_id: None }
    }

    /// The project that the credentials name.
    #[must_use]
    pub fn project_id(&self) -> Option<&str> {
        self.project_id.as_deref()
    }
}

impl fmt::Debug for GoogleCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleCredentials").field("project_id", &self.project_id).finish_non_exhaustive()
    }
}

// === impl Grant ===

impl Grant {
    /// Where to ask and with which form; `None` if there is nothing to ask.
    pub(super) fn form(&self, now: SystemTime) -> Option<Result<(&Uri, String), Error>> {
        Some(match self {
            Self::Fixed(_) => return None,
            Self::ServiceAccount { signer, token_uri } => {
                signer.assertion(&token_uri.to_string(), now).map(|assertion| {
                    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                    (token_uri, form(&[("grant_type", grant), ("assertion", &assertion)]))
                })
            }
            Self::User { client_id, client_secret, refresh_token, token_uri } => Ok((
                token_uri,
                form(&[
                    ("grant_type", "refresh_token"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose()),
                    ("refresh_token", refresh_token.expose()),
                ]),
            )),
        })
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// An address that a secret may be sent to.
fn token_uri(text: &str) -> Result<Uri, CredentialsError> {
    let refused = CredentialsError("the credentials' `token_uri` is neither `https` nor `http` on this machine");
    let uri: Uri = text.parse().map_err(|_| refused)?;
    let host = uri.host().ok_or(refused)?;
    let is_loopback = || {
        let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        host == "localhost" || address.is_some_and(|address| address.is_loopback())
    };
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let is_safe = uri.scheme() == Some(&Scheme::HTTPS) || (uri.scheme() == Some(&Scheme::HTTP) && is_loopback());
    if is_safe && !has_user { Ok(uri) } else { Err(refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_secret_may_be_sent_to() {
        for good in [DEFAULT_TOKEN_URI, "http://127.0.0.1:80/token", "http://[::1]:1/", "http://localhost:1/token"] {
            assert!(token_uri(good).is_ok(), "{good}");
        }
        for bad in [
            "http://oauth2.googleapis.com/token",
            "http://127.0.0.1.example/",
            "ftp://localhost/",
            "/token",
            "x",
            "",
            "https://user:pass@example.com/",
            "http://10.0.0.1/",
        ] {
            assert!(token_uri(bad).is_err(), "{bad}");
        }
    }

    #[track_caller]
    fn check_refused(json: &str, expect: &str) {
        let error = GoogleCredentials::from_json(&Secret::new(json)).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_quoted() {
        check_refused("hidden", "not JSON");
        check_refused(r#"{"type":"hidden"}"#, "`type`");
        check_refused(r#"{"type":"service_account"}"#, "`client_email`");
        check_refused(r#"{"type":"service_account","client_email":"a"}"#, "`private_key`");
        check_refused(r#"{"type":"service_account","client_email":"a","private_key":"hidden"}"#, "PKCS #8");
        check_refused(r#"{"type":"authorized_user","client_id":"a","client_secret":"hidden"}"#, "`refresh_token`");
        check_refused(r#"{"type":"authorized_user","token_uri":"http://hidden.example/"}"#, "`token_uri`");
    }

    #[test]
    fn a_user_gives_a_form() {
        let json = r#"{"type":"authorized_user","client_id":"i&d","client_secret":"s=","refresh_token":"1//r+","quota_project_id":"p"}"#;
        let credentials = GoogleCredentials::from_json(&Secret::new(json)).unwrap();
        assert_eq!(credentials.project_id(), Some("p"));
        let (uri, form) = credentials.grant.form(SystemTime::now()).unwrap().unwrap();
        assert_eq!(uri, DEFAULT_TOKEN_URI);
        assert_eq!(form, "grant_type=refresh%5Ftoken&client_id=i%26d&client_secret=s%3D&refresh_token=1%2F%2Fr%2B");
    }
}
