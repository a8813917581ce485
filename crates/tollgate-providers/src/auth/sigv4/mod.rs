//! Amazon's Signature Version 4, for every service but S3, whose paths are signed in another way
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

mod canonical;
mod date;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use ring::{digest, hmac};
use tollgate_core::{Error, ErrorKind, Secret};

use self::canonical::Canonical;
use super::CredentialsError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Keys of an AWS account. Clones share them.
#[derive(Clone)]
pub struct AwsCredentials {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Option<HeaderValue>,
}

/// Signs requests to one service in one region.
#[derive(Clone)]
pub struct SigV4Signer {
    credentials: AwsCredentials,
    region: String,
    service: String,
}

// === impl AwsCredentials ===

impl AwsCredentials {
    /// Takes an access key, and the session token of temporary ones.
    ///
    /// # Errors
    /// If one of them is empty or has characters that it cannot have.
    pub fn new(
        access_key_id: &str,
        secret_access_key: Secret,
        session_token: Option<&Secret>,
    ) -> Result<Self, CredentialsError> {
        if !is_scope(access_key_id) {
            return Err(CredentialsError("the access key id is empty or has a forbidden character"));
        }
        if secret_access_key.expose().is_empty() {
            return Err(CredentialsError("the secret access key is empty"));
        }
        let session_token = session_token.map(|token| {
            let mut value = HeaderValue::from_str(token.expose()).ok().filter(|value| !value.is_empty())?;
            value.set_sensitive(true);
            Some(value)
        });
        if session_token == Some(None) {
            return Err(CredentialsError("the session token is empty or has a forbidden character"));
        }
        Ok(Self { access_key_id: access_key_id.to_owned(), secret_access_key, session_token: session_token.flatten() })
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials").finish_non_exhaustive()
    }
}

// === impl SigV4Signer ===

impl SigV4Signer {
    /// A signer for a region such as `us-east-1` and a service such as `bedrock`.
    ///
    /// # Errors
    /// If region or service is empty or has characters that it cannot have.
    pub fn new(credentials: AwsCredentials, region: &str, service: &str) -> Result<Self, CredentialsError> {
        if !is_scope(region) || !is_scope(service) {
            return Err(CredentialsError("the region or the service is empty or has a forbidden character"));
        }
        Ok(Self { credentials, region: region.to_owned(), service: service.to_owned() })
    }

    /// Signs a request: sets `authorization`, `x-amz-date`, the session token's header if there is one, and `host` if
    /// it is missing. `uri` is as it goes over the wire, with its path percent-encoded once. All headers are signed but
    /// those that a proxy may change; the request must not be changed afterwards.
    ///
    /// # Errors
    /// If there is no host, or the clock is not between 1970 and 9999.
    pub fn sign(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Error> {
        if !headers.contains_key(HOST) {
            headers.insert(HOST, host(uri).ok_or_else(|| fault("A request to be signed has no host."))?);
        }
        let stamp = date::stamp(now).ok_or_else(|| fault("The gateway's clock is wrong."))?;
        headers.insert(DATE, HeaderValue::from_str(&stamp).map_err(|_| fault("The gateway's clock is wrong."))?);
        if let Some(token) = &self.credentials.session_token {
            headers.insert(SECURITY_TOKEN, token.clone());
        }
        let canonical = Canonical::new(method, uri.path(), uri.query().unwrap_or_default(), headers, body);
        let mut value = HeaderValue::from_str(&self.authorization(&canonical, &stamp))
            .map_err(|_| fault("A request could not be signed."))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    fn authorization(&self, canonical: &Canonical, stamp: &str) -> String {
        format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={}",
            self.credentials.access_key_id,
            self.scope(stamp),
            canonical.signed_headers,
            hex(self.sign_text(&self.string_to_sign(canonical, stamp), stamp).as_ref()),
        )
    }

    fn string_to_sign(&self, canonical: &Canonical, stamp: &str) -> String {
        format!("{ALGORITHM}\n{stamp}\n{}\n{}", self.scope(stamp), sha256(&canonical.request))
    }

    /// For which day, region and service a signature holds.
    fn scope(&self, stamp: &str) -> String {
        format!("{}/{}/{}/aws4_request", day(stamp), self.region, self.service)
    }

    fn sign_text(&self, text: &str, stamp: &str) -> hmac::Tag {
        let secret = format!("AWS4{}", self.credentials.secret_access_key.expose());
        let first = mac(secret.as_bytes(), day(stamp));
        let parts = [&self.region, &self.service, "aws4_request", text];
        parts.into_iter().fold(first, |key, part| mac(key.as_ref(), part))
    }
}

impl fmt::Debug for SigV4Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4Signer")
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Whether a text can be part of a scope and of the header that names it.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+=@".contains(&byte))
}

/// The host as the client will send it: without the port that the scheme implies.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let name = uri.host()?;
    let port =
        uri.port_u16().filter(|port| !matches!((uri.scheme_str(), port), (Some("https"), 443) | (Some("http"), 80)));
    HeaderValue::from_str(&port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))).ok()
}

fn day(stamp: &str) -> &str {
    stamp.split('T').next().unwrap_or_default()
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

fn fault(message: &str) -> Error {
    Error::new(ErrorKind::Internal, message)
}
